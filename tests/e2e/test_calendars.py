"""Calendars and the end: the clock puts to sleep, wakes and removes."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.kube import VCLUSTERS, Kube, by, until, vcluster
from tests.e2e.sleepers import Sleeper

if TYPE_CHECKING:
    from collections.abc import Callable

CLOCKED = "clocked"


@pytest.mark.further
def test_a_calendar_closes_and_opens_and_the_end_comes(
    kube: Kube, compositions: Callable[..., None], tell: Callable[[str], None]
) -> None:
    """The clock puts it to sleep and wakes it, and removes it when its end and the grace are over.

    It comes up in a window without an end. Windows have whole minutes: the one that is open then
    ends in one to two.
    """
    allowed = {"calendars": [CLOCKED], "power": "Choice", "expire": "Allowed"}
    compositions(CLOCKED, {"tenant": allowed, "expiry": {"grace": "60s", "warning": "1h"}})
    kube.apply(_calendar(("00:00", "24:00")))
    until("the clock says open", lambda: _open(kube) is True, 60)
    spec = {"sleep": {"calendar": CLOCKED}, "rancher": {"enabled": False}}
    kube.apply(vcluster(CLOCKED, crossplane=by(CLOCKED), **spec))
    clocked = Sleeper(CLOCKED, kube, kube)
    try:
        clocked.await_ready(400)
        now = dt.datetime.now(dt.UTC)
        minutes = [now + dt.timedelta(minutes=each) for each in (-5, 2, 5, 65)]
        first, closes, opens, last = (f"{each:%H:%M}" for each in minutes)
        kube.apply(_calendar((first, closes), (opens, last)))
        clocked.await_phase("Sleeping", seconds=280)
        slept = _since(minutes[1])
        begin = f"asleep, by Calendar {CLOCKED}"
        until("the status says why", lambda: blocked_by(clocked).startswith(begin), 10)
        assert clocked.pods() == []
        clocked.await_ready(300)
        woke = _since(minutes[2])
        end = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=30)
        expire = {"expire": {"at": end.strftime("%Y-%m-%dT%H:%M:%SZ")}}
        kube.patch(VCLUSTERS, CLOCKED, {"spec": expire})
        until("the clock deletes it", lambda: kube.get(VCLUSTERS, CLOCKED) is None, 300)
        told = {one["reason"] for one in kube.list("events", "default") if _is_about(one)}
        assert "ExpiresSoon" in told
        tell(f"asleep {slept:.0f} s after the window, READY {woke:.0f} s after the next one began")
    finally:
        kube("delete", VCLUSTERS, CLOCKED, "--ignore-not-found", "--wait=false")
        kube("delete", "calendars.caas.telekom.de", CLOCKED)


def blocked_by(sleeper: Sleeper) -> str:
    """Return what the status says of why it is not READY."""
    return str(sleeper.found()["status"].get("blockedBy", ""))


def _calendar(*windows: tuple[str, str]) -> dict[str, Any]:
    days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    return {
        "apiVersion": "caas.telekom.de/v1alpha1",
        "kind": "Calendar",
        "metadata": {"name": CLOCKED},
        "spec": {
            "timeZone": "UTC",
            "windows": [{"days": days, "from": begin, "to": end} for begin, end in windows],
        },
    }


def _open(kube: Kube) -> object:
    found = kube.get("calendars.caas.telekom.de", CLOCKED) or {}
    return found.get("status", {}).get("open")


def _since(moment: dt.datetime) -> float:
    return (dt.datetime.now(dt.UTC) - moment.replace(second=0, microsecond=0)).total_seconds()


def _is_about(event: dict[str, Any]) -> bool:
    return bool(event["involvedObject"].get("name") == CLOCKED)
