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
core_tools = .tools/bin/crossplane .tools/bin/crossplane-core
node_tools = .tools/bin/provider-helm .tools/bin/coredns .tools/bin/etcdctl .tools/bin/kine \
	.tools/bin/kube-router
compile = .venv/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
	--python-version 3.11 --custom-compile-command 'make lock' $(LOCK_ARGS)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# A Go build takes all cores by itself, and two at once would install Go twice.
.NOTPARALLEL:
.PHONY: help venv up down e2e test lint lint-dockerfile lint-workflows lint-monitoring demo render validate bench generate examples tools \
	tools-apiserver tools-node tools-earlier lock wheel package package-configuration package-function clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-22s %s\n", $$1, $$2 }' Makefile

demo: $(venv_stamp) ## show what the function does, without a cluster
	@$(venv_python) -m demo

test: $(venv_stamp) ## run the tests
	@$(venv_python) -m pytest $(TEST_ARGS)

# A node of this machine needs Linux and root, kind needs Docker; an existing cluster is that of
# KUBECONFIG, and needs a REGISTRY too. Several can run side by side: LOCAL=mine.
up_tools_node = tools-node
up_tools_kind = tools .tools/bin/kubectl
up_tools_existing = $(up_tools_kind)

up: $(venv_stamp) $(up_tools_$(CLUSTER)) ## run the whole platform for real: [CLUSTER=node|kind|existing] [LOCAL=dev]
	@$(venv_python) -m local up --name '$(LOCAL)' --cluster '$(CLUSTER)'

down: $(venv_stamp) ## remove it with everything that it made: [CLUSTER=node|kind] [LOCAL=dev]
	@$(venv_python) -m local down --name '$(LOCAL)' --cluster '$(CLUSTER)'

# smoke, core or all: scripts/e2e.py.
E2E_TESTS ?= core
e2e: up ## test what users see on it: [LOCAL=dev] [E2E_TESTS=core] [TEST_ARGS='-k deletion']
	@E2E='$(LOCAL)' $(venv_python) -m scripts.e2e '$(E2E_TESTS)' $(TEST_ARGS)

# Hours of accidents are found sooner with other seeds: SOAK_SEED=2 make soak.
MINUTES = 30
.PHONY: soak
soak: up ## kill and change at random on it: [LOCAL=dev] [MINUTES=30]
	@E2E='$(LOCAL)' SOAK_MINUTES='$(MINUTES)' $(venv_python) -m pytest tests/e2e/test_soak.py

lint: $(venv_stamp) ## check style, types and the borders between modules
	$(venv_python) -m ruff check
	$(venv_python) -m ruff format --check
	$(venv_python) -m mypy
	.venv/bin/lint-imports

lint-dockerfile: .tools/hadolint/complete ## check the Dockerfile
	.tools/hadolint/bin/hadolint Dockerfile

lint-workflows: $(venv_stamp) .tools/bin/actionlint ## check the workflows
	.tools/bin/actionlint -shellcheck= -pyflakes=
	.venv/bin/zizmor --offline --quiet --persona=pedantic .github

lint-monitoring: $(venv_stamp) .tools/bin/promtool ## check alerts by Prometheus itself
	@$(venv_python) -m scripts.alerts

render: $(venv_stamp) $(core_tools) ## render an example by Crossplane: EXAMPLE=kunde1 [STATE=ready]
	@$(venv_python) -m scripts.render $(EXAMPLE) $(STATE)

validate: $(venv_stamp) $(core_tools) .tools/crds.complete ## check all examples against the real schemas
	@$(venv_python) -m scripts.validate

# Options of the program: BENCH_ARGS='--calls 1000000 --seconds 3600'.
BENCH_ARGS =
bench: $(venv_stamp) .tools/runtime/complete ## measure the function
	@$(venv_python) -m bench --python .tools/runtime/bin/python $(BENCH_ARGS)

