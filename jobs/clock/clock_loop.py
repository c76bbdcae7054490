"""The clock: one process per control plane that looks at Calendars and VClusters once per period.

Each look compares what is with what is due, so nothing is lost while the clock is away, and two
clocks write the same. Every write is bound to the version that was read.
"""

import datetime as dt
import time
from collections.abc import Callable, Iterator
from threading import Event as Stop
from typing import Any

import structlog
from lightkube.generic_resource import create_global_resource, create_namespaced_resource
from lightkube.types import PatchType
from prometheus_client import Counter, Gauge

from jobs.bounded_api import Api, Item
from jobs.clock import expiry, vclusters
from jobs.clock.calendar_status import due_status
from jobs.clock.calendars import InvalidCalendarError, State, parse
from jobs.clock.events import Events
from jobs.clock.marks import Evaluated, due_mark, evaluated
from jobs.clock.sleepers import ANNOTATION, Sleeper
from jobs.clock.time_source import TimeSource
from jobs.errors import ConflictError, RancherImportError
from jobs.kubernetes import call

GROUP, VERSION = "caas.telekom.de", "v1alpha1"
CALENDARS = create_global_resource(GROUP, VERSION, "Calendar", "calendars")
VCLUSTERS = create_global_resource(GROUP, VERSION, "VCluster", "vclusters")
NAMESPACED = create_namespaced_resource(GROUP, VERSION, "NamespacedVCluster", "vclusters")
"""VClusters in scope Namespaced; the name of the kind only distinguishes the two here."""

LOOKS = Counter("vcluster_clock_looks_total", "Looks at Calendars and VClusters", ["result"])
LAST_LOOK = Gauge("vcluster_clock_last_look_seconds", "Unix time of the last look that succeeded")
WRITES = Counter("vcluster_clock_writes_total", "Writes of the clock", ["kind"])
FAILURES = Counter("vcluster_clock_failures_total", "Writes that failed", ["reason"])
STATES = Gauge("vcluster_clock_calendars", "Calendars by their state", ["state"])

log = structlog.get_logger()


class ClockLoop:
    """The loop that looks once per period."""

    def __init__(self, client: Api, *, period: float, source: TimeSource | None = None) -> None:
        """Hold the client and the settings."""
        self._client = client
        self._period = period
        self._source = source or TimeSource()
        self._events = Events(client)
        self.last_success = 0.0
        """Monotonic time of the last successful look; 0 before the first."""

    def run(self, stop: Stop) -> None:
        """Look once per period until `stop` is set."""
        while not stop.is_set():
            try:
                self.look()
                LOOKS.labels("ok").inc()
            except RancherImportError as error:
                LOOKS.labels(error.reason).inc()
                log.warning("look failed", reason=error.reason, message=error.message)
            stop.wait(self._period)

    def look(self) -> None:
        """Write what is due of Calendars and VClusters."""
        items = call(lambda: [*self._client.objects(CALENDARS, Item)], "the Calendars")
        now = self._source.now(self._client.date)
        calendars = {str(item.metadata.name): self._calendar(item, now) for item in items}
        states = [one.state.open if one else None for one in calendars.values()]
        for label, value in (("open", True), ("closed", False), ("invalid", None)):
            STATES.labels(label).set(states.count(value))
        for sleeper in self._sleepers():
            self._write(sleeper, calendars, now)
        self.last_success = time.monotonic()
        LAST_LOOK.set(time.time())

    def _calendar(self, item: Item, now: dt.datetime) -> Evaluated | None:
        """Return a Calendar with its state, or None if it is invalid; write its status."""
        calendar: Evaluated | None = None
        try:
            calendar = evaluated(parse(item.spec if isinstance(item.spec, dict) else {}), now)
            state: State | str = calendar.state
        except InvalidCalendarError as error:
            state = str(error)
        status = due_status(item.status, item.metadata.generation or 0, state, now)
        if status is not None:
            patch = {"metadata": {"resourceVersion": item.metadata.resourceVersion}}
            self._write_status(str(item.metadata.name), {**patch, "status": status})
        return calendar

    def _write_status(self, name: str, patch: dict[str, Any]) -> None:
        merge, kind = PatchType.MERGE, CALENDARS.Status
        self._attempt(
            "calendar",
            lambda: self._client.patch(kind, name, patch, patch_type=merge),
            f"Calendar {name}",
        )

    def _sleepers(self) -> Iterator[Sleeper]:
        """Yield all VClusters, page by page."""
        items = self._client.objects(VCLUSTERS, Item)
        while item := call(lambda: next(items, None), "the VClusters"):
            yield vclusters.read(item)

    def _write(
        self, sleeper: Sleeper, calendars: dict[str, Evaluated | None], now: dt.datetime
    ) -> None:
        """Write the mark, or delete what has expired, or warn of it."""
        what = f"VCluster {sleeper.namespace}/{sleeper.name}".replace(" /", " ")
        if expiry.is_deletion_due(sleeper, now):
            self._attempt("deletion", lambda: self._delete(sleeper), what)
            return
        if sleeper.is_terminating:
            return
        mark = due_mark(sleeper, calendars, now)
        if mark != sleeper.mark:
            self._attempt("mark", lambda: self._mark(sleeper, mark), what)
        if message := expiry.warning(sleeper, now):
            warn = lambda: self._events.warn(sleeper, expiry.WARNING, message, now)  # noqa: E731
            if not self._events.is_known(sleeper, now):
                self._attempt("warning", warn, what)

    def _mark(self, sleeper: Sleeper, mark: str | None) -> None:
        name, merge = sleeper.name, PatchType.MERGE
        annotations = {ANNOTATION: mark}
        patch = {"metadata": {"resourceVersion": sleeper.version, "annotations": annotations}}
        if sleeper.namespace:
            namespace = sleeper.namespace
            self._client.patch(NAMESPACED, name, patch, patch_type=merge, namespace=namespace)
        else:
            self._client.patch(VCLUSTERS, name, patch, patch_type=merge)

    def _delete(self, sleeper: Sleeper) -> None:
        self._client.delete_seen(
            NAMESPACED if sleeper.namespace else VCLUSTERS,
            sleeper.name,
            namespace=sleeper.namespace or None,
            uid=sleeper.uid,
            version=sleeper.version,
        )

    def _attempt(self, kind: str, action: Callable[[], Any], what: str) -> None:
        """Write one object; its error keeps no other from its time."""
        try:
            call(action, what)
        except ConflictError:
            log.info("changed meanwhile, waiting for the next look", kind=kind, object=what)
        except RancherImportError as error:
            FAILURES.labels(error.reason).inc()
            log.warning("write failed", kind=kind, reason=error.reason, message=error.message)
        else:
            WRITES.labels(kind).inc()
            log.info("written", kind=kind, object=what)
