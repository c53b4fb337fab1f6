"""What each stage of the small-write path does: pure rules over flat integer state.

No clock is read, no random number drawn, nothing imported but other rules. `now` (ns) comes in, packets and deadlines
come out. `state` declares the records; start with `nagle` and `delayed_ack`.
"""
