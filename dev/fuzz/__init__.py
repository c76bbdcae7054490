"""Fuzzing of the parsers of external input: `make fuzz TARGET=edge SECONDS=60`."""
