"""The API that people write: the VCluster and the Input, their validation and derived names.

A line here answers: may a user write this, and is it well formed? It never looks at what exists.
Imports `k8s` alone.
"""
