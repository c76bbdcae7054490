"""What Argo CD and Flux show of a VCluster, by real interpreters of Lua and CEL."""

import json
from typing import Any

import celpy
import pytest
import yaml
from celpy.adapter import json_to_cel
from celpy.evaluation import CELEvalError
from lupa.lua51 import LuaRuntime  # type: ignore[import-untyped]  # it has no types

from dev.scripts import life
from function import protobuf
from function.compose import compose
from tests.support.factories import changed
from tests.support.tools import ROOT

GITOPS = ROOT / "install" / "gitops"
LUA = yaml.safe_load((GITOPS / "argocd-cm.yaml").read_text())["data"][
    "resource.customizations.health.caas.telekom.de_VCluster"
]
[EXPRESSIONS] = yaml.safe_load((GITOPS / "flux-kustomization.yaml").read_text())["spec"][
    "healthCheckExprs"
]


def vcluster(
    state: str, spec: dict[str, Any] | None = None, example: str = "kunde1"
) -> dict[str, Any]:
    """Return a VCluster as the API server shows it in a state."""
    composite = life.composite(example)
    composite["spec"] = spec or {}
    composite["metadata"]["generation"] = 2
    req = life.request_of(composite, *life.observed(example, state))
    answer = compose(protobuf.decode(req))
    ready = {"type": "Ready", "status": str(answer.ready), "reason": "Creating"}
    told = [
        {"type": c.type, "status": c.status, "reason": c.reason, "message": c.message}
        for c in answer.conditions
    ]
    conditions = [*told, {**ready, "observedGeneration": 2}]
    return {**composite, "status": {**(answer.status or {}), "conditions": conditions}}


def lost(obj: dict[str, Any]) -> dict[str, Any]:
    """Return a VCluster that Rancher has lost."""
    for condition in obj["status"]["conditions"]:
        if condition["type"] in ("RancherConnected", "Ready"):
            condition |= {"status": "False", "reason": "Disconnected", "message": "No agent."}
    return changed(obj, {"status.rancher.phase": "Lost"})


READY = vcluster("ready")
CASES = [
    pytest.param({k: v for k, v in READY.items() if k != "status"}, "Progressing", id="just-made"),
    pytest.param(vcluster("nothing"), "Progressing", id="nothing"),
    pytest.param(vcluster("deploying"), "Progressing", id="deploying"),
    pytest.param(vcluster("failed"), "Degraded", id="failed"),
    pytest.param(vcluster("up"), "Progressing", id="up"),
    pytest.param(vcluster("imported"), "Progressing", id="imported"),
    pytest.param(READY, "Healthy", id="ready"),
    pytest.param(changed(READY, {"metadata.generation": 3}), "Progressing", id="of-the-old-spec"),
    # Crossplane read the spec before and wrote READY after the change.
    pytest.param(
        changed(READY, {"status.observedGeneration": 1}), "Progressing", id="of-the-call-before"
    ),
    # The status of a change is written a moment before READY is.
    pytest.param(
        changed(READY, {"status.blockedBy": "Updating"}), "Progressing", id="ready-of-before"
    ),
    pytest.param(vcluster("ready", {"availability": "HA"}), "Degraded", id="refused-in-part"),
    pytest.param(vcluster("ready", {"quota": {"pods": 5000}}), "Degraded", id="refused"),
    pytest.param(lost(vcluster("ready")), "Degraded", id="lost"),
    pytest.param(
        vcluster("ready", {"rancher": {"enabled": False}}), "Healthy", id="out-of-rancher"
    ),
]


def argo(obj: dict[str, Any]) -> tuple[str, str]:
    """Return health and message as Argo CD gets them."""
    lua = LuaRuntime(unpack_returned_tuples=True)
    found = lua.execute(f"local obj = ...\n{LUA}", _table(lua, obj))
    return str(found["status"]), str(found["message"])


def _table(lua: LuaRuntime, value: Any) -> Any:
    if isinstance(value, dict):
        return lua.table_from({key: _table(lua, each) for key, each in value.items()})
    if isinstance(value, list):
        return lua.table_from([_table(lua, each) for each in value])
    return value


def flux(obj: dict[str, Any]) -> str:
    """Return what Flux makes of the expressions; what neither holds of is in progress.

    https://fluxcd.io/flux/components/kustomize/kustomizations/#health-check-expressions
    """
    assert {*EXPRESSIONS} == {"apiVersion", "kind", "failed", "current"}
    found = {name for name in ("failed", "current") if _holds(name, obj)}
    # So that the order in which they are asked does not matter.
    assert len(found) <= 1
    return {"failed": "Degraded", "current": "Healthy"}.get("".join(found), "Progressing")


def _holds(name: str, obj: dict[str, Any]) -> bool:
    environment = celpy.Environment()
    program = environment.program(environment.compile(EXPRESSIONS[name]))
    activation = {
        key: json_to_cel(json.loads(json.dumps(obj.get(key, {}))))
        for key in ("metadata", "spec", "status")
    }
    try:
        return bool(program.evaluate(activation))
    except CELEvalError:
        return False


@pytest.mark.parametrize(("obj", "expected"), CASES)
def test_argo_cd(obj: dict[str, Any], expected: str) -> None:
    """Healthy is what a customer can use, Degraded what somebody has to look at."""
    assert argo(obj)[0] == expected


@pytest.mark.parametrize(("obj", "expected"), CASES)
def test_flux(obj: dict[str, Any], expected: str) -> None:
    """Flux and Argo CD see the same."""
    assert flux(obj) == expected


def test_argo_cd_says_why() -> None:
    """The message is ours: what everything waits for, or what was refused."""
    assert argo(vcluster("deploying"))[1].startswith("ControlPlaneReady: 0 of 1 control plane")
    assert argo(vcluster("ready", {"availability": "HA"}))[1].startswith(
        "ChangeRefused: spec.availability: stays Single instead of HA"
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {"metadata.annotations": {"crossplane.io/paused": "true"}}, "Suspended", id="paused"
        ),
        pytest.param(
            {"metadata.deletionTimestamp": "2026-01-01T00:00:00Z"}, "Progressing", id="deleted"
        ),
    ],
)
def test_argo_cd_sees_what_people_do(changes: dict[str, Any], expected: str) -> None:
    """A paused or deleted one is neither healthy nor broken."""
    assert argo(changed(READY, changes))[0] == expected


def test_asleep() -> None:
    """Argo CD says Suspended and why; Flux has what it waited for."""
    asleep = vcluster("ready", {"power": "Sleeping"}, "asleep")
    assert argo(asleep) == ("Suspended", "Asleep, by spec.power.")
    assert flux(asleep) == "Healthy"
    behind = changed(asleep, {"metadata.generation": 9})
    assert (argo(behind)[0], flux(behind)) == ("Progressing", "Progressing")
