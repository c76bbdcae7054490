#!/bin/sh
# Builds pinned development tools from the Go modules beside this script.
#
# usage: dev/tools/build.sh NAME...
#
# NAME is a folder here with `tool` lines in its go.mod (one binary goes to .tools/bin/NAME, several
# under the names of their commands), FOLDER/COMMAND for one of several, `crds` (the upstream CRDs
# go to .tools/crds), `charts` (the official charts go to .tools/charts), `vcluster` (its programs,
# built in its own module), `provider-helm` (with an option of version 1.4), `earlier` (chart and
# program of earlier releases of vcluster, and of Kubernetes, that upgrades begin with, go to
# .tools/earlier) or `crossplane-image` and `provider-helm-package` (what goes with the programs
# into their image and package).
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
out=$root/.tools
log=$out/build.log
heartbeat_seconds=20

# The caller's own Go settings must not change what is built: a GOFLAGS of
# -mod=mod would rewrite the pinned files, a newer toolchain would be downloaded.
# Debug information costs a ninth of a build, and is not linked into a stripped program.
export GOTOOLCHAIN=local GOWORK=off GOFLAGS='-trimpath -gcflags=all=-dwarf=false' CGO_ENABLED=0

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
	required=$(sed -n 's/^go //p' "$root"/dev/tools/*/go.mod | newest)
	if command -v go >/dev/null 2>&1; then
		found=$(go env GOVERSION 2>/dev/null | sed 's/^go//')
		if [ "$(printf '%s\n' "$required" "${found:-0}" | oldest)" = "$required" ]; then
			return
		fi
		say "go on PATH is ${found:-unusable}, $required is required"
	fi
	if ! [ -f "$out/go/complete" ] || [ "$root/requirements/go.lock" -nt "$out/go/complete" ]; then
		say "go: installing from requirements/go.lock into .tools/go"
		rm -rf "$out/go"
		"${PYTHON:-python3}" -m venv "$out/go"
		"$out/go/bin/python" -m pip install --quiet --disable-pip-version-check \
			--require-hashes --only-binary :all: --requirement "$root/requirements/go.lock"
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
	kubernetes*)
		package=k8s.io/component-base/version
		major=${2#v}
		minor=${major#*.}
		echo "-X $package.gitVersion=$2" \
			"-X $package.gitMajor=${major%%.*}" \
			"-X $package.gitMinor=${minor%%.*}"
		;;
	esac
}

# kine's SQLite is C, and runs in images without a C library.
link_flags() {
	if [ "$1" = kine ]; then
		echo "-linkmode external -extldflags -static"
	fi
}

build() {
	folder=${1%%/*}
	cd "$root/dev/tools/$folder"
	packages=$(go list tool)
	# The only program of a folder has the folder's name, others those of their commands.
	target=${2:-$out/bin/}
	case $1 in
	*/*) packages=$(printf '%s\n' "$packages" | grep "/${1#*/}\$") ;;
	*) if [ "$(printf '%s\n' "$packages" | wc -l)" -eq 1 ]; then target=$out/bin/$1; fi ;;
	esac
	version=$(go list -f '{{.Module.Version}}' tool | head -n 1)
	if [ "$folder" = kine ]; then
		export CGO_ENABLED=1 GOFLAGS="$GOFLAGS -tags=netgo,osusergo,sqlite_omit_load_extension"
	fi
	# An interrupted build must not leave something that make takes for finished.
	rm -rf "$out/new"
	mkdir -p "$out/new"
	# shellcheck disable=SC2086 # a word for each package
	go build -ldflags "-s -w $(version_flags "$folder" "$version") $(link_flags "$folder")" \
		-o "$out/new/" $packages
	mv "$out"/new/* "$target"
}

# Its module has checksums that only its own go.sum names, so it is built where it is.
vcluster() {
	vcluster_programs vcluster vcluster vclusterctl
	mv "$out"/new/* "$out/bin/"
}

# Version 1.4 looks at a Release when an annotation says so, and its module cannot be downloaded
# from everywhere, so 1.3 gets that one option.
provider_helm() {
	module=github.com/crossplane-contrib/provider-helm
	controller=pkg/controller/namespaced/release
	copy_module provider-helm "$module"
	cp "$root/dev/tools/provider-helm/poll_interval.go" "$out/src/provider-helm/$controller/"
	cd "$out/src/provider-helm"
	option='managed.WithPollInterval(o.PollInterval),'
	grep -q "$option" "$controller/release.go"
	sed "s/$option/& managed.WithPollIntervalHook(pollInterval),/" "$controller/release.go" >release.go
	mv release.go "$controller/release.go"
	go build -ldflags '-s -w' -o "$out/new/provider-helm" ./cmd/provider
	mv "$out/new/provider-helm" "$out/bin/"
	rm -rf "$out/src/provider-helm"
}

# Builds programs of the release that a folder names into .tools/new.
vcluster_programs() {
	version=$(module_version "$1" github.com/loft-sh/vcluster)
	copy_module "$1" github.com/loft-sh/vcluster
	shift
	cd "$out/src/vcluster"
	flags="-s -w -X github.com/loft-sh/vcluster/pkg/telemetry.SyncerVersion=${version#v}"
	for program; do
		go build -ldflags "$flags -X main.version=${version#v}" -o "$out/new/" "./cmd/$program"
	done
	rm -rf "$out/src/vcluster"
}

earlier() {
	rm -rf "$out/earlier"
	mkdir -p "$out/earlier/kubernetes"
	for folder in vcluster-0.34 vcluster-0.35; do
		vcluster_programs "$folder" vcluster
		mkdir -p "$out/earlier/$folder"
		mv "$out/new/vcluster" "$out/earlier/$folder/"
		chart "$out/earlier/$folder/chart" "$folder" github.com/loft-sh/vcluster chart
	done
	build kubernetes-1.35 "$out/earlier/kubernetes/"
	touch "$out/earlier.complete"
}

# Copies a module into .tools/src, to be built there, and empties .tools/new.
copy_module() {
	source=$(module_dir "$1" "$2")
	rm -rf "$out/src/${2##*/}" "$out/new"
	mkdir -p "$out/src" "$out/new"
	cp -R "$source" "$out/src/${2##*/}"
	chmod -R u+w "$out/src/${2##*/}"
}

