"""The API: the VCluster and the Input, their validation, and derived names.

The code here decides what a user may write and whether it is well formed. It never reads observed
objects, and imports `k8s` alone.
"""
