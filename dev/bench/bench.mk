# Benchmarks beside `make bench`.
.PHONY: bench-scale

# What the image holds, made as the Dockerfile makes it.
.tools/runtime/complete: requirements/runtime.lock $(venv_stamp)
	@echo 'bench: installing what the image holds into .tools/runtime'
	@$(PYTHON) -m venv --clear .tools/runtime
	@.tools/runtime/bin/python -m pip install --quiet --disable-pip-version-check --no-compile \
		--require-hashes --only-binary :all: --requirement requirements/runtime.lock
	@$(venv_python) -m hatchling build --target wheel --directory .tools/runtime/dist >/dev/null
	@.tools/runtime/bin/python -m pip install --quiet --disable-pip-version-check --no-compile \
		--no-index --no-deps .tools/runtime/dist/*.whl
	@.tools/runtime/bin/python -m compileall -q --invalidation-mode unchecked-hash .tools/runtime/lib
	@touch $@

# Many minutes. Options of the program: SCALE_ARGS='--steady 0 --poll 30'.
COUNT = 100
SCALE_ARGS =
# Measure many VClusters on a real control plane with a simulated host: [COUNT=100].
bench-scale: $(venv_stamp) tools tools-apiserver .tools/kubernetes.complete .tools/bin/provider-helm
	@$(venv_python) -m dev.bench.scale --count '$(COUNT)' $(BENCH_RECORD) $(SCALE_ARGS)
	@$(venv_python) -m dev.bench.pictures
