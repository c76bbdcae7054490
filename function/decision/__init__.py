"""The decision: what the VCluster gets now, and what of its spec is refused.

A line here weighs the spec, the Input and the observed state. It builds no manifest. Imports
`observed` and what is below.
"""
