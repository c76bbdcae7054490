"""`python -m rancher_import` is the console script `rancher-import`."""

from rancher_import.main import main

main(prog_name="rancher-import")
