"""`python -m jobs.rancher` is the console script `rancher-import`."""

from jobs.rancher.main import main

main(prog_name="rancher-import")
