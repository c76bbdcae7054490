"""Intervals of provider-helm's looks: short while something is awaited, long once it is settled."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from dev.scripts import life
from function import protobuf
from function.api.errors import InvalidError
from function.api.validate import Document
from function.commands.plan.simulate import following
from function.compose import compose
from function.decision import looks
from function.observed.state import Condition, ObservedRelease
from tests.support.factories import config, deployed, pods, rolled_out

if TYPE_CHECKING:
    from function.observed.state import Request
    from function.response.response import Response

ANNOTATION = "crossplane.io/poll-interval"
KEYS = frozenset({"generation", "workload", "kubeconfig"})
UP = deployed(connection_keys=KEYS, details=rolled_out("0.36.1"), has_kubeconfig=True)


def importing(phase: str) -> ObservedRelease:
    """Return the Release of an import in a phase."""
    report = {"report": json.dumps({"phase": phase})}
    return deployed(connection_keys=frozenset({"report"}), details=report)


@pytest.mark.parametrize(
    ("key", "status", "reason", "observed", "expected"),
    [
        pytest.param("namespace", "Unknown", "NotCreated", None, "Awaited", id="to-be-created"),
        pytest.param("namespace", "True", "Available", deployed(), "Settled", id="namespace"),
        pytest.param("namespace", "Unknown", "Updating", deployed(), "Awaited", id="a-change"),
        pytest.param("namespace", "False", "ReleaseFailed", deployed(), "Blocked", id="failed"),
        pytest.param("namespace", "False", "DataRetained", deployed(), "Blocked", id="refused"),
        pytest.param("vcluster", "True", "Available", UP, "Settled", id="vcluster"),
        pytest.param(
            "vcluster",
            "True",
            "Available",
            replace(UP, details={**UP.details, "workload": pods(2)}),
            "Blocked",
            id="a-replica-is-away",
        ),
        pytest.param(
            "vcluster",
            "False",
            "Unavailable",
            replace(UP, connection_keys=KEYS - {"kubeconfig"}, details={"workload": pods(0)}),
            "Awaited",
            id="the-first-start",
        ),
        pytest.param(
            "vcluster",
            "False",
            "Unavailable",
            replace(UP, details={"workload": pods(0)}),
            "Blocked",
            id="an-outage",
        ),
        pytest.param(
            "vcluster",
            "False",
            "Unavailable",
            replace(UP, details={"workload": pods(0), "generation": "3"}),
            "Awaited",
            id="a-restart-of-ours",
        ),
        pytest.param("vcluster", "Unknown", "Updating", UP, "Awaited", id="a-rollout"),
        pytest.param("vcluster", "Unknown", "ObservationFailed", UP, "Blocked", id="no-sight"),
        *(
            pytest.param("rancher", "False", "Any", importing(phase), "Awaited", id=phase)
            for phase in ("Pending", "Importing", "Registered")
        ),
        *(
            pytest.param("rancher", "False", "Any", importing(phase), "Blocked", id=phase)
            for phase in ("Lost", "Failed")
        ),
        pytest.param("rancher", "False", "Importing", importing("Connected"), "Awaited", id="anew"),
        pytest.param("rancher", "True", "Connected", importing("Connected"), "Settled", id="in"),
    ],
)
def test_stage(
    key: str, status: Any, reason: str, observed: ObservedRelease | None, expected: looks.Stage
) -> None:
    """An outage is not looked at more often: it shows in very many Releases at once."""
    assert looks.stage(key, Condition("X", status, reason), observed) == expected


def test_the_interval_is_of_the_input() -> None:
    """A platform with very many VClusters looks less often."""
    settled = {"namespace": "1h", "vcluster": "5m", "rancher": "3m"}
    changes = {"polling": {"awaited": "5s", "failing": "2m", "settled": settled}}
    for polling, expected in (
        (config().polling, ["2s", "30s", "10m", "1m", "1m"]),
        (config(changes).polling, ["5s", "2m", "1h", "5m", "3m"]),
    ):
        cases: list[tuple[str, looks.Stage]] = [
            ("vcluster", "Awaited"),
            ("vcluster", "Blocked"),
            *((key, "Settled") for key in ("namespace", "vcluster", "rancher")),
        ]
        assert [looks.interval(*case, polling) for case in cases] == expected


@pytest.mark.parametrize(
    ("polling", "field"),
    [
        ({"awaited": "2m"}, "polling.awaited: must be between 1 and 60 seconds"),
        ({"failing": "1s"}, "polling.failing: must be between 5 and 3600 seconds"),
        ({"settled": {"namespace": "25h"}}, "must be between 10 and 86400 seconds"),
        ({"settled": {"vcluster": "2h"}}, "must be between 5 and 3600 seconds"),
        ({"settled": {"rancher": "1s"}}, "must be between 5 and 3600 seconds"),
        ({"asleep": "25h"}, "polling.asleep: must be between 10 and 86400 seconds"),
        ({"awaited": "0s"}, "must be a time such as 90s, 15m or 1h"),
    ],
)
def test_bounds(polling: dict[str, Any], field: str) -> None:
    """Neither a look that never comes nor one that never ends."""
    with pytest.raises(InvalidError, match=field):
        config({"polling": polling})


def intervals(answer: Response) -> dict[str, str]:
    """Return the interval of each composed Release."""
    return {
        key: composed.resource["metadata"]["annotations"][ANNOTATION]
        for key, composed in answer.resources.items()
        if composed.resource["kind"] == "Release"
    }


def request(state: str) -> Request:
    """Return the request of an example in a state."""
    return protobuf.decode(life.request("kunde1", state))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("nothing", {"namespace": "2s"}),
        ("deploying", {"namespace": "10m", "vcluster": "2s", "rancher": "30s"}),
        ("failed", {"namespace": "10m", "vcluster": "30s", "rancher": "30s"}),
        ("up", {"namespace": "10m", "vcluster": "1m", "rancher": "2s"}),
        ("imported", {"namespace": "10m", "vcluster": "1m", "rancher": "2s"}),
        ("ready", {"namespace": "10m", "vcluster": "1m", "rancher": "1m"}),
    ],
)
def test_a_life(state: str, expected: dict[str, str]) -> None:
    """The annotation changes exactly when something new is awaited, or no longer is."""
    assert intervals(compose(request(state))) == expected


@pytest.mark.parametrize("example", life.names())
def test_no_oscillation(example: str) -> None:
    """No answer depends on the interval that was: a settled cluster has its last one at once."""
    for state in life.LIFE:
        vcluster, (resources, secrets) = life.composite(example), life.observed(example, state)
        answers = []
        for interval in ("1s", "30s", "24h"):
            for resource in resources:
                resource["metadata"]["annotations"][ANNOTATION] = interval
            answers.append(compose(protobuf.decode(life.request_of(vcluster, resources, secrets))))
        assert answers[0] == answers[1] == answers[2], state


@pytest.mark.parametrize("example", life.names())
def test_a_fixed_point(example: str) -> None:
    """Once all that is composed is up, two calls change nothing more."""
    asked = protobuf.decode(life.request(example, "nothing"))
    for _ in range(8):
        asked = following(asked, compose(asked))
    settled = compose(asked)
    again = compose(following(asked, settled))
    assert settled.ready == (example != "asleep")
    assert (again.resources, again.pause) == (settled.resources, settled.pause)
    expected = {"4h"} if example == "asleep" else {"1m", "10m"}
    assert {*intervals(settled).values()} <= expected


def test_secrets_are_required_where_that_is_watched() -> None:
    """Crossplane 2.4 calls for a change of what is required, so READY is computed seldom."""
    ready = request("ready")
    answer = compose(ready)
    assert (answer.requirements, answer.pause) == ((), 120)
    assert ready.input
    platform = {**ready.input, "polling": {"watchesRequired": True}}
    watched = compose(replace(ready, input=Document(platform, b"")))
    assert [(one.kind, one.namespace, one.name) for one in watched.requirements] == [
        ("Secret", "vcluster-system", "kunde1-vcluster-conn"),
        ("Secret", "vcluster-system", "kunde1-rancher-conn"),
    ]
    assert watched.pause == 600
