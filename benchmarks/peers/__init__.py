"""The same scenarios in other simulators, where they are installed."""
