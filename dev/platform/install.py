"""The platform on a cluster, in the order of the README and with its files.

Differences to another installation: packages and charts come from the site's own registry and
repository, and Rancher is the test Rancher.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from dev.platform import issuer, rancher, s3
from dev.platform.command import PlatformError, run
from dev.platform.packages import FUNCTION
from dev.platform.place import BIN, ROOT, TOOLS
from dev.platform.supervise import kubectl
from function.k8s.helm_values import merge

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from dev.platform.packages import Package
    from dev.platform.site import Site

    Say = Callable[[str], None]

INSTALL = ROOT / "install"
CONFIGURATION = ROOT / "apis" / "cluster"
MANIFESTS = ROOT / "dev" / "platform" / "manifests"
CROSSPLANE = "crossplane-system"
PLATFORM = "vcluster-system"
WATCH = "vcluster-rancher-watch"
CLOCK = "vcluster-clock"
RELEASES = {WATCH: "watch", CLOCK: "clock"}
"""The Helm release of each chart that runs a program."""
CHARTS_NOTE = "charts.sha256"
IMAGE_NOTE = "image.sha256"


def platform(site: Site, packages: Sequence[Package], say: Say) -> None:
    """Install or update everything that a VCluster needs."""
    say("Crossplane")
    _crossplane(site)
    for each in packages:
        _push(site, each, say)
    say("provider-helm")
    _provider(site)
    say("function-vcluster")
    _function(site, next(one for one in packages if one.name == FUNCTION))
    _api(site)
    if site.has_s3:
        s3.install(site)
    say("the clock of Calendars")
    programs = [(PLATFORM, CLOCK)]
    _chart_of_ours(site, CLOCK)
    if site.rancher:
        say("the test Rancher, and its watcher")
        programs += [(rancher.NAMESPACE, "rancher"), (PLATFORM, WATCH)]
        _rancher(site)
    _await_programs(site, programs)
    _forget_old_charts(site, say)


def hint(site: Site) -> str:
    """Return the next commands for the user."""
    login = f"\n\n{issuer.hint(site.issuer)}" if site.issuer else ""
    return f"""
export KUBECONFIG={site.kubeconfig}
kubectl apply -f example/kunde1/xr.yaml -f example/kunde2/xr.yaml
kubectl get vclusters.caas.telekom.de --watch

kubectl is {BIN / "kubectl"}, vcluster is {BIN / "vclusterctl"}.{login}"""


def composition(site: Site) -> dict[str, object]:
    """Return the Composition with this site's Input."""
    made: dict[str, object] = yaml.safe_load((CONFIGURATION / "composition.yaml").read_text())
    [step] = made["spec"]["pipeline"]  # type: ignore[index]
    common = {
        "image": site.image,
        "charts": {"repository": site.charts},
        "rancher": {
            "url": f"https://{site.rancher}",
            "caSecret": {"name": "rancher-api", "key": "ca.crt"},
            "egress": [f"{site.rancher_address}/32"],
        },
    }
    login = {"access": issuer.access(site.issuer)} if site.issuer else {}
    backups = s3.own_input(site.folder) if site.has_s3 else {}
    step["input"] = merge(step["input"], common, site.own_input, login, backups)
    if not site.rancher:
        del step["input"]["rancher"]
    return made


def _helm(site: Site, release: str, chart: Path, namespace: str, *words: str) -> None:
    """Install or upgrade a chart."""
    run(
        *(*site.inside, str(BIN / "helm"), "upgrade", "--install", release, str(chart)),
        *("--namespace", namespace, "--kubeconfig", str(site.kubeconfig), *words),
        timeout=400,
        shown=len(site.inside) + 4,
    )


def _crossplane(site: Site) -> None:
    files = (INSTALL / "crossplane.yaml", MANIFESTS / "crossplane-values.yaml")
    values = (word for each in files for word in ("--values", str(each)))
    wait = ("--create-namespace", "--wait", "--timeout", "6m")
    _helm(site, "crossplane", TOOLS / "charts" / "crossplane", CROSSPLANE, *values, *wait)
    _await_crd(site, "imageconfigs.pkg.crossplane.io")
    for prefix, registry in site.packages.items():
        config = {
            "apiVersion": "pkg.crossplane.io/v1beta1",
            "kind": "ImageConfig",
            "metadata": {"name": prefix.replace("/", "-")},
            "spec": {
                "matchImages": [{"type": "Prefix", "prefix": prefix}],
                "rewriteImage": {"prefix": registry},
            },
        }
        kubectl(site, "apply", "-f", "-", text=yaml.safe_dump(config))


