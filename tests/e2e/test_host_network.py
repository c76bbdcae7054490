"""Facts of a host's network in the Input, as the node's network policies enforce them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dev.platform.command import PlatformError
from tests.e2e.kube import VCLUSTERS, Kube, Object, await_ready, by, until, vcluster
from tests.e2e.test_isolation import IMAGE, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.further

NAME = "networks"
SERVICES = "platform-services"
OPEN, SHUT = 8080, 8081
SERVE = (
    f"mkdir -p /www && echo hello >/www/index.html && httpd -p {SHUT} -h /www && "
    f"exec httpd -f -p {OPEN} -h /www"
)
SELECTOR = {"matchLabels": {"kubernetes.io/metadata.name": SERVICES}}
INPUT: Object = {
    "hosts": {
        "local": {
            "egressTo": [
                {
                    "namespaceSelector": SELECTOR,
                    "podSelector": {"matchLabels": {"run": "store"}},
                    "ports": [{"port": OPEN}],
                }
            ]
        }
    }
}


@pytest.fixture(scope="module")
def services(kube: Kube) -> Iterator[dict[str, str]]:
    """Yield the addresses of two services of the platform on the host, by name."""
    kube("create", "namespace", SERVICES)
    for name in ("store", "other"):
        kube("run", name, "-n", SERVICES, f"--image={IMAGE}", "--", "sh", "-c", SERVE)
    yield {name: _address(kube, name, SERVICES) for name in ("store", "other")}
    kube("delete", "namespace", SERVICES, "--wait=false")


@pytest.fixture(scope="module")
def inside(
    kube: Kube,
    services: dict[str, str],
    compositions: Callable[..., None],
    opened: Callable[[str], Kube],
) -> Iterator[Kube]:
    """Yield a virtual cluster with a pod of its tenant."""
    assert services
    compositions(NAME, INPUT)
    kube.apply(vcluster(NAME, rancher={"enabled": False}, crossplane=by(NAME)))
    await_ready(kube, NAME)
    found = opened(NAME)
    found("run", "server", f"--image={IMAGE}", "--", "sleep", "6000")
    _address(found, "server", "default")
    yield found
    kube("delete", VCLUSTERS, NAME, "--cascade=foreground", "--ignore-not-found", seconds=300)


def _address(kube: Kube, name: str, namespace: str) -> str:
    def address() -> str:
        status = (kube.get("pod", name, namespace) or {}).get("status", {})
        return str(status.get("podIP", "")) if status.get("phase") == "Running" else ""

    until(f"pod {name} runs", address, 90)
    return address()


@pytest.mark.parametrize(
    ("name", "port", "expected"),
    [("store", OPEN, True), ("store", SHUT, False), ("other", OPEN, False)],
    ids=["named", "another port", "another pod"],
)
def test_pods_of_the_platform(
    inside: Kube, services: dict[str, str], name: str, port: int, *, expected: bool
) -> None:
    """A tenant's pod reaches the service that `egressTo` names, at its port, and no other."""

    def reaches() -> bool:
        try:
            inside("exec", "server", "--", *connect(services[name], port))
        except PlatformError:
            return False
        return True

    if expected:
        until("the service is reached", reaches, 60)
    else:
        assert not reaches()
