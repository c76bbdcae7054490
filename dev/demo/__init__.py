"""The function at work, without a cluster: `make demo`."""
