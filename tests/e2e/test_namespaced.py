"""Self-service: customers make VClusters in namespaces of their own, and get no further.

A control plane has the API in one scope, so this module takes the other one away, and puts it back.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from dev.platform import node
from dev.platform.command import PlatformError
from dev.platform.install import composition
from dev.platform.place import ROOT
from dev.platform.supervise import succeeds
from tests.e2e import api
from tests.e2e.inventory import await_nothing
from tests.e2e.kube import (
    PLATFORM,
    RELEASES,
    VCLUSTERS,
    Kube,
    Object,
    condition,
    is_ready,
    until,
    vcluster,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dev.platform.machine import Machine
    from tests.e2e.rancher import Control

pytestmark = [pytest.mark.further, pytest.mark.last]

XRD = "compositeresourcedefinition/vclusters.caas.telekom.de"
USAGES = "usages.protection.crossplane.io"
TENANT = ROOT / "install" / "tenant.yaml"
NAME = "shop"
READER = "carol"


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody with a namespace on the control plane."""

    namespace: str
    user: str
    kube: Kube
    """The control plane, as its administrator sees it."""

    def __call__(self, *words: str, text: str | None = None) -> str:
        """Run kubectl in the namespace, as the customer."""
        return self.kube("-n", self.namespace, f"--as={self.user}", *words, text=text)

    def create(self, name: str, **spec: Any) -> None:
        """Create a VCluster."""
        made = vcluster(name, **spec)
        made["metadata"]["namespace"] = self.namespace
        self("create", "-f", "-", text=json.dumps(made))

    def may_create(self) -> bool:
        """Tell whether the API server lets him create VClusters."""
        return succeeds(lambda: self("auth", "can-i", "create", VCLUSTERS))

    def shop(self) -> Object:
        """Return the VCluster that both customers have, as its owner sees it."""
        found: Object = json.loads(self("get", VCLUSTERS, NAME, "-o", "json"))
        return found

    @property
    def host(self) -> str:
        """The namespace on the host."""
        return str(self.shop()["status"]["namespace"])

    @property
    def release(self) -> str:
        """The Helm release there."""
        return str(self.shop()["status"]["release"])


