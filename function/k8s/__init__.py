"""Kubernetes and Helm notions that would exist without this project.

Pure functions and values: quantities, versions, image references, nested values. No code here
depends on the VCluster, and nothing of this project is imported.
"""
