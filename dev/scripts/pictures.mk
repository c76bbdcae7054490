# Pictures of the documentation.
.PHONY: pictures

# Draw docs/images anew: the demo as it is, the plots and tables from dev/bench/measured.
pictures: $(venv_stamp)
	@$(venv_python) -m dev.demo.picture
	@$(venv_python) -m dev.bench.pictures
