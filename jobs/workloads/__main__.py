"""`python -m jobs.workloads` is the console script `stop-workloads`."""

from jobs.workloads.main import main

main()
