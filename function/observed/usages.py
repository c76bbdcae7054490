"""Keys of the Usages among the composed resources."""

VCLUSTER_BY_RANCHER = "vcluster-by-rancher"

NAMESPACE_BY_VCLUSTER = "namespace-by-vcluster"

DELETION_PROTECTION = "deletion-protection"

KEYS = (VCLUSTER_BY_RANCHER, NAMESPACE_BY_VCLUSTER, DELETION_PROTECTION)
