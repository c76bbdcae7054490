"""Fixtures of the end-to-end tests: a platform that `make up` has made, and VClusters on it.

They run only when asked for, by `make e2e`, which sets E2E to the name of a platform. Most run
beside each other; those marked `alone` are felt by every VCluster, or look at all there is.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from dev.platform import install, machine, node
from function.k8s.helm_values import merge
from tests.e2e import rancher
from tests.e2e.kube import (
    PLATFORM,
    RELEASES,
    VCLUSTERS,
    Kube,
    Object,
    await_ready,
    until,
    vcluster,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xdist.remote import Producer  # type: ignore[import-untyped]

NAME = os.environ.get("E2E", "")

collect_ignore_glob = [] if NAME else ["test_*.py"]

TENANTS = ("kunde1", "kunde2")
TOGETHER = (
    # A cluster in Rancher without its VCluster is an orphan to the sweep of the first.
    ("test_deletion", "test_backup"),
    ("test_exposure",),
    ("test_hops",),
    # They change the tenants, or do not bear that others do.
    ("test_change", "test_isolation", "test_ready", "test_upgrade"),
    ("test_ha",),
    ("test_guide",),
    ("test_retain",),
    ("test_failure",),
)
"""Modules that one process runs after each other; what takes longest begins first."""

PHASES = ("beside", "alone", "last")
TOLD = "told"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make e2e` run the tests in phases."""
    text = "run only the tests that may run beside each other, those that may not, or the last ones"
    parser.addoption("--phase", choices=PHASES, help=text)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of the other phases, and begin with what takes longest."""
    mine = [item for item in items if item.path.parent == Path(__file__).parent]
    phase = config.getoption("--phase", None)
    left_out = [item for item in mine if phase and phase != _phase(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    order = [f"{module}.py" for group in TOGETHER for module in group]
    if mine:
        items.sort(key=lambda one: [*order, one.path.name].index(one.path.name))


def _phase(item: pytest.Item) -> str:
    return next((phase for phase in PHASES if item.get_closest_marker(phase)), PHASES[0])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Modules | None:
    """Keep the tests that share VClusters in one process."""
    return Modules(config, log) if NAME else None


class Modules(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives whole modules to a worker."""

    def _split_scope(self, nodeid: str) -> str:
        module = Path(nodeid.partition("::")[0]).stem
        return next((group[0] for group in TOGETHER if module in group), module)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the tests have measured."""
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    for report in reports:
        for name, value in report.user_properties:
            if name == TOLD and report.when == "call":
                terminalreporter.write_line(f"{report.nodeid.partition('::')[2]}: {value}")


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Return what prints a measurement at the end of the run, from whatever process."""
    return lambda text: record_property(TOLD, text)


@pytest.fixture(scope="session")
def there() -> machine.Machine:
    """Return the machine that the platform runs on."""
    found = machine.find(NAME)
    if found is None:
        pytest.fail(f"no platform {NAME!r} runs: make up LOCAL={NAME}", pytrace=False)
    return found


@pytest.fixture(scope="session")
def kube(there: machine.Machine) -> Kube:
    """Return the host cluster, which is the control plane too, as its administrator sees it."""
    return Kube(there.place.kubeconfig)


@pytest.fixture(scope="session")
def control(there: machine.Machine) -> Iterator[rancher.Control]:
    """Return the way to steer the test Rancher; it answers as usual again afterwards."""
    steer = rancher.control(there.place)
    yield steer
    steer.up()


@pytest.fixture(scope="session")
def tenants(kube: Kube) -> tuple[str, ...]:
    """Return two VClusters that are READY, and that the tests share and leave as they were."""
    for name in TENANTS:
        kube.apply(vcluster(name, rancher={"project": name}))
    for name in TENANTS:
        await_ready(kube, name)
    return TENANTS


@pytest.fixture(scope="session")
def compositions(kube: Kube, there: machine.Machine) -> Iterator[Callable[..., None]]:
    """Apply Compositions that differ from the platform's in the Input, and remove them at the end.

    They are no tenant's: the one that all share stays as it is.
    """
    names: set[str] = set()

    def apply(name: str, changes: Object) -> None:
        made: Any = install.composition(node.site(there))
        made["metadata"]["name"] = name
        [step] = made["spec"]["pipeline"]
        step["input"] = merge(step["input"], changes)
        names.add(name)
        kube.apply(made)

    yield apply
    kube("delete", VCLUSTERS, *names, "--ignore-not-found", "--wait=false")
    kube("delete", "composition", *names, "--ignore-not-found")


@pytest.fixture
def made(kube: Kube) -> Iterator[Callable[..., str]]:
    """Make VClusters, and delete them at the end of the test without waiting."""
    names = []

    def make(name: str, **spec: object) -> str:
        kube.apply(vcluster(name, **spec))
        names.append(name)
        return name

    yield make
    for name in names:
        kube("delete", VCLUSTERS, name, "--ignore-not-found", "--wait=false")


@pytest.fixture
def removed(kube: Kube) -> Callable[[str], None]:
    """Delete a VCluster, unless it is, and wait until its namespace and its Releases are gone."""

    def remove(name: str) -> None:
        kube("delete", VCLUSTERS, name, "--ignore-not-found", seconds=300)
        label = f"crossplane.io/composite={name}"
        until("no Release is left", lambda: not kube.list(RELEASES, PLATFORM, label), 300)
        until(f"namespace {name} is gone", lambda: kube.get("namespace", name) is None, 60)

    return remove


@pytest.fixture(scope="session")
def opened(kube: Kube, there: machine.Machine) -> Callable[[str], Kube]:
    """Open a virtual cluster as its customer, with the kubeconfig that the status names.

    The kubeconfig's server is a Service of the host: from inside the machine it is reached by its
    address, which the certificate covers too, because the machine has no names of the cluster.
    """
    # The machine has a /tmp of its own.
    folder = there.place.folder / "tenants"
    folder.mkdir(exist_ok=True)

    def open_as_customer(name: str) -> Kube:
        status = (kube.get(VCLUSTERS, name) or {})["status"]
        reference = status["kubeconfigSecretRef"]
        secret = kube.get("secret", reference["name"], reference["namespace"]) or {}
        service = kube.get("service", status["release"], status["namespace"]) or {}
        config = base64.b64decode(secret["data"][reference["key"]]).decode()
        server = f"https://{status['release']}.{status['namespace']}.svc:443"
        assert server in config
        path = folder / f"{name}.yaml"
        path.write_text(config.replace(server, f"https://{service['spec']['clusterIP']}:443"))
        path.chmod(0o600)
        return Kube(path, tuple(there.command()))

    return open_as_customer


@pytest.fixture(scope="session")
def inside(opened: Callable[[str], Kube], tenants: tuple[str, ...]) -> Kube:
    """Return the cluster of the first of the shared tenants."""
    return opened(tenants[0])
