"""The response: what the user, the log and the metrics read.

A line here turns conditions and decisions into statuses, events and messages. Imports `decision`
and what is below, not `desired`.
"""
