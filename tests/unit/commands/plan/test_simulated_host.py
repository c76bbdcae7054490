"""The simulated host reports what a real provider-helm and the real import report."""

import copy
from dataclasses import replace
from typing import Any

import pytest
import yaml

from dev.scripts import life
from function.commands.plan import simulated_host
from function.commands.plan.simulated_host import HEALTHY, Report
from function.observed import rollout
from jobs.rancher import import_plan
from jobs.rancher.actions import Wait
from jobs.rancher.model import (
    OWNER_UID,
    VCLUSTER_UID,
    Agent,
    Cluster,
    Goal,
    Management,
    Marker,
    Registration,
    Snapshot,
    State,
    VirtualClusterState,
)
from tests.support.factories import RELEASES

NO_SECRET = (
    "observe failed: cannot get connection details: cannot get object: "
    'secrets "vc-kunde2-vcluster" not found'
)


def recording(name: str) -> dict[str, Any]:
    """Return a Release as provider-helm reported it, with the time of the simulated host."""
    plain: dict[str, Any] = yaml.safe_load((RELEASES / f"{name}.yaml").read_text())
    for condition in plain["status"]["conditions"]:
        condition["lastTransitionTime"] = simulated_host.CLOCK
    return plain


@pytest.mark.parametrize(
    ("name", "report"),
    [
        pytest.param("kunde2-03", HEALTHY, id="healthy"),
        pytest.param("kunde2-update-03", Report(revision=2), id="upgraded"),
        pytest.param("kunde2-update-02", Report(revision=2, is_current=False), id="being-upgraded"),
        pytest.param("bad-values", Report(state="", error=life.HELM_FAILURE), id="create-failed"),
    ],
)
def test_a_status_is_the_recorded_one(name: str, report: Report) -> None:
    """Helm's state, the conditions and their reasons are those of the recording."""
    recorded = recording(name)
    bare = {key: value for key, value in recorded.items() if key != "status"}
    assert simulated_host.release_status(bare, report) == recorded["status"]


def test_a_failed_observation_changes_one_condition() -> None:
    """Ready stays True, as a real provider-helm leaves it."""
    before = recording("kunde2-update-03")
    assert (
        simulated_host.unobserved_status(before, NO_SECRET)
        == recording("kunde2-secretgone-02")["status"]
    )


def test_a_lost_helm_release_leaves_its_last_state() -> None:
    """provider-helm reports a state only of a Helm release that it finds."""
    before = recording("kunde2-03")
    report = Report(state="", error="create failed: no")
    status = simulated_host.release_status(before, report)
    assert status["atProvider"] == before["status"]["atProvider"]
    assert status["conditions"][0]["reason"] == "Creating"


def release(**values: Any) -> dict[str, Any]:
    """Return a Release that requests some connection details."""
    plain = recording("kunde2-03")
    keys = ("installed", "workload", "externalKubeconfig", "reason", "unknown")
    plain["spec"]["connectionDetails"] = [{"toConnectionSecretKey": key} for key in keys]
    plain["spec"]["forProvider"]["values"] = copy.deepcopy(values)
    return plain


def test_connection_details_are_those_requested() -> None:
    """Counts follow from the values, the server is that of the Helm release's own Secret."""
    high = {"controlPlane": {"statefulSet": {"highAvailability": {"replicas": 3}}}}
    secret = {"name": "vc-shop-external", "server": "https://shop.example.org"}
    plain = release(**high, exportKubeConfig={"additionalSecrets": [secret]})
    plain["metadata"]["annotations"] = {"crossplane.io/external-name": "shop"}
    details = simulated_host.connection_details(plain)
    assert list(details) == ["installed", "workload", "externalKubeconfig", "reason"]
    assert rollout.available(details["workload"]) == 3
    assert rollout.is_complete({"generation": "1", **details}, "generation", "workload")
    assert "server: https://shop.example.org" in details["externalKubeconfig"]


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        pytest.param(simulated_host.STARTING, 0, id="starting"),
        pytest.param(Report(is_current=False), None, id="being-upgraded"),
        pytest.param(Report(state="failed"), None, id="failed"),
    ],
)
def test_details_of_what_is_not_healthy(report: Report, expected: int | None) -> None:
    """A control plane that starts has no pod; without Ready no connection detail is written."""
    details = simulated_host.connection_details(release(), report)
    assert rollout.available(details.get("workload", "")) == expected


GOAL = Goal("shop", "shop", "uid", frozenset(), "inputs")
OURS = Cluster("shop", "u-1", {OWNER_UID: "uid", VCLUSTER_UID: "vc-1"})
INSIDE = VirtualClusterState("vc-1", Marker("uid", "c-m-1", applied=True), Agent())
PENDING = Snapshot(State("inputs"))
IMPORTING = replace(PENDING, has_kubeconfig=True, virtual_cluster=INSIDE, cluster=OURS)
REGISTERED = replace(
    IMPORTING,
    cluster=replace(OURS, cluster_id="c-m-1"),
    management=Management(connected=False),
    bindings=(),
    registration=Registration("/v3/import/x.yaml"),
)


@pytest.mark.parametrize("snapshot", [PENDING, IMPORTING, REGISTERED])
def test_the_import_says_what_the_program_says(snapshot: Snapshot) -> None:
    """Phase, reason and message of each waiting import are those of `rancher-import`."""
    action = import_plan.plan(GOAL, snapshot)
    assert isinstance(action, Wait)
    assert simulated_host.import_state(action.phase) == {
        "phase": action.phase,
        "reason": action.reason,
        "message": action.message,
    }
