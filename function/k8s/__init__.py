"""Kubernetes and Helm notions that would exist without this project.

Pure functions and values: quantities, versions, image references, nested values. Nothing here
knows a VCluster, and nothing of this project is imported.
"""
