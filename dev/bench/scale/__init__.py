"""Many VClusters at once on a real control plane, with a simulated host: `make bench-scale`."""
