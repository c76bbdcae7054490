"""`python -m jobs.clock` is the console script `vcluster-clock`."""

from jobs.clock.main import main

main()
