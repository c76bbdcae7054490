"""The server: gRPC with mutual TLS, probes, metrics and the cache of responses.

Only this package, `fn.py` and `protobuf.py` know protobuf's messages.
"""
