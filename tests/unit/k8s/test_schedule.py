"""Schedules: which are accepted, and how often they fire."""

import re

import pytest

from function.k8s import schedule

WEEKDAY = "numbers of 0 to 6 or SUN to SAT, as a list (1,15), a range (1-5) or in steps (*/15)"
MINUTE = (
    "has a malformed minute: it is *, or numbers of 0 to 59, as a list (1,15), a range (1-5) or "
    "in steps (*/15)"
)


@pytest.mark.parametrize(
    ("text", "frequency"),
    [
        pytest.param("0 2 * * *", "Daily", id="each-night"),
        pytest.param("* * * * *", "Minutely", id="each-minute"),
        pytest.param("*/15 * * * *", "Minutely", id="each-quarter"),
        pytest.param("0,30 2 * * *", "Minutely", id="twice-in-an-hour"),
        pytest.param("7 * * * *", "Hourly", id="each-hour"),
        pytest.param("7 8-18/2 * * *", "Hourly", id="some-hours"),
        pytest.param("0 2 * * 1-5", "Daily", id="on-workdays"),
        pytest.param("0 2 * jan,JUL MON-FRI", "Daily", id="names"),
        pytest.param("0 2 1,15 * 0", "Daily", id="by-both-days"),
        pytest.param("59 23 31 12 6", "Daily", id="greatest"),
        pytest.param("0 0 29 2 *", "Daily", id="in-leap-years"),
        pytest.param("5/20 2 * * *", "Minutely", id="steps-from-a-number"),
        pytest.param("0 2 */2 * *", "Daily", id="each-other-day"),
        pytest.param("*/60 2 * * *", "Daily", id="a-step-beyond-the-field"),
    ],
)
def test_accepted(text: str, frequency: str) -> None:
    """What a CronJob takes, each in the way in which Kubernetes understands it."""
    assert schedule.checked(text) == text
    assert schedule.frequency(text) == frequency


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        pytest.param("60 2 * * *", MINUTE, id="minute"),
        pytest.param("-1 2 * * *", MINUTE, id="negative"),
        pytest.param("*/0 2 * * *", MINUTE, id="step-of-zero"),
        pytest.param("5-1 2 * * *", MINUTE, id="backwards"),
        pytest.param("*,5 2 * * *", MINUTE, id="star-in-a-list"),
        pytest.param("*-5 2 * * *", MINUTE, id="star-in-a-range"),
        pytest.param("1,,5 2 * * *", MINUTE, id="empty-entry"),
        pytest.param("jan 2 * * *", MINUTE, id="name-of-another-field"),
        pytest.param("0 2 * * 7", f"has a malformed day of week: it is *, or {WEEKDAY}", id="7"),
        pytest.param(
            "0 2 * *",
            "must have five fields: minute, hour, day of month, month, day of week",
            id="four-fields",
        ),
        pytest.param("0 0 30 2 *", "must name a day that one of its months has", id="never"),
        pytest.param("0 0 31 4,6 *", "must name a day that one of its months has", id="never-31"),
        pytest.param(
            "0 0 */2 * 1",
            "must write out the days where both day of month and day of week limit them, not */n",
            id="understood-in-two-ways",
        ),
    ],
)
def test_refused(text: str, rule: str) -> None:
    """What would never fire, or fire otherwise than its reader thinks."""
    with pytest.raises(ValueError, match=re.escape(rule)) as caught:
        schedule.checked(text)
    assert str(caught.value) == rule
