"""How fast Tinygram is, beside things that anyone knows: `python -m benchmarks.bench`, or `make bench`."""
