# Pictures of the documentation.
.PHONY: pictures

# Draw docs/images anew.
pictures: $(venv_stamp)
	@$(venv_python) -m dev.demo.picture
