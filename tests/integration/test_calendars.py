"""The kind Calendar on a real API server: what it accepts and what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from function.api import calendar
from jobs.clock.calendars import parse

if TYPE_CHECKING:
    from dev.apiserver.client import Answer, Client

WINDOW = {"days": ["Mon", "Tue"], "from": "08:00", "to": "18:00"}
SPEC: dict[str, Any] = {"timeZone": "Europe/Berlin", "windows": [WINDOW]}


def create(client: Client, spec: dict[str, Any], name: str = "tried") -> Answer:
    """Create a Calendar, as a dry run."""
    manifest = {
        "apiVersion": calendar.API_VERSION,
        "kind": calendar.KIND,
        "metadata": {"name": name},
        "spec": spec,
    }
    return client.apply(manifest, dry_run=True)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"timeZone": "UTC"},
        {"timeZone": "America/Argentina/Buenos_Aires"},
        {"timeZone": "Etc/GMT+5"},
        {"spread": "2h"},
        {"spread": "0s"},
        {"closed": ["2028-02-29", "2026-12-25"]},
        {"windows": [{**WINDOW, "from": "22:00", "to": "06:00"}]},
        {"windows": [{**WINDOW, "from": "00:00", "to": "24:00"}]},
    ],
    ids=str,
)
def test_accepted(clock_chart: Client, change: dict[str, Any]) -> None:
    """What the API server accepts, the clock can evaluate."""
    answer = create(clock_chart, {**SPEC, **change})
    assert answer.status == 201, answer.body
    parse(answer.body["spec"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"timeZone": "Europe/Berln"}, "spec.timeZone"),
        ({"timeZone": "Europe"}, "spec.timeZone"),
        ({"timeZone": "Local"}, "must be a time zone of the IANA database"),
        ({"timeZone": "../etc/passwd"}, "spec.timeZone"),
        ({"timeZone": "+02:00"}, "spec.timeZone"),
        ({"windows": []}, "spec.windows"),
        ({"windows": [{**WINDOW, "days": []}]}, "spec.windows[0].days"),
        ({"windows": [{**WINDOW, "days": ["Mon", "Mon"]}]}, "spec.windows[0].days"),
        ({"windows": [{**WINDOW, "days": ["Monday"]}]}, "spec.windows[0].days[0]"),
        ({"windows": [{**WINDOW, "from": "8:00"}]}, "spec.windows[0].from"),
        ({"windows": [{**WINDOW, "from": "24:00"}]}, "spec.windows[0].from"),
        ({"windows": [{**WINDOW, "to": "24:01"}]}, "spec.windows[0].to"),
        ({"windows": [{**WINDOW, "to": "08:00"}]}, "from and to must differ"),
        ({"windows": [{"days": ["Mon"], "from": "08:00"}]}, "spec.windows[0].to"),
        ({"closed": ["2027-02-29"]}, "spec.closed[0]"),
        ({"closed": ["2026-12-25", "2026-12-25"]}, "spec.closed: duplicate"),
        ({"spread": "3h"}, "spec.spread must be at most 2h"),
        ({"spread": "10"}, "spec.spread"),
        ({"colour": "red"}, "colour"),
    ],
    ids=str,
)
def test_refused(clock_chart: Client, change: dict[str, Any], message: str) -> None:
    """Whoever writes a Calendar reads at once which field is wrong."""
    answer = create(clock_chart, {**SPEC, **change})
    assert answer.status in (400, 422, 500), answer.body
    assert message in answer.body["message"]


@pytest.mark.parametrize("name", ["a.b", "a" * 64])
def test_names(clock_chart: Client, name: str) -> None:
    """A name that no spec could have is refused."""
    answer = create(clock_chart, SPEC, name)
    assert answer.status == 422
    assert "metadata.name must be at most 63" in answer.body["message"]