def _push(site: Site, package: Package, say: Say) -> None:
    """Push a package unless the registry has it."""
    note = site.folder / f"{package.name}.pushed"
    if note.exists() and note.read_text() == package.file.name:
        return
    say(f"pushing the package {package.name}")
    push = (str(BIN / "crossplane"), "xpkg", "push", f"--package-files={package.file}")
    run(*site.inside, *push, f"{site.registry}/{package.repository}:{package.tag}", timeout=600)
    note.write_text(package.file.name)


def _provider(site: Site) -> None:
    for name in ("host.yaml", "control-plane.yaml"):
        kubectl(site, "apply", "-f", str(INSTALL / name))
    _await_healthy(site, "provider.pkg.crossplane.io/provider-helm")
    kubectl(site, "apply", "-f", str(INSTALL / "provider-config.yaml"))


def _function(site: Site, package: Package) -> None:
    manifest = (INSTALL / "function.yaml").read_text().replace(":v0.1.0", f":{package.tag}")
    kubectl(site, "apply", "-f", "-", text=manifest)
    _await_healthy(site, "function.pkg.crossplane.io/function-vcluster")


def _api(site: Site) -> None:
    kubectl(site, "apply", "-f", str(CONFIGURATION / "definition.yaml"))
    xrd = "compositeresourcedefinition/vclusters.caas.telekom.de"
    kubectl(site, "wait", xrd, "--for=condition=Established", "--timeout=60s")
    kubectl(site, "apply", "-f", "-", text=yaml.safe_dump(composition(site)))


def _rancher(site: Site) -> None:
    address, _, port = site.rancher.rpartition(":")
    rancher.install(site, address, int(port))
    settings = {
        "rancher.url": f"https://{site.rancher}",
        "rancher.tokenSecret.name": "rancher-api",
        "rancher.tokenSecret.key": "token",
        "rancher.caSecret.name": "rancher-api",
        "rancher.caSecret.key": "ca.crt",
    }
    _chart_of_ours(site, WATCH, settings)


def _chart_of_ours(site: Site, name: str, settings: Mapping[str, str] | None = None) -> None:
    """Install a chart that runs a program of our image, whose looks are frequent."""
    values = {"image": site.image, "period": "5s", **(settings or {})}
    words = (word for key, value in values.items() for word in ("--set", f"{key}={value}"))
    _helm(site, RELEASES[name], ROOT / "charts" / name, PLATFORM, *words)


def _await_programs(site: Site, programs: Sequence[tuple[str, str]]) -> None:
    """Wait for the programs of our image, and start them anew if it has another content."""
    if _has_changed(site, IMAGE_NOTE, site.image_digest):
        for namespace, name in programs:
            kubectl(site, "-n", namespace, "rollout", "restart", f"deployment/{name}")
    for namespace, name in programs:
        _await_rollout(site, namespace, name)


def _forget_old_charts(site: Site, say: Say) -> None:
    """Restart provider-helm if charts changed: it caches them by name and version only."""
    if _has_changed(site, CHARTS_NOTE, site.charts_digest):
        say("charts have changed: starting provider-helm anew")
        pods = ("delete", "pod", "-l", "pkg.crossplane.io/provider=provider-helm", "--wait=false")
        kubectl(site, "-n", CROSSPLANE, *pods)
        kubectl(
            *(site, "-n", CROSSPLANE, "rollout", "status", "deployment"),
            *("-l", "pkg.crossplane.io/provider=provider-helm", "--timeout=60s"),
        )


def _has_changed(site: Site, name: str, content: str) -> bool:
    """Write a value into a file, and return whether it replaces another one."""
    note = site.folder / name
    before = note.read_text() if note.exists() else content
    note.write_text(content)
    return before != content


def _await_crd(site: Site, name: str) -> None:
    kubectl(site, "wait", f"crd/{name}", "--for=condition=Established", "--timeout=60s")


def _await_healthy(site: Site, name: str) -> None:
    try:
        kubectl(site, "wait", name, "--for=condition=Healthy", "--timeout=180s")
    except PlatformError as error:
        said = kubectl(site, "get", name, "-o", "jsonpath={.status.conditions}")
        msg = f"{error}\n{said}"
        raise PlatformError(msg) from None


def _await_rollout(site: Site, namespace: str, name: str) -> None:
    status = ("rollout", "status", f"deployment/{name}", "--timeout=120s")
    kubectl(site, "-n", namespace, *status)
