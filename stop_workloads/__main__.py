"""`python -m stop_workloads` is the console script `stop-workloads`."""

from stop_workloads.main import main

main()
