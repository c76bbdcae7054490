"""What the watcher makes of what Rancher shows."""

from dataclasses import replace

import pytest

from jobs.rancher.model import Management, State
from jobs.rancher.watch_plan import Change, days_left, judge, judge_unreachable

CONNECTED = State("in-1", "Connected", "Connected", "", "c-m-1")
LOST = State("in-1", "Lost", "Disconnected", "Rancher does not reach the cluster.", "c-m-1")


@pytest.mark.parametrize(
    ("state", "found", "change"),
    [
        pytest.param(CONNECTED, {"c-m-1": Management(connected=True)}, None, id="still-connected"),
        pytest.param(
            CONNECTED,
            {"c-m-1": Management(connected=False, message="No tunnel.")},
            Change("Lost", "Disconnected", "Rancher does not reach the cluster. No tunnel."),
            id="lost",
        ),
        pytest.param(LOST, {"c-m-1": Management(connected=False)}, None, id="still-lost"),
        pytest.param(
            LOST,
            {"c-m-1": Management(connected=True)},
            Change("Connected", "Connected", ""),
            id="back",
        ),
        pytest.param(
            CONNECTED,
            {},
            Change(
                "Lost",
                "ClusterDeleted",
                "Rancher no longer has this cluster. Import it again by changing spec.rancher.",
            ),
            id="deleted",
        ),
        pytest.param(
            CONNECTED,
            {"c-m-1": Management(connected=True, terminating=True)},
            Change("Lost", "ClusterDeleted", "Rancher is removing this cluster."),
            id="being-deleted",
        ),
        pytest.param(
            State("in-1", "Importing", "", "", "c-m-1"), {}, None, id="the-import-reports-itself"
        ),
    ],
)
def test_judge(state: State, found: dict[str, Management], change: Change | None) -> None:
    """Only what was connected is watched, and only a change is written."""
    assert judge(state, found) == change


ASLEEP = State(
    "in-1",
    "Sleeping",
    "Reconnecting",
    "It was asleep, and Rancher has not reached it since.",
    "c-m-1",
)
FELL_ASLEEP = Change(ASLEEP.phase, ASLEEP.reason, ASLEEP.message)
GONE = {"c-m-1": Management(connected=False)}
THERE = {"c-m-1": Management(connected=True)}


@pytest.mark.parametrize(
    ("state", "found", "is_late", "change"),
    [
        pytest.param(replace(ASLEEP, is_asleep=True), GONE, True, None, id="asleep"),
        pytest.param(replace(ASLEEP, is_asleep=True), THERE, False, None, id="not-noticed-yet"),
        pytest.param(replace(ASLEEP, is_asleep=True), {}, False, None, id="deleted-asleep"),
        pytest.param(replace(LOST, is_asleep=True), GONE, False, FELL_ASLEEP, id="lost-before"),
        pytest.param(replace(CONNECTED, is_asleep=True), THERE, False, FELL_ASLEEP, id="falls"),
        pytest.param(ASLEEP, GONE, False, None, id="wakes-up"),
        pytest.param(ASLEEP, THERE, False, Change("Connected", "Connected", ""), id="is-back"),
        pytest.param(
            ASLEEP,
            GONE,
            True,
            Change("Lost", "Disconnected", "Rancher does not reach the cluster."),
            id="does-not-come-back",
        ),
    ],
)
def test_sleep(
    state: State, found: dict[str, Management], change: Change | None, *, is_late: bool
) -> None:
    """Asleep nothing is lost; awake it is connected by itself, or lost after a while."""
    assert judge(state, found, is_late=is_late) == change


UNHEARD = Change(
    "Lost",
    "RancherFails",
    "Rancher cannot be asked whether it is connected. Rancher answers 503.",
)


@pytest.mark.parametrize(
    ("state", "change"),
    [
        pytest.param(CONNECTED, UNHEARD, id="connected"),
        pytest.param(
            State("in-1", "Lost", UNHEARD.reason, UNHEARD.message, "c-m-1"), None, id="said-before"
        ),
        pytest.param(LOST, None, id="known-to-be-lost"),
        pytest.param(ASLEEP, None, id="waking-up"),
        pytest.param(State("in-1", "Importing", "", "", "c-m-1"), None, id="importing"),
    ],
)
def test_judge_unreachable(state: State, change: Change | None) -> None:
    """While Rancher cannot be asked nobody knows what is connected, and it is said once."""
    assert judge_unreachable(state, "RancherFails", "Rancher answers 503.") == change


@pytest.mark.parametrize(
    ("expires", "days"),
    [
        pytest.param("2026-01-03T00:00:00Z", 2.0, id="days"),
        pytest.param("2025-12-31T12:00:00Z", -0.5, id="expired"),
        pytest.param("", None, id="never"),
        pytest.param("tomorrow", None, id="no-time"),
    ],
)
def test_days_left(expires: str, days: float | None) -> None:
    """The days until a token expires, in UTC whatever the machine's time zone."""
    assert days_left(expires, now=1767225600.0) == days
