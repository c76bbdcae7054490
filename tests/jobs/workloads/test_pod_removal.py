"""The pods that a sleeping virtual cluster left: which are removed, and which never."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from httpx2 import Response
from lightkube.core.exceptions import ApiError

from jobs.backoff import Clock
from jobs.host_names import TENANTS
from jobs.transport import AnswerTooLongError
from jobs.workloads.pod_removal import PodRemoval
from tests.jobs.workloads.test_pod_shutdown import CUSTOMERS, PLATFORM_POD, Host, host
from tests.jobs.workloads.test_pod_shutdown import PODS as PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["host"]

CONTROL_PLANE = "app=vcluster"
LEASE = "vcluster-kunde1-vcluster-controller"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kunde1/leases"
OTHER = "debugger"


@pytest.fixture
def remove(host: Host) -> Callable[..., bool]:
    """Return what runs the program, with a control plane that is gone."""
    del host.store.objects[f"{PATH}/{PLATFORM_POD}"]
    host.store.put(f"{LEASES}/{LEASE}", {"metadata": {"name": LEASE}})

    def run(lease: str = LEASE) -> bool:
        clock = Clock(now=lambda: host.seconds, sleep=host.sleep, jitter=lambda: 0.5)
        return PodRemoval(
            host.client,
            "kunde1",
            control_plane=CONTROL_PLANE,
            lease=lease,
            timeout=100,
            clock=clock,
        ).run()

    return run


def control_plane(host: Host) -> None:
    """Let a pod of the control plane run."""
    host.pod(PLATFORM_POD, {"app": "vcluster"})


def test_the_tenants_pods_are_removed(host: Host, remove: Callable[..., bool]) -> None:
    """What the syncer made is gone, within half a minute each; other pods are left alone."""
    host.pod(OTHER)
    assert remove()
    assert host.names() == {OTHER}
    assert host.ended == [(TENANTS, 30)]


def test_a_waking_syncer_waits_for_no_lease(host: Host, remove: Callable[..., bool]) -> None:
    """The lease of the killed one is gone; without one nothing is missing."""
    assert remove()
    assert f"{LEASES}/{LEASE}" not in host.store.objects
    assert remove()
    assert remove("")


def test_it_is_idempotent(host: Host, remove: Callable[..., bool]) -> None:
    """Asleep already, it ends at once."""
    assert remove()
    host.ended.clear()
    before = host.seconds
    assert remove()
    assert (host.ended, host.seconds) == ([], before)


def test_the_last_pods_of_the_control_plane_are_awaited(
    host: Host, remove: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its end a syncer would make the pods anew."""
    control_plane(host)
    original = host.sleep

    def sleep(seconds: float) -> None:
        original(seconds)
        if host.seconds > 10:
            host.store.objects.pop(f"{PATH}/{PLATFORM_POD}", None)

    monkeypatch.setattr(host, "sleep", sleep)
    assert remove()
    assert host.names() == set()
    assert host.seconds > 10


def test_awake_nothing_is_removed(host: Host, remove: Callable[..., bool]) -> None:
    """A control plane that was woken up keeps its pods, and is not waited for any longer."""
    control_plane(host)
    assert remove()
    assert host.names() == {PLATFORM_POD, *CUSTOMERS}
    assert host.ended == []
    assert 30 <= host.seconds < 45


def test_woken_up_in_between(
    host: Host, remove: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends as soon as the control plane runs again, whose pods come back."""
    for name in CUSTOMERS:
        host.store.objects[f"{PATH}/{name}"]["metadata"]["deletionTimestamp"] = (
            "2026-01-01T00:00:00Z"
        )

    def sleep(seconds: float) -> None:
        host.seconds += seconds
        control_plane(host)

    monkeypatch.setattr(host, "sleep", sleep)
    assert remove()
    assert PLATFORM_POD in host.names()
    assert host.seconds < 5


def test_a_lost_node(host: Host, remove: Callable[..., bool]) -> None:
    """Pods that never end do not hold the release up: the node is lost, and nothing runs there."""
    for name in CUSTOMERS:
        host.store.objects[f"{PATH}/{name}"]["metadata"]["deletionTimestamp"] = (
            "2026-01-01T00:00:00Z"
        )
    assert remove()
    assert 100 <= host.seconds < 110


@pytest.mark.parametrize("error", ["refused", "unreachable"])
def test_a_pod_that_runs_on_is_no_sleep(
    host: Host, remove: Callable[..., bool], monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    """A host that lets no pod be deleted fails the hook, so that it runs again: nothing sleeps."""
    code, message = (403, "denied by a policy") if error == "refused" else (500, "a database")

    def delete_all(*_: object, **__: object) -> None:
        raise ApiError(response=Response(code, json={"code": code, "message": message}))

    monkeypatch.setattr(host.client, "delete_all", delete_all)
    assert not remove()
    assert host.names() == {*CUSTOMERS}


def test_pods_that_come_back_are_no_sleep(
    host: Host, remove: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is made anew all the time runs when the time is up."""
    original = host.sleep

    def sleep(seconds: float) -> None:
        original(seconds)
        host.pod("again", {TENANTS: "x"})

    monkeypatch.setattr(host, "sleep", sleep)
    assert not remove()


@pytest.mark.parametrize(("seconds", "stays"), [(5, False), (100, True)])
def test_rights_that_come_late(
    host: Host,
    remove: Callable[..., bool],
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    *,
    stays: bool,
) -> None:
    """A right that is not known yet is waited for; without it the namespace is gone."""
    original = host.client.metadata

    def metadata(*arguments: object, **options: object) -> object:
        if host.seconds < seconds:
            raise ApiError(response=Response(403, json={"code": 403, "message": "forbidden"}))
        return original(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(host.client, "metadata", metadata)
    assert remove()
    assert ({*CUSTOMERS} <= host.names()) == stays


def test_metadata_that_is_too_long_is_that_of_a_pod(
    host: Host, remove: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tenant cannot stay awake by a pod that no answer has room for."""
    original = host.client.metadata

    def metadata(kind: Any, **options: Any) -> Iterator[Any]:
        if options["selector"] == TENANTS and host.names() - {OTHER}:
            msg = "long"
            raise AnswerTooLongError(msg)
        return original(kind, **options)

    monkeypatch.setattr(host.client, "metadata", metadata)
    assert remove()
    assert host.names() == set()
