"""`python -m jobs.backup` is the console script `vcluster-backup`."""

from jobs.backup.main import main

main()
