# Python 3.11 or newer that makes .venv, and .tools/go where Go is missing.
PYTHON = python3
# Further arguments of pytest, such as TEST_ARGS='-k names -n auto'.
TEST_ARGS =
# The name of the platform of `make up`, and where it runs.
LOCAL = dev
CLUSTER ?= node
# Further arguments of `uv pip compile`, such as LOCK_ARGS=--upgrade.
LOCK_ARGS =
EXAMPLE = kunde1
STATE =
# The function's image as `docker save` writes it.
IMAGE_TARBALL =

venv_python = .venv/bin/python
venv_stamp = .venv/complete

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# A Go build takes all cores by itself, and two at once would install Go twice.
.NOTPARALLEL:
.PHONY: help demo test lint format docs up down e2e bench generate lock package clean

help: ## list what people use; further targets stand in the included files
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' Makefile

demo: $(venv_stamp) ## show what the function does, without a cluster
	@$(venv_python) -m dev.demo

test: $(venv_stamp) ## run the tests
	@$(venv_python) -m pytest $(TEST_ARGS)

lint: $(venv_stamp) ## check style, types and the borders between packages
	$(venv_python) -m ruff check
	$(venv_python) -m ruff format --check
	$(venv_python) -m mypy
	.venv/bin/lint-imports

format: $(venv_stamp) ## format the code, and mend what can be mended
	$(venv_python) -m ruff check --fix
	$(venv_python) -m ruff format

docs: $(venv_stamp) ## build the site into dist/site
	@NO_MKDOCS_2_WARNING=1 $(venv_python) -m mkdocs build

# A node of this machine needs Linux and root, kind needs Docker; an existing cluster is that of
# KUBECONFIG, and needs a REGISTRY too. Several can run side by side: LOCAL=mine.
up_tools_node = tools-node
up_tools_kind = tools .tools/bin/kubectl
up_tools_existing = $(up_tools_kind)

up: $(venv_stamp) $(up_tools_$(CLUSTER)) ## run the whole platform for real: [CLUSTER=node|kind|existing] [LOCAL=dev]
	@$(venv_python) -m dev.platform up --name '$(LOCAL)' --cluster '$(CLUSTER)'

down: $(venv_stamp) ## remove it with everything that it made: [CLUSTER=node|kind] [LOCAL=dev]
	@$(venv_python) -m dev.platform down --name '$(LOCAL)' --cluster '$(CLUSTER)'

# smoke, core or all: dev/scripts/e2e.py.
E2E_TESTS ?= core
e2e: up ## test what users see on it: [LOCAL=dev] [E2E_TESTS=core] [TEST_ARGS='-k deletion']
	@E2E='$(LOCAL)' $(venv_python) -m dev.scripts.e2e '$(E2E_TESTS)' $(TEST_ARGS)

# Options of the program: BENCH_ARGS='--calls 1000000 --seconds 3600'. BENCH_RECORD= leaves
# dev/bench/measured, docs/benchmarks.md and the plots in docs/images as they are.
BENCH_ARGS =
BENCH_RECORD = --record
bench: $(venv_stamp) .tools/runtime/complete ## measure the function, write table and plot
	@$(venv_python) -m dev.bench --python .tools/runtime/bin/python $(BENCH_RECORD) $(BENCH_ARGS)
	@$(venv_python) -m dev.bench.pictures

generate: $(venv_stamp) ## write the files that are derived from the models, and the examples' states
	@$(venv_python) -m dev.scripts.generate
	@$(venv_python) -m dev.scripts.life

lock: ## pin all Python packages anew: [LOCK_ARGS=--upgrade]

package: package-configuration package-function ## build the Crossplane packages into dist/: IMAGE_TARBALL=image.tar

clean: ## remove everything that make has made
	rm -rf .venv .tools dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

include requirements/requirements.mk
include dev/tools/tools.mk dev/scripts/checks.mk dev/scripts/pictures.mk dev/bench/bench.mk
include dev/fuzz/fuzz.mk
include package/package.mk
