"""The words of Helm, provider-helm, Rancher and the host: for the platform, not for tenants."""

import json
from dataclasses import replace
from typing import Any

import pytest
import structlog

from function.compose import compose
from function.observed.state import Condition, Observed, ObservedRelease, Request
from function.response.outcome import outcome_of
from function.response.response import Response
from function.server import grpc_server
from tests.support.factories import INPUT, RANCHER, changed, deployed

MARKER = "https://user:s3cr3t@charts.example.org: dial tcp 10.1.2.3:443"
FAILED = Condition("Synced", "False", "ReconcileError", f"create failed: {MARKER}")


def answered(
    observed: Observed, namespace: str, *, plan: str = "small"
) -> tuple[Request, Response]:
    """Return a call and its answer for a VCluster in a namespace, or in none."""
    metadata = {"name": "shop", "uid": "uid-1", **({"namespace": namespace} if namespace else {})}
    composite = {"metadata": metadata, "spec": {"plan": plan}}
    request = Request(changed(INPUT, {"rancher": RANCHER}), composite, observed)
    return request, compose(request)


def everything_said(answer: Response) -> str:
    """Return all that people read."""
    return repr((answer.conditions, answer.status, answer.events, answer.fatal))


def failing(synced: str = "", state: str = "deployed", **changes: Any) -> ObservedRelease:
    """Return a Release of which a program on the host says something."""
    condition = Condition("Synced", "False", "ReconcileError", synced) if synced else None
    found = replace(deployed(), state=state, **changes)
    return replace(found, synced=condition) if condition else found


RELEASES = [
    pytest.param(failing(f"create failed: {MARKER}", ""), "InstallFailed", id="install"),
    pytest.param(failing(f"update failed: {MARKER}"), "UpdateFailed", id="update"),
    pytest.param(failing(f"observe failed: {MARKER}"), "ObservationFailed", id="look"),
    pytest.param(failing(state="failed", description=MARKER), "ReleaseFailed", id="release"),
]


@pytest.mark.parametrize(("release", "reason"), RELEASES)
@pytest.mark.parametrize("key", ["namespace", "vcluster", "rancher"])
def test_words_of_helm(key: str, release: ObservedRelease, reason: str) -> None:
    """In a namespace of a tenant the reason is told in our words; in scope Cluster in Helm's."""
    seen: dict[str, Any] = {"namespace": deployed(), "vcluster": deployed(), key: release}
    observed = Observed(**seen)

    _, platform = answered(observed, "")
    assert MARKER in everything_said(platform)
    assert platform.withheld == ()

    _, tenant = answered(observed, "team-a")
    said = everything_said(tenant)
    assert "s3cr3t" not in said
    assert "10.1.2.3" not in said
    (condition,) = (c for c in tenant.conditions if c.reason == reason)
    assert condition.message.endswith("finds the cause in the log of the function.")


@pytest.mark.parametrize(("release", "reason"), RELEASES)
def test_words_beside_a_refusal(release: ObservedRelease, reason: str) -> None:
    """A call that is fatal tells no more."""
    observed = Observed(namespace=release)
    request, answer = answered(observed, "team-a")
    broken = replace(request, input={**(request.input or {}), "image": 5})
    for said in (answer, compose(broken)):
        assert "s3cr3t" not in everything_said(said)
        assert reason in {c.reason for c in said.conditions}


@pytest.mark.parametrize(
    "reason",
    [
        "AgentNotConnected",
        "BadManifest",
        "KubernetesRefuses",
        "KubernetesUnreachable",
        "MissingRight",
        "RancherRefuses",
    ],
)
def test_words_of_the_import(reason: str) -> None:
    """What Rancher and the host's API server said to the import is for the platform too."""
    report = json.dumps({"phase": "Importing", "reason": reason, "message": MARKER})
    listed = frozenset({"report"})
    release = replace(deployed(), connection_keys=listed, details={"report": report})
    observed = Observed(namespace=deployed(), vcluster=deployed(), rancher=release)
    _, platform = answered(observed, "")
    assert MARKER in everything_said(platform)
    _, tenant = answered(observed, "team-a")
    assert "s3cr3t" not in everything_said(tenant)


def test_the_log_has_them() -> None:
    """The platform team finds in the log what the tenant does not see, once for each change."""
    observed = Observed(namespace=failing(f"create failed: {MARKER}", ""))
    request, answer = answered(observed, "team-a")
    found = outcome_of(request, answer, {})
    with structlog.testing.capture_logs() as lines:
        grpc_server._log(structlog.stdlib.get_logger(), found, 0.1)  # noqa: SLF001  # the log's one place
    (line,) = (line for line in lines if line["event"] == "withheld")
    assert (line["xr"], line["namespace"], line["type"]) == ("shop", "team-a", "NamespaceReady")
    assert MARKER in line["words"]

    again = outcome_of(request, answer, {"NamespaceReady": ("False", "InstallFailed")})
    assert again.withheld == ()
