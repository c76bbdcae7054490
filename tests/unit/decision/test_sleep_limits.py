"""Limits of sleep and expiry: what a spec may not ask for, and what it may."""

from typing import Any

import pytest

from function.decision import sleep_limits
from tests.support.factories import config, vcluster

AT = "2026-12-24T18:00:00Z"
SLEEP = {"sleep": {"calendar": "office-hours"}}


@pytest.mark.parametrize(
    ("spec", "platform", "expected"),
    [
        pytest.param({}, {}, [], id="nothing-said"),
        pytest.param(
            SLEEP,
            {},
            [
                (
                    "spec.sleep: cannot be set on this platform. Leave it out, or ask the platform "
                    "team to list a Calendar in tenant.calendars."
                )
            ],
            id="no-calendars",
        ),
        pytest.param(
            SLEEP,
            {"tenant.calendars": ["nights", "weekdays"]},
            [
                (
                    "spec.sleep.calendar: is not a Calendar of the platform. Choose one of: "
                    "nights, weekdays."
                )
            ],
            id="another-calendar",
        ),
        pytest.param(SLEEP, {"tenant.calendars": ["office-hours"]}, [], id="calendar"),
        pytest.param(
            {"expire": {"at": AT}},
            {},
            [
                (
                    "spec.expire: cannot be set on this platform. Leave it out, or ask the "
                    "platform team to set tenant.expire to Allowed."
                )
            ],
            id="no-expiry",
        ),
        pytest.param({"expire": {"at": AT}}, {"tenant.expire": "Allowed"}, [], id="expiry"),
    ],
)
def test_limits(spec: dict[str, Any], platform: dict[str, Any], expected: list[str]) -> None:
    """The platform lists the Calendars, and allows expiry."""
    tenant = config(platform).tenant
    assert [str(each) for each in sleep_limits.problems(vcluster(**spec).spec, tenant)] == expected
