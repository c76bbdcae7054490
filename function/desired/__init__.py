"""The desired state: a decision as Releases and Usages.

A line here builds a manifest, and decides nothing. Imports `decision` and what is below.
"""
