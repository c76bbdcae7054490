"""The program `stop-workloads`: stops all pods of a namespace whose data is retained."""
