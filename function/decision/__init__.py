"""The decision: effective spec, refusals and upgrade plan.

Compares the spec, the Input and the observed state, and builds no manifest. Imports `observed` and
the packages below it.
"""