# What the image holds, made as the Dockerfile makes it.
.tools/runtime/complete: requirements.lock $(venv_stamp)
	@echo 'bench: installing what the image holds into .tools/runtime'
	@$(PYTHON) -m venv --clear .tools/runtime
	@.tools/runtime/bin/python -m pip install --quiet --disable-pip-version-check --no-compile \
		--require-hashes --only-binary :all: --requirement requirements.lock
	@$(venv_python) -m hatchling build --target wheel --directory .tools/runtime/dist >/dev/null
	@.tools/runtime/bin/python -m pip install --quiet --disable-pip-version-check --no-compile \
		--no-index --no-deps .tools/runtime/dist/*.whl
	@.tools/runtime/bin/python -m compileall -q --invalidation-mode unchecked-hash .tools/runtime/lib
	@touch $@

# TARGET is one of fuzz/targets.py. What was found is written into the folder .tools/fuzz/found.
TARGET = edge
SECONDS = 60
.PHONY: fuzz
fuzz: $(venv_stamp) .tools/fuzz/complete ## look for input that breaks what takes input: [TARGET=edge] [SECONDS=60]
	@mkdir -p .tools/fuzz/found
	@.tools/fuzz/bin/python -m fuzz '$(TARGET)' '.tools/fuzz/corpus/$(TARGET)' \
		-max_total_time=$(SECONDS) -artifact_prefix=.tools/fuzz/found/

.tools/fuzz/complete: tools/fuzz.lock requirements.lock
	@echo 'fuzz: installing atheris into .tools/fuzz'
	@$(PYTHON) -m venv --clear .tools/fuzz
	@for lock in requirements.lock tools/fuzz.lock; do \
		.tools/fuzz/bin/python -m pip install --quiet --disable-pip-version-check \
			--require-hashes --only-binary :all: --requirement "$$lock" || exit 1; \
	done
	@touch $@

# Many minutes. Options of the program: SCALE_ARGS='--steady 0 --poll 30'.
COUNT = 100
SCALE_ARGS =
.PHONY: bench-scale
bench-scale: $(venv_stamp) tools tools-apiserver .tools/kubernetes.complete .tools/bin/provider-helm ## measure many VClusters on a real control plane with a simulated host: [COUNT=100]
	@$(venv_python) -m bench.scale --count '$(COUNT)' $(SCALE_ARGS)

generate: $(venv_stamp) ## write the files that are derived from the models
	@$(venv_python) -m scripts.generate

examples: $(venv_stamp) ## write the observed states of the examples
	@$(venv_python) -m scripts.life

venv: $(venv_stamp) ## install everything Python into .venv

# The project is built with what the locks name, not with what is resolved on the spot.
$(venv_stamp): requirements-uv.lock requirements-build.lock requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
		"Python 3.11 or newer is required, this is " + sys.version.split()[0] + \
		": name another one by PYTHON=...")'
	@echo 'venv: creating .venv'
	@$(PYTHON) -m venv --clear .venv
	@echo 'venv: installing uv'
	@$(venv_python) -m pip install --quiet --disable-pip-version-check \
		--require-hashes --only-binary :all: --requirement requirements-uv.lock
	@echo 'venv: installing requirements-dev.lock'
	@.venv/bin/uv pip sync --python $(venv_python) --require-hashes \
		requirements-dev.lock requirements-build.lock
	@echo 'venv: installing the project'
	@.venv/bin/uv pip install --quiet --python $(venv_python) --no-deps --no-build-isolation \
		--editable .
	@touch $@

tools: $(core_tools) .tools/bin/helm .tools/crds.complete .tools/charts.complete ## build the pinned programs that render and validate use

tools-apiserver: .tools/bin/etcd .tools/bin/kube-apiserver .tools/bin/kubectl ## build the pinned Kubernetes that the tests use

tools-node: tools tools-apiserver .tools/kubernetes.complete .tools/vcluster.complete $(node_tools) \
	.tools/crossplane-image.complete .tools/provider-helm-package.complete ## build all that `make up` runs

tools-earlier: .tools/earlier.complete ## build the earlier releases that the tests of upgrades begin with

.tools/earlier.complete: tools/vcluster-0.34/go.mod tools/vcluster-0.35/go.mod \
		tools/kubernetes-1.35/go.mod

.tools/bin/%: tools/%/go.mod tools/%/go.sum tools/build.sh
	@PYTHON='$(PYTHON)' tools/build.sh $*

.tools/bin/coredns: tools/coredns/main.go

.tools/bin/kube-apiserver .tools/bin/kubectl: tools/kubernetes/go.mod tools/kubernetes/go.sum \
		tools/build.sh
	@PYTHON='$(PYTHON)' tools/build.sh kubernetes/$(notdir $@)

.tools/kubernetes.complete: tools/kubernetes/go.mod tools/kubernetes/go.sum tools/build.sh
	@PYTHON='$(PYTHON)' tools/build.sh kubernetes
	@touch $@

.tools/vcluster.complete: tools/vcluster/go.mod tools/vcluster/go.sum tools/build.sh
	@PYTHON='$(PYTHON)' tools/build.sh vcluster
	@touch $@

.tools/%.complete: tools/crossplane-core/go.mod tools/provider-helm/go.mod tools/vcluster/go.mod \
		tools/build.sh
	@PYTHON='$(PYTHON)' tools/build.sh $*

.tools/hadolint/complete: tools/hadolint.lock
	@echo 'tools: hadolint: installing'
	@$(PYTHON) -m venv --clear .tools/hadolint
	@.tools/hadolint/bin/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes --only-binary :all: --requirement tools/hadolint.lock
	@touch $@

# uv has a lock of its own because it installs the others. What builds the project has
# one because the image needs nothing else of the development set; editables is what
# hatchling asks for only once it builds an editable wheel.
lock: $(venv_stamp) ## pin all Python packages anew: [LOCK_ARGS=--upgrade]
	$(compile) pyproject.toml --output-file requirements.lock >/dev/null
	$(compile) pyproject.toml --group dev --output-file requirements-dev.lock >/dev/null
	sed -n 's/^ *"\(uv==[^"]*\)".*/\1/p' pyproject.toml | \
		$(compile) - --output-file requirements-uv.lock >/dev/null
	{ sed -n 's/^requires = \["\(hatchling==[^"]*\)".*/\1/p' pyproject.toml; echo editables; } | \
		$(compile) - --output-file requirements-build.lock >/dev/null
	$(compile) tools/go.in --output-file tools/go.lock >/dev/null
	$(compile) tools/fuzz.in --output-file tools/fuzz.lock >/dev/null
	$(compile) tools/hadolint.in --output-file tools/hadolint.lock >/dev/null

