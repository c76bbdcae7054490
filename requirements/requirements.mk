# The virtual environment, and the locks that it is made of.
.PHONY: venv

compile = .venv/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
	--python-version 3.11 --custom-compile-command 'make lock' $(LOCK_ARGS)

# Install everything Python into .venv.
venv: $(venv_stamp)

# The project is built with what the locks name, not with what is resolved on the spot.
$(venv_stamp): requirements/uv.lock requirements/build.lock requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
		"Python 3.11 or newer is required, this is " + sys.version.split()[0] + \
		": name another one by PYTHON=...")'
	@echo 'venv: creating .venv'
	@$(PYTHON) -m venv --clear .venv
	@echo 'venv: installing uv'
	@$(venv_python) -m pip install --quiet --disable-pip-version-check \
		--require-hashes --only-binary :all: --requirement requirements/uv.lock
	@echo 'venv: installing requirements/dev.lock'
	@.venv/bin/uv pip sync --python $(venv_python) --require-hashes \
		requirements/dev.lock requirements/build.lock
	@echo 'venv: installing the project'
	@.venv/bin/uv pip install --quiet --python $(venv_python) --no-deps --no-build-isolation \
		--editable .
	@touch $@

# Pin all Python packages anew: [LOCK_ARGS=--upgrade].
# uv has a lock of its own because it installs the others. What builds the project has
# one because the image needs nothing else of the development set; editables is what
# hatchling asks for only once it builds an editable wheel.
lock: $(venv_stamp)
	$(compile) pyproject.toml --output-file requirements/runtime.lock >/dev/null
	$(compile) pyproject.toml --group dev --output-file requirements/dev.lock >/dev/null
	sed -n 's/^ *"\(uv==[^"]*\)".*/\1/p' pyproject.toml | \
		$(compile) - --output-file requirements/uv.lock >/dev/null
	{ sed -n 's/^requires = \["\(hatchling==[^"]*\)".*/\1/p' pyproject.toml; echo editables; } | \
		$(compile) - --output-file requirements/build.lock >/dev/null
	$(compile) requirements/go.in --output-file requirements/go.lock >/dev/null
	$(compile) requirements/fuzz.in --output-file requirements/fuzz.lock >/dev/null
	$(compile) requirements/hadolint.in --output-file requirements/hadolint.lock >/dev/null
