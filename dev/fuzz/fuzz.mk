# Fuzzing by libFuzzer.
.PHONY: fuzz

# TARGET is one of dev/fuzz/targets.py. What was found is written into the folder .tools/fuzz/found.
TARGET = edge
SECONDS = 60
# Look for input that breaks what takes input: [TARGET=edge] [SECONDS=60].
fuzz: $(venv_stamp) .tools/fuzz/complete
	@mkdir -p .tools/fuzz/found
	@.tools/fuzz/bin/python -m dev.fuzz '$(TARGET)' '.tools/fuzz/corpus/$(TARGET)' \
		-max_total_time=$(SECONDS) -artifact_prefix=.tools/fuzz/found/

.tools/fuzz/complete: requirements/fuzz.lock requirements/runtime.lock
	@echo 'fuzz: installing atheris into .tools/fuzz'
	@$(PYTHON) -m venv --clear .tools/fuzz
	@for lock in requirements/runtime.lock requirements/fuzz.lock; do \
		.tools/fuzz/bin/python -m pip install --quiet --disable-pip-version-check \
			--require-hashes --only-binary :all: --requirement "$$lock" || exit 1; \
	done
	@touch $@
