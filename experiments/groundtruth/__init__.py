"""Is the model right about a real kernel? Replays recordings and compares."""
