"""Looking at a run as an operator looks at a service: windows, what binds, stalls, alerts, advice, metrics."""
