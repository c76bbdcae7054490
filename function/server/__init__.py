"""The server: gRPC with mutual TLS, probes, metrics and the cache of responses.

Only this package, `fn.py`, `protobuf.py` and `wire.py` use protobuf's messages.
"""
