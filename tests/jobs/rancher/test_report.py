"""The report: one JSON document with all that the function reads, written with every change."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from lightkube.resources.core_v1 import ConfigMap

from jobs.errors import ConflictError
from jobs.rancher import report
from jobs.rancher.host_cluster import HostCluster, StoredState, write_state
from jobs.rancher.watch_loop import Watcher
from tests.jobs.rancher.world import GOAL, PLATFORM, STATE, World

if TYPE_CHECKING:
    from collections.abc import Mapping

STORED = {"phase": "Pending", "clusterName": "kunde1", "desiredInputs": "in-1", "ownerUid": "u"}


def test_it_is_whole() -> None:
    """It has all parts, in one order, also those that a change leaves as they were."""
    assert report.changed(STORED, {"phase": "Importing", "message": "März"}) == {
        "phase": "Importing",
        "message": "März",
        "report": '{"clusterId":"","clusterName":"kunde1","message":"März","observedInputs":"",'
        '"phase":"Importing","reason":""}',
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, False, id="as-written"),
        pytest.param({"phase": "Lost"}, True, id="changed-by-the-release-before"),
        pytest.param({"desiredInputs": "in-2"}, False, id="not-a-part-of-it"),
        pytest.param({"report": ""}, True, id="empty"),
        pytest.param({"report": "{"}, True, id="no-json"),
        pytest.param({"report": "[]"}, True, id="no-map"),
    ],
)
def test_is_outdated(changes: Mapping[str, str], expected: bool) -> None:  # noqa: FBT001
    """It differs from the single keys, which a program of the release before wrote."""
    assert report.is_outdated({**STORED, **report.changed(STORED, {}), **changes}) is expected


def test_a_state_of_the_release_before_has_none() -> None:
    """The first write adds it."""
    assert report.is_outdated(STORED)


def test_an_import_writes_it(world: World) -> None:
    """At the end it says what the single keys say, and so it does after the deregistration."""
    assert world.run()
    state = world.state()
    assert not report.is_outdated(state)
    assert json.loads(state["report"])["observedInputs"] == GOAL.inputs
    assert world.deregister()
    assert not report.is_outdated(world.state())
    assert json.loads(world.state()["report"])["clusterId"] == ""


def patched(world: World, data: Mapping[str, Any]) -> None:
    """Write into the state, as a program of the release before does."""
    answer = world.api.patch("v1", "ConfigMap", STATE, {"data": data}, namespace=PLATFORM)
    assert answer.status == 200


@pytest.mark.parametrize(
    "former", [{"report": None}, {"message": "By a Job of the release before.", "report": "{}"}]
)
def test_the_watcher_brings_it_up_to_date(world: World, former: Mapping[str, Any]) -> None:
    """A state that the release before wrote has its report after the next look."""
    world.run()
    patched(world, former)
    with world.connected() as (_, rancher), closing(world.lightkube()) as kubernetes:
        Watcher(kubernetes, PLATFORM, rancher, warn_days=14, period=30).look()
        first = world.api.get("v1", "ConfigMap", STATE, namespace=PLATFORM).body
        assert not report.is_outdated(first["data"])
        Watcher(kubernetes, PLATFORM, rancher, warn_days=14, period=30).look()
    second = world.api.get("v1", "ConfigMap", STATE, namespace=PLATFORM).body
    assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]


def test_no_change_is_overwritten(world: World) -> None:
    """Importer and watcher write one report: whoever read before the other's write reads again."""
    with closing(world.lightkube()) as kubernetes:
        read = kubernetes.get(ConfigMap, STATE, namespace=PLATFORM)
        patched(world, {"phase": "Importing"})
        with pytest.raises(ConflictError):
            write_state(kubernetes, PLATFORM, STATE, StoredState.read(read), {"reason": "Old"})
        assert world.state()["phase"] == "Importing"
        assert world.state()["reason"] == ""
        HostCluster(kubernetes, PLATFORM, STATE).report({"reason": "New"})
    assert json.loads(world.state()["report"])["phase"] == "Importing"
    assert world.state()["reason"] == "New"
