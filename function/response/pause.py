"""The pause until Crossplane's next call, if no event causes one before.

Crossplane watches the Releases, but not their connection Secrets, unless the function requires them
and Crossplane watches what is required, since version 2.4.
"""

from collections.abc import Mapping

from function.api.fields import duration_seconds
from function.api.input import Polling
from function.decision.looks import Stage
from function.observed.release import is_deployed
from function.observed.state import ObservedRelease

DETAIL = 3
"""Seconds while a change is awaited that causes no event."""

EVENT = 10
"""Seconds while events alone can change anything; a single one may be lost. Most seconds until held
status fields follow."""

BLOCKED = 30
"""Seconds while nothing is under way, or only something that READY does not wait for."""

READY = 120
"""Seconds of a VCluster that is READY."""

WATCHED = 5
"""Times as long at rest, READY or asleep, if Crossplane watches the connection Secrets: then only a
lost event is noticed later."""

CIRCUIT_OPEN = 30
"""Most seconds while Crossplane drops events, maybe that of a changed spec."""


def seconds(
    stages: Mapping[str, Stage],
    releases: Mapping[str, ObservedRelease],
    polling: Polling,
    *,
    is_ready: bool,
    is_circuit_open: bool,
) -> int:
    """Return the pause, by the stages of the composed Releases and what was observed of them.

    What ends sleep is an event: a change of the spec, or a mark of the clock.
    """
    is_watched, is_asleep = polling.watchesRequired, {*stages.values()} == {"Asleep"}
    if is_ready or is_asleep:
        pause = duration_seconds(polling.asleep) if is_asleep else READY
        pause *= WATCHED if is_watched else 1
        pause = min(pause, BLOCKED) if "Awaited" in stages.values() else pause
        return min(pause, CIRCUIT_OPEN) if is_circuit_open else pause
    awaited = [key for key, stage in stages.items() if stage == "Awaited"]
    is_reading = not stages or any(_reads(releases.get(key)) for key in awaited)
    if is_circuit_open or (is_reading and not is_watched):
        return DETAIL
    is_blocked = "Blocked" in stages.values() and not awaited
    return BLOCKED if is_blocked else EVENT


def _reads(observed: ObservedRelease | None) -> bool:
    """Return whether provider-helm reads connection details of a Release."""
    return observed is not None and is_deployed(observed) and bool(observed.connection_keys)
