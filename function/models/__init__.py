"""What users write: the `VCluster` and the function's `Input`, as typed, frozen models."""
