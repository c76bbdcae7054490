"""A composition function: an observed `VCluster` becomes desired provider-helm Releases."""
