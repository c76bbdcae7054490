"""Keys of the Usages among the composed resources."""

VCLUSTER_BY_RANCHER = "vcluster-by-rancher"

VCLUSTER_BY_BACKUP = "vcluster-by-backup"

NAMESPACE_BY_VCLUSTER = "namespace-by-vcluster"

DELETION_PROTECTION = "deletion-protection"

KEYS = (VCLUSTER_BY_RANCHER, VCLUSTER_BY_BACKUP, NAMESPACE_BY_VCLUSTER, DELETION_PROTECTION)
