"""Fleets: many connections, each with conditions of its own, drawn from laws or a table; what all of them see."""
