"""Input that nobody wrote, to what takes input from others: `make fuzz TARGET=edge SECONDS=60`."""
