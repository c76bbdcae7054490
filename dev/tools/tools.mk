# Pinned programs, built from Go modules and Python packages into .tools.
.PHONY: tools tools-apiserver tools-node tools-earlier

core_tools = .tools/bin/crossplane .tools/bin/crossplane-core
node_tools = .tools/bin/provider-helm .tools/bin/coredns .tools/bin/etcdctl .tools/bin/kine \
	.tools/bin/kube-router

# Build the pinned programs that render and validate use.
tools: $(core_tools) .tools/bin/helm .tools/crds.complete .tools/charts.complete

# Build the pinned Kubernetes and S3 server that the tests use.
tools-apiserver: .tools/bin/etcd .tools/bin/kube-apiserver .tools/bin/kubectl .tools/bin/versitygw

# Build all that `make up` runs.
tools-node: tools tools-apiserver .tools/kubernetes.complete .tools/vcluster.complete $(node_tools) \
	.tools/crossplane-image.complete .tools/provider-helm-package.complete

# Build the earlier releases that the tests of upgrades begin with.
tools-earlier: .tools/earlier.complete

.tools/earlier.complete: dev/tools/vcluster-0.34/go.mod dev/tools/vcluster-0.35/go.mod \
		dev/tools/kubernetes-1.35/go.mod

.tools/bin/%: dev/tools/%/go.mod dev/tools/%/go.sum dev/tools/build.sh
	@PYTHON='$(PYTHON)' dev/tools/build.sh $*

.tools/bin/coredns: dev/tools/coredns/main.go

.tools/bin/provider-helm: dev/tools/provider-helm/poll_interval.go

.tools/bin/kube-apiserver .tools/bin/kubectl: dev/tools/kubernetes/go.mod dev/tools/kubernetes/go.sum \
		dev/tools/build.sh
	@PYTHON='$(PYTHON)' dev/tools/build.sh kubernetes/$(notdir $@)

.tools/kubernetes.complete: dev/tools/kubernetes/go.mod dev/tools/kubernetes/go.sum dev/tools/build.sh
	@PYTHON='$(PYTHON)' dev/tools/build.sh kubernetes
	@touch $@

.tools/vcluster.complete: dev/tools/vcluster/go.mod dev/tools/vcluster/go.sum dev/tools/build.sh
	@PYTHON='$(PYTHON)' dev/tools/build.sh vcluster
	@touch $@

.tools/%.complete: dev/tools/crossplane-core/go.mod dev/tools/provider-helm/go.mod dev/tools/vcluster/go.mod \
		dev/tools/build.sh
	@PYTHON='$(PYTHON)' dev/tools/build.sh $*

.tools/hadolint/complete: requirements/hadolint.lock
	@echo 'tools: hadolint: installing'
	@$(PYTHON) -m venv --clear .tools/hadolint
	@.tools/hadolint/bin/python -m pip install --quiet --disable-pip-version-check \
		--require-hashes --only-binary :all: --requirement requirements/hadolint.lock
	@touch $@
