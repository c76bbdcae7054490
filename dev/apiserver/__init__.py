"""A real etcd and kube-apiserver on loopback ports, and a client of theirs."""
