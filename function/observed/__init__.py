"""The observed state: which Releases and Usages exist, and whether they are healthy.

A line here reads what Crossplane observed, and never looks at a wish. Imports `api` and `k8s`.
"""
