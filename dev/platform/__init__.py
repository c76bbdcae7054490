"""The whole platform on one machine: a Kubernetes node, Crossplane, provider-helm, a test Rancher.

It needs no Docker engine and no registry. `make up` and `make down` start and remove it.
"""
