"""`python -m function` is the console script `function`."""

from function.main import main

main(prog_name="function")
