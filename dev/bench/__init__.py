"""Benchmark of the function, beside one that does nothing: `make bench`."""
