"""The platform on a cluster, in the order of the README and with its files.

What differs from an installation elsewhere: packages come from the platform's own registry,
charts from its own repository, Rancher is the one of the tests, and provider-helm looks every
10 s instead of 30.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from function.values import merge
from local import function_image
from local.charts import digest
from local.command import LocalError
from local.place import BIN, CHARTS, RANCHER, REGISTRY, ROOT, TOOLS
from local.supervise import kubectl
from tests.e2e import rancher

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from local.machine import Machine
    from local.packages import Package
    from local.place import Place

    Say = Callable[[str], None]

INSTALL = ROOT / "install"
CONFIGURATION = ROOT / "configuration"
MANIFESTS = ROOT / "local" / "manifests"
CROSSPLANE = "crossplane-system"
PLATFORM = "vcluster-system"
POLL_SECONDS = 10
WATCH = "vcluster-rancher-watch"
CHARTS_NOTE = "charts.sha256"


def platform(there: Machine, packages: Sequence[Package], charts: Path, say: Say) -> None:
    """Install, or bring up to date, everything that a VCluster needs."""
    place = there.place
    say("Crossplane")
    _crossplane(there)
    for each in packages:
        _push(there, each, say)
    say("provider-helm")
    _provider(place)
    say("function-vcluster")
    _function(place, next(one for one in packages if one.name == "function-vcluster"))
    _api(place)
    say("the test Rancher, and its watcher")
    _rancher(there)
    _forget_old_charts(place, charts, say)


def hint(there: Machine) -> str:
    """Return what a user can do next."""
    return f"""
export KUBECONFIG={there.place.kubeconfig}
kubectl apply -f example/kunde1/xr.yaml
kubectl get vclusters.caas.telekom.de --watch

kubectl is {BIN / "kubectl"}, vcluster is {BIN / "vclusterctl"}."""


def composition() -> dict[str, object]:
    """Return the Composition with this platform's Input."""
    made: dict[str, object] = yaml.safe_load((CONFIGURATION / "composition.yaml").read_text())
    text = (MANIFESTS / "input.yaml").read_text()
    own = yaml.safe_load(text.replace("CHARTS", CHARTS).replace("RANCHER", RANCHER))
    [step] = made["spec"]["pipeline"]  # type: ignore[index]
    step["input"] = merge(step["input"], own)
    return made


def _crossplane(there: Machine) -> None:
    place = there.place
    values = MANIFESTS / "crossplane-values.yaml"
    chart = TOOLS / "charts" / "crossplane"
    there.run(
        *(str(BIN / "helm"), "upgrade", "--install", "crossplane", str(chart)),
        *("--namespace", CROSSPLANE, "--create-namespace", "--values", str(values)),
        *("--kubeconfig", str(place.kubeconfig), "--wait", "--timeout", "3m"),
        timeout=200,
    )
    _await_crd(place, "imageconfigs.pkg.crossplane.io")
    text = (MANIFESTS / "registry.yaml").read_text().replace("REGISTRY", REGISTRY)
    kubectl(place, "apply", "-f", "-", text=text)


def _push(there: Machine, package: Package, say: Say) -> None:
    """Push a package unless it is there."""
    note = there.place.folder / f"{package.name}.pushed"
    if note.exists() and note.read_text() == package.file.name:
        return
    say(f"pushing the package {package.name}")
    push = (str(BIN / "crossplane"), "xpkg", "push", f"--package-files={package.file}")
    there.run(*push, f"{REGISTRY}/{package.repository}:{package.tag}")
    note.write_text(package.file.name)


def _provider(place: Place) -> None:
    control_plane = (INSTALL / "control-plane.yaml").read_text()
    faster = control_plane.replace("--poll=30s", f"--poll={POLL_SECONDS}s")
    kubectl(place, "apply", "-f", str(INSTALL / "host.yaml"))
    kubectl(place, "apply", "-f", "-", text=faster)
    _await_healthy(place, "provider.pkg.crossplane.io/provider-helm")
    kubectl(place, "apply", "-f", str(INSTALL / "provider-config.yaml"))


def _function(place: Place, package: Package) -> None:
    manifest = (INSTALL / "function.yaml").read_text().replace(":v0.1.0", f":{package.tag}")
    kubectl(place, "apply", "-f", "-", text=manifest)
    _await_healthy(place, "function.pkg.crossplane.io/function-vcluster")


def _api(place: Place) -> None:
    kubectl(place, "apply", "-f", str(CONFIGURATION / "definition.yaml"))
    xrd = "compositeresourcedefinition/vclusters.caas.telekom.de"
    kubectl(place, "wait", xrd, "--for=condition=Established", "--timeout=60s")
    kubectl(place, "apply", "-f", "-", text=yaml.safe_dump(composition()))


def _rancher(there: Machine) -> None:
    place = there.place
    rancher.install(place)
    _restart_outdated(place)
    kubectl(
        place, "-n", "cattle-system", "rollout", "status", "deployment/rancher", "--timeout=60s"
    )
    settings = {
        "image": function_image.reference(),
        "rancher.url": f"https://{RANCHER}",
        "rancher.tokenSecret.name": "rancher-api",
        "rancher.tokenSecret.key": "token",
        "rancher.caSecret.name": "rancher-api",
        "rancher.caSecret.key": "ca.crt",
        "period": "5s",
    }
    there.run(
        *(str(BIN / "helm"), "upgrade", "--install", "watch", str(ROOT / "charts" / WATCH)),
        *("--namespace", PLATFORM, "--kubeconfig", str(place.kubeconfig)),
        *(word for key, value in settings.items() for word in ("--set", f"{key}={value}")),
    )
    _await_rollout(place, PLATFORM, WATCH)


def _restart_outdated(place: Place) -> None:
    """Start pods anew whose image has changed under the same name."""
    note = place.folder / "restarted.json"
    loaded = (place.folder / "images.json").read_text()
    if note.exists() and note.read_text() != loaded:
        for namespace, name in (("cattle-system", "rancher"), (PLATFORM, WATCH)):
            kubectl(place, "-n", namespace, "rollout", "restart", f"deployment/{name}")
    note.write_text(loaded)


def _forget_old_charts(place: Place, charts: Path, say: Say) -> None:
    """Start provider-helm anew if charts changed: it keeps them by name and version only."""
    content = digest(charts)
    note = place.folder / CHARTS_NOTE
    before = note.read_text() if note.exists() else content
    note.write_text(content)
    if before != content:
        say("charts have changed: starting provider-helm anew")
        pods = ("delete", "pod", "-l", "pkg.crossplane.io/provider=provider-helm", "--wait=false")
        kubectl(place, "-n", CROSSPLANE, *pods)
        kubectl(
            *(place, "-n", CROSSPLANE, "rollout", "status", "deployment"),
            *("-l", "pkg.crossplane.io/provider=provider-helm", "--timeout=60s"),
        )


def _await_crd(place: Place, name: str) -> None:
    kubectl(place, "wait", f"crd/{name}", "--for=condition=Established", "--timeout=60s")


def _await_healthy(place: Place, name: str) -> None:
    try:
        kubectl(place, "wait", name, "--for=condition=Healthy", "--timeout=180s")
    except LocalError as error:
        said = kubectl(place, "get", name, "-o", "jsonpath={.status.conditions}")
        msg = f"{error}\n{said}"
        raise LocalError(msg) from None


def _await_rollout(place: Place, namespace: str, name: str) -> None:
    status = ("rollout", "status", f"deployment/{name}", "--timeout=60s")
    kubectl(place, "-n", namespace, *status)
