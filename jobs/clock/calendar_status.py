"""The status of a Calendar: what is written, and when."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from jobs.clock.calendars import State
from jobs.clock.marks import instant_of, text

HEARTBEAT = dt.timedelta(minutes=10)
"""Age at which an unchanged status is written again, so that a dead clock can be seen. The function
does not read Calendars, so this costs one write and nothing else."""

CONDITION = "Valid"


def due_status(
    current: object, generation: int, state: State | str, now: dt.datetime
) -> dict[str, Any] | None:
    """Return the status to write as a merge patch, or None if the current one is right.

    `state` is the state of the Calendar, or why there is none.
    """
    before = current if isinstance(current, Mapping) else {}
    status = _status(generation, state)
    conditions = before.get("conditions")
    last = conditions[0] if isinstance(conditions, list) and conditions else {}
    condition = last if isinstance(last, Mapping) else {}
    due = status["conditions"][0]
    was = {
        **{key: before.get(key) for key in status},
        "conditions": [{key: condition.get(key) for key in due}],
    }
    if was == status and _is_fresh(before.get("evaluatedAt"), now):
        return None
    since = condition.get("lastTransitionTime")
    if not since or condition.get("status") != due["status"]:
        since = text(now)
    return {
        **status,
        "conditions": [{**due, "lastTransitionTime": since}],
        "evaluatedAt": text(now),
    }


def _status(generation: int, state: State | str) -> dict[str, Any]:
    """Return the status without its times of writing."""
    is_valid = not isinstance(state, str)
    condition = {
        "type": CONDITION,
        "status": "True" if is_valid else "False",
        "reason": "Evaluated" if is_valid else "InvalidSpec",
        "message": "" if isinstance(state, State) else state,
        "observedGeneration": generation,
    }
    known = state if isinstance(state, State) else None
    return {
        "open": known.open if known else None,
        "since": text(known.since) if known and known.since else None,
        "until": text(known.until) if known and known.until else None,
        "observedGeneration": generation,
        "conditions": [condition],
    }


def _is_fresh(evaluated_at: object, now: dt.datetime) -> bool:
    instant = instant_of(str(evaluated_at))
    return instant is not None and now - HEARTBEAT < instant <= now
