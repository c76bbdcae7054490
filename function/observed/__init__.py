"""The observed state: which Releases and Usages exist, and whether they are healthy.

Reads what Crossplane observed and never the requested spec. Imports `api` and `k8s`.
"""