@pytest.fixture(scope="module")
def scope(kube: Kube, there: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Install the API in scope Namespaced as the README tells, and the other one at the end."""
    kube("delete", VCLUSTERS, "--all", "--cascade=foreground", seconds=300)
    until("all are gone", lambda: not kube.list(RELEASES), 120)
    _replace(kube, there, ROOT / "apis" / "namespaced")
    with pytest.MonkeyPatch.context() as patch:
        # kubectl remembers for hours which kinds have a namespace.
        patch.setenv("KUBECACHEDIR", str(tmp_path_factory.mktemp("kubectl")))
        kube("apply", "-f", str(TENANT))
        yield
        kube("delete", VCLUSTERS, "--all", "--all-namespaces", "--cascade=foreground", seconds=300)
        kube("delete", "-f", str(TENANT))
    _replace(kube, there, ROOT / "apis" / "cluster")


def _replace(kube: Kube, there: Machine, configuration: Path) -> None:
    """Replace the API by that of the other scope."""
    kube("delete", XRD, seconds=120)
    gone = ("get", "crd", "vclusters.caas.telekom.de", "--ignore-not-found")
    until("the API is gone", lambda: not kube(*gone).strip(), 60)
    kube("apply", "-f", str(configuration / "definition.yaml"))
    kube("wait", XRD, "--for=condition=Established", "--timeout=60s")
    kube.apply(composition(node.site(there)))
    api.connect(kube.kubeconfig).forget()
    # Crossplane remembers which kinds have a namespace, too.
    kube("-n", "crossplane-system", "rollout", "restart", "deployment/crossplane")
    status = ("rollout", "status", "deployment/crossplane", "--timeout=180s")
    kube("-n", "crossplane-system", *status, seconds=200)


@pytest.fixture(scope="module")
def customers(kube: Kube, scope: None) -> Iterator[tuple[Customer, Customer]]:
    """Return two customers, who both have made a VCluster of the same name, and it is READY."""
    del scope
    found = (Customer("team-a", "alice", kube), Customer("team-b", "bob", kube))
    namespaces = [each.namespace for each in found]
    kube("delete", "namespace", *namespaces, "--ignore-not-found", seconds=300)
    for each in found:
        kube("create", "namespace", each.namespace)
        kube(
            *("-n", each.namespace, "create", "rolebinding", "vcluster-tenant"),
            *("--clusterrole=vcluster-tenant", f"--user={each.user}"),
        )
        until("the role counts", each.may_create, 30)
    alice, bob = found
    alice.create(NAME, kubeconfigReaders=[{"kind": "User", "name": READER}])
    bob.create(NAME)
    for each in found:
        until(
            f"{each.namespace}/{NAME} is READY",
            lambda each=each: is_ready(each.shop()),  # type: ignore[misc]
            240,
            lambda each=each: told(kube, each.namespace),  # type: ignore[misc]
        )
    yield found
    kube("delete", "namespace", *namespaces, "--ignore-not-found", seconds=300)


def told(kube: Kube, namespace: str) -> str:
    """Return what a person would look at when something hangs in a customer's namespace."""
    words = ("-n", namespace, "describe", f"{VCLUSTERS},{RELEASES},{USAGES}")
    return kube(*words) + kube("get", "namespace", namespace, "-o", "yaml")


def test_two_customers_with_the_same_name_stay_apart(
    kube: Kube, control: Control, customers: tuple[Customer, Customer]
) -> None:
    """Each has a namespace on the host and a cluster in Rancher; the Releases lie with him."""
    for each in customers:
        assert each.host.startswith(f"{each.namespace}-{NAME}-")
        assert kube.get("statefulset", each.release, each.host)
        cluster = control.cluster(each.host) or {}
        assert cluster["connected"]
        assert cluster["id"] == each.shop()["status"]["rancher"]["clusterId"]
        names = {one["metadata"]["name"] for one in kube.list(RELEASES, each.namespace)}
        assert names == {each.release, f"{each.host}-namespace", f"{each.host}-rancher"}
    assert customers[0].host != customers[1].host
    assert kube.list(RELEASES, PLATFORM) == []
    lines = kube("get", VCLUSTERS, "--all-namespaces", "--no-headers").splitlines()
    assert [line.split()[:4] for line in lines] == [
        [each.namespace, NAME, "True", "True"] for each in customers
    ]


def test_a_customer_sees_his_vclusters_and_nothing_else(
    kube: Kube, customers: tuple[Customer, Customer]
) -> None:
    """Neither another's, nor what his own consists of, nor anything of the platform or the host."""
    alice, bob = customers
    refused = [
        ("get", VCLUSTERS, NAME, "-n", bob.namespace),
        ("get", VCLUSTERS, "--all-namespaces"),
        *(("get", kind, "-n", alice.namespace) for kind in (RELEASES, USAGES, "secrets", "events")),
        ("get", "secret", f"{alice.release}-conn", "-n", alice.namespace),
        ("get", "secrets", "-n", PLATFORM),
        ("get", "configmaps", "-n", PLATFORM),
        ("get", "pods", "-n", alice.host),
        ("get", "secret", f"vc-{alice.release}", "-n", alice.host),
        ("delete", "namespace", alice.namespace, "--dry-run=server"),
    ]
    for words in refused:
        with pytest.raises(PlatformError, match="is forbidden: User"):
            kube(*words, f"--as={alice.user}")


def test_a_customer_writes_no_more_than_a_spec(customers: tuple[Customer, Customer]) -> None:
    """No Release, which would be administrator of the host, no status, no other Composition."""
    alice, _ = customers
    release = {
        "apiVersion": "helm.m.crossplane.io/v1beta1",
        "kind": "Release",
        "metadata": {"name": "mine", "namespace": alice.namespace},
        "spec": {
            "forProvider": {
                "namespace": "kube-system",
                "chart": {"repository": "https://charts.loft.sh", "name": "vcluster"},
            }
        },
    }
    with pytest.raises(PlatformError, match="is forbidden: User"):
        alice("create", "--dry-run=server", "-f", "-", text=json.dumps(release))
    patch = ("patch", VCLUSTERS, NAME, "--type=merge", "--dry-run=server", "-p")
    with pytest.raises(PlatformError, match="is forbidden: User"):
        alice(*patch, json.dumps({"status": {"blockedBy": "me"}}), "--subresource=status")
    for crossplane in (
        {"compositionRef": {"name": "lax"}},
        {"compositionUpdatePolicy": "Manual", "compositionRevisionRef": {"name": "older"}},
    ):
        with pytest.raises(PlatformError, match=r"spec\.crossplane belongs to the platform"):
            alice(*patch, json.dumps({"spec": {"crossplane": crossplane}}))
    alice(*patch, json.dumps({"spec": {"quota": {"pods": 5}}}))


def test_a_wish_for_what_is_anothers_is_refused_in_words(
    customers: tuple[Customer, Customer],
) -> None:
    """A project of Rancher that the platform keeps for others, and of which nothing is told."""
    _, bob = customers
    bob.create("greedy", rancher={"project": "kunde1"})

    def seen() -> Object:
        found: Object = json.loads(bob("get", VCLUSTERS, "greedy", "-o", "json"))
        return found

    try:
        until("it is refused", lambda: condition(seen(), "Accepted"), 60, seen)
        accepted = condition(seen(), "Accepted")
        assert (accepted["status"], accepted["reason"]) == ("False", "InvalidSpec")
        assert accepted["message"] == (
            "spec.rancher.project: is not a Rancher project that VClusters of this namespace may "
            "name. Known: none."
        )
    finally:
        bob("delete", VCLUSTERS, "greedy")


def test_a_reader_reads_one_kubeconfig(kube: Kube, customers: tuple[Customer, Customer]) -> None:
    """Whom `kubeconfigReaders` names may get that Secret on the host, and not a thing beside it."""
    alice, bob = customers
    reader = f"--as={READER}"
    secret = f"vc-{alice.release}"
    kube("get", "secret", secret, "-n", alice.host, reader)
    others = {one["metadata"]["name"] for one in kube.list("secrets", alice.host)} - {secret}
    assert others
    refused = [
        ("get", "secrets", "-n", alice.host),
        ("get", "secret", min(others), "-n", alice.host),
        ("delete", "secret", secret, "-n", alice.host, "--dry-run=server"),
        ("get", "secret", f"vc-{bob.release}", "-n", bob.host),
        ("get", "secrets", "-n", PLATFORM),
        ("get", "secret", "rancher-api", "-n", PLATFORM),
        ("get", "configmaps", "-n", PLATFORM),
        ("get", "pods", "-n", alice.host),
        ("get", VCLUSTERS, "-n", alice.namespace),
    ]
    for words in refused:
        with pytest.raises(PlatformError, match="is forbidden: User"):
            kube(*words, reader)


def test_deletion_protection_refuses_with_a_sentence(
    kube: Kube, customers: tuple[Customer, Customer]
) -> None:
    """Also in scope Namespaced, where it is a Usage beside the VCluster."""
    alice, _ = customers
    name = f"{NAME}-deletion-protection"
    patch = ("patch", VCLUSTERS, NAME, "--type=merge", "-p")
    alice(*patch, json.dumps({"spec": {"deletionProtection": True}}))
    try:
        until(
            "the protection is there",
            lambda: (
                condition(kube.get(USAGES, name, alice.namespace), "Ready").get("status") == "True"
            ),
            60,
            lambda: told(kube, alice.namespace),
        )
        with pytest.raises(PlatformError, match="deletionProtection"):
            alice("delete", VCLUSTERS, NAME, "--dry-run=server")
    finally:
        alice(*patch, json.dumps({"spec": {"deletionProtection": False}}))
    until(
        "the protection is gone",
        lambda: kube.get(USAGES, name, alice.namespace) is None,
        60,
        lambda: told(kube, alice.namespace),
    )


def test_deleting_a_customers_namespace_removes_all_in_order(
    kube: Kube,
    control: Control,
    customers: tuple[Customer, Customer],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Out of Rancher, then the virtual cluster, then its namespace; the neighbour stays."""
    alice, bob = customers
    host, release, home = bob.host, bob.release, bob.namespace
    looks: dict[str, Callable[[], Any]] = {
        "cluster in Rancher": lambda: control.cluster(host),
        "rancher Release": lambda: kube.get(RELEASES, f"{host}-rancher", home),
        "vcluster Release": lambda: kube.get(RELEASES, release, home),
        "namespace on the host": lambda: kube.get("namespace", host),
    }
    gone: dict[str, float] = {}
    started = time.monotonic()

    def watch() -> None:
        while looks.keys() - gone.keys() and time.monotonic() - started < 240:
            for what in looks.keys() - gone.keys():
                if looks[what]() is None:
                    gone[what] = time.monotonic() - started

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        kube("delete", "namespace", home, seconds=240)
    except PlatformError as error:
        pytest.fail(f"{error}\n{told(kube, home)}")
    finally:
        watching.join()
    with capsys.disabled():
        shown = ", ".join(f"{what} {gone.get(what, -1):.0f} s" for what in looks)
        print(f"\ngone after: {shown}")  # noqa: T201
    assert sorted(looks, key=lambda what: gone[what]) == list(looks)
    await_nothing(kube, (host, release, home), 60)
    assert is_ready(alice.shop())
