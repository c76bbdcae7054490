"""The program `stop-workloads`, which stops all pods of a namespace with retained data."""
