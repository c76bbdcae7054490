"""`python -m jobs.access` is the console script `vcluster-access`."""

from jobs.access.main import main

main()