module_version() {
	(cd "$root/dev/tools/$1" && go list -m -f '{{.Version}}' "$2")
}

module_dir() {
	cd "$root/dev/tools/$1"
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

# The official charts as their releases ship them: a release's build writes the version into it.
charts() {
	rm -rf "$out/charts"
	mkdir -p "$out/charts"
	chart "$out/charts/vcluster" vcluster github.com/loft-sh/vcluster chart
	chart "$out/charts/crossplane" crossplane-core github.com/crossplane/crossplane/v2 cluster/charts/crossplane
	touch "$out/charts.complete"
}

chart() {
	source=$(module_dir "$2" "$3")/$4
	version=$(module_version "$2" "$3")
	cp -R "$source" "$1"
	chmod -R u+w "$1"
	sed "s/^version:.*/version: ${version#v}/; s/^appVersion:.*/appVersion: ${version#v}/" \
		"$source/Chart.yaml" >"$1/Chart.yaml"
}

# What Crossplane's own image has beside its program.
crossplane_image() {
	source=$(module_dir crossplane-core github.com/crossplane/crossplane/v2)
	rm -rf "$out/crossplane-image"
	mkdir -p "$out/crossplane-image"
	cp -R "$source/cluster/crds" "$source/cluster/webhookconfigurations" "$out/crossplane-image"
	chmod -R u+w "$out/crossplane-image"
	touch "$out/crossplane-image.complete"
}

provider_helm_package() {
	source=$(module_dir provider-helm github.com/crossplane-contrib/provider-helm)
	rm -rf "$out/provider-helm-package"
	cp -R "$source/package" "$out/provider-helm-package"
	chmod -R u+w "$out/provider-helm-package"
	touch "$out/provider-helm-package.complete"
}

if [ $# -eq 0 ]; then
	echo "usage: dev/tools/build.sh NAME..." >&2
	exit 2
fi
mkdir -p "$out/bin"
use_go
for name; do
	case $name in
	crds | charts | vcluster | earlier) timed "$name" "$name" ;;
	provider-helm) timed "$name" provider_helm ;;
	crossplane-image) timed "$name" crossplane_image ;;
	provider-helm-package) timed "$name" provider_helm_package ;;
	*)
		if ! grep -q '^tool ' "$root/dev/tools/${name%%/*}/go.mod" 2>/dev/null; then
			echo "dev/tools/build.sh: no tool is called $name" >&2
			exit 2
		fi
		timed "$name" build "$name"
		;;
	esac
done
