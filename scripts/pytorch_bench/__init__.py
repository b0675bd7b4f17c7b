"""The suites of `distillery bench` in PyTorch."""