wheel: $(venv_stamp) ## build the wheel into dist/
	@$(venv_python) -m hatchling build --target wheel --directory dist

package: package-configuration package-function ## build the Crossplane packages into dist/: IMAGE_TARBALL=image.tar

package-configuration: .tools/bin/crossplane ## build the packages of the API
	@mkdir -p dist
	@for folder in configuration configuration-*; do \
		if [ -f "$$folder/crossplane.yaml" ]; then \
			.tools/bin/crossplane xpkg build --package-root "$$folder" \
				--package-file "dist/$$folder.xpkg" || exit 1; \
			echo "package: dist/$$folder.xpkg"; \
		fi; \
	done

package-function: .tools/bin/crossplane ## build the package of the function: IMAGE_TARBALL=image.tar
	@if [ ! -f '$(IMAGE_TARBALL)' ]; then \
		echo 'package: the function needs its image: build the Dockerfile, docker save it to a file,' >&2; \
		echo 'package: and give that by IMAGE_TARBALL=image.tar' >&2; \
		exit 1; \
	fi
	@mkdir -p dist
	@.tools/bin/crossplane xpkg build --package-root package \
		--embed-runtime-image-tarball '$(IMAGE_TARBALL)' --package-file dist/function.xpkg
	@echo 'package: dist/function.xpkg'

clean: ## remove everything that make has made
	rm -rf .venv .tools dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
