"""Rolling a change out: how large a canary must be, when it stops, and which versions meet which on the way."""
