"""Is the model right about real RPC stacks? Recorded runs of grpc-go, grpcio and Node, simulated from what was set."""
