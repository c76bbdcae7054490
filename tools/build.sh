#!/bin/sh
# Builds pinned development tools from the Go modules beside this script.
#
# usage: tools/build.sh NAME...
#
# NAME is a folder here with a `tool` line in its go.mod (the binary goes to
# .tools/bin/NAME), `crds` (the upstream CRDs go to .tools/crds) or `chart` (the official chart
# goes to .tools/charts/vcluster).
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
out=$root/.tools
log=$out/build.log
heartbeat_seconds=20

# The caller's own Go settings must not change what is built: a GOFLAGS of
# -mod=mod would rewrite the pinned files, a newer toolchain would be downloaded.
export GOTOOLCHAIN=local GOWORK=off GOFLAGS=-trimpath CGO_ENABLED=0

say() {
	printf 'tools: %s\n' "$*"
}

oldest() {
	sort -t . -k 1,1n -k 2,2n -k 3,3n | head -n 1
}

newest() {
	sort -t . -k 1,1n -k 2,2n -k 3,3n | tail -n 1
}

use_go() {
	required=$(sed -n 's/^go //p' "$root"/tools/*/go.mod | newest)
	if command -v go >/dev/null 2>&1; then
		found=$(go env GOVERSION 2>/dev/null | sed 's/^go//')
		if [ "$(printf '%s\n' "$required" "${found:-0}" | oldest)" = "$required" ]; then
			return
		fi
		say "go on PATH is ${found:-unusable}, $required is required"
	fi
	if ! [ -f "$out/go/complete" ] || [ "$root/tools/go.lock" -nt "$out/go/complete" ]; then
		say "go: installing from tools/go.lock into .tools/go"
		rm -rf "$out/go"
		"${PYTHON:-python3}" -m venv "$out/go"
		"$out/go/bin/python" -m pip install --quiet --disable-pip-version-check \
			--require-hashes --only-binary :all: --requirement "$root/tools/go.lock"
		touch "$out/go/complete"
	fi
	PATH=$out/go/bin:$PATH
	export PATH
	go version >/dev/null
}

# Runs a command, says how long it took, and shows that it still runs.
timed() {
	task=$1
	shift
	started=$(date +%s)
	say "$task: started"
	(
		# The sleep outlives this loop, so it must not hold the caller's output open.
		while sleep "$heartbeat_seconds" >/dev/null 2>&1; do
			say "$task: running for $(($(date +%s) - started)) s"
		done
	) &
	heartbeat=$!
	# Go names every module it downloads, hundreds of them.
	("$@") >"$log" 2>&1
	stop_heartbeat
	say "$task: done in $(($(date +%s) - started)) s"
	task=
}

heartbeat=
stop_heartbeat() {
	if [ -n "$heartbeat" ]; then
		kill "$heartbeat" 2>/dev/null || :
		wait "$heartbeat" 2>/dev/null || :
		heartbeat=
	fi
}

task=
finish() {
	stop_heartbeat
	if [ -n "$task" ]; then
		cat "$log" >&2
		say "$task: failed after $(($(date +%s) - started)) s" >&2
	fi
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A binary built from a module does not know its release: upstream sets it when
# linking, and Crossplane and Kubernetes compare it with what packages ask for.
version_flags() {
	case $1 in
	crossplane | crossplane-core)
		echo "-X github.com/crossplane/crossplane-runtime/v2/pkg/version.version=$2"
		;;
	helm)
		echo "-X helm.sh/helm/v3/internal/version.version=$2"
		;;
	kube-apiserver)
		package=k8s.io/component-base/version
		major=${2#v}
		minor=${major#*.}
		echo "-X $package.gitVersion=$2" \
			"-X $package.gitMajor=${major%%.*}" \
			"-X $package.gitMinor=${minor%%.*}"
		;;
	esac
}

build() {
	cd "$root/tools/$1"
	package=$(sed -n 's/^tool //p' go.mod)
	version=$(go list -f '{{.Module.Version}}' "$package")
	# An interrupted build must not leave something that make takes for finished.
	go build -ldflags "-s -w $(version_flags "$1" "$version")" -o "$out/bin/.$1" "$package"
	mv "$out/bin/.$1" "$out/bin/$1"
}

module_dir() {
	cd "$root/tools/$1"
	go mod download "$2"
	go list -m -f '{{.Dir}}' "$2"
}

crds() {
	core=$(module_dir crossplane-core github.com/crossplane/crossplane/v2)
	helm=$(module_dir provider-helm github.com/crossplane-contrib/provider-helm)
	rm -rf "$out/crds"
	mkdir -p "$out/crds"
	cp "$core"/cluster/crds/*.yaml "$helm"/package/crds/helm.m.crossplane.io_*.yaml "$out/crds"
	# Files in the module cache are read-only.
	chmod u+w "$out"/crds/*.yaml
	touch "$out/crds.complete"
}

# The official chart as its release ships it: the release's build writes the version into it.
chart() {
	source=$(module_dir vcluster github.com/loft-sh/vcluster)
	version=$(cd "$root/tools/vcluster" && go list -m -f '{{.Version}}' github.com/loft-sh/vcluster)
	rm -rf "$out/charts"
	mkdir -p "$out/charts"
	cp -R "$source/chart" "$out/charts/vcluster"
	chmod -R u+w "$out/charts/vcluster"
	sed "s/^version:.*/version: ${version#v}/" "$source/chart/Chart.yaml" \
		>"$out/charts/vcluster/Chart.yaml"
	touch "$out/charts.complete"
}

if [ $# -eq 0 ]; then
	echo "usage: tools/build.sh NAME..." >&2
	exit 2
fi
mkdir -p "$out/bin"
use_go
for name; do
	if [ "$name" = crds ] || [ "$name" = chart ]; then
		timed "$name" "$name"
	elif grep -q '^tool ' "$root/tools/$name/go.mod" 2>/dev/null; then
		timed "$name" build "$name"
	else
		echo "tools/build.sh: no tool is called $name" >&2
		exit 2
	fi
done
