"""The metrics of a replica. No metric names a VCluster, so their number is bounded."""

import collections
import datetime as dt
import itertools
import platform
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata
from typing import NamedTuple, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from function.decision import power
from function.observed.ownership import KEYS
from function.observed.state import Truth
from function.response.outcome import (
    BACKUPS,
    CONDITIONS,
    PHASES,
    REASONS,
    REFUSED,
    RESULTS,
    Call,
)

REMEMBERED = 50_000
"""Maximum number of VClusters in the count of phases."""

REMEMBERED_SECONDS = 600
"""Least time in the count."""

RESYNC_SECONDS = 3600
"""Most time to the next call, at any replica, however long the pause is: Crossplane calls for each
VCluster at each resync of its caches, by default once an hour.
https://github.com/crossplane/crossplane/blob/v2.4.0/cmd/crossplane/core/core.go"""

REMEMBERED_CALLS = 3
"""Calls for which a replica remembers a VCluster, because others may get the next ones. Nothing
reports a deletion, so what is deleted counts as long too."""

FIRST_READY_SECONDS = 3600
"""Age up to which READY counts as the first one: no record of an earlier one exists."""


class Last(NamedTuple):
    """The last call for a VCluster."""

    phase: str
    until: float
    """Time at which it is forgotten."""
    backup: str
    """State of the last backup, empty if there is to be none."""
    certificate_end: str
    """End of the first certificate to expire, empty if it is not known."""


class Phases(Collector):
    """A count by phase of the VClusters that a replica composed lately."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin empty; `clock` returns seconds."""
        self._clock = clock
        self._lock = threading.Lock()
        """Calls are counted in one thread, and read in those of the probes."""
        self._last: OrderedDict[str, Last] = OrderedDict()
        self._refused: dict[str, float] = {}
        """Start of the refusal of a spec, by UID."""

    def saw(self, call: Call) -> None:
        """Record the phase of a VCluster, and the start of a refusal of its spec."""
        now = self._clock()
        with self._lock:
            until = now + _remembered(call.pause)
            before = self._last.get(call.uid)
            # A refused call knows nothing newer of backups and certificates.
            known = before if before and call.phase == REFUSED else call
            self._last[call.uid] = Last(call.phase, until, known.backup, known.certificate_end)
            if call.reason in ("ChangeRefused", "InvalidSpec"):
                self._refused.setdefault(call.uid, now)
            else:
                self._refused.pop(call.uid, None)
            self._last.move_to_end(call.uid)
            if len(self._last) > REMEMBERED:
                self._forget(next(iter(self._last)))

    def _forget(self, uid: str) -> None:
        del self._last[uid]
        self._refused.pop(uid, None)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the gauges for Prometheus."""
        now = self._clock()
        with self._lock:
            for uid in [uid for uid, last in self._last.items() if last.until < now]:
                self._forget(uid)
            since = min(self._refused.values(), default=now)
            counted = collections.Counter(last.phase for last in self._last.values())
            saved = collections.Counter(last.backup for last in self._last.values())
            ends = {last.certificate_end for last in self._last.values() if last.certificate_end}
        yield GaugeMetricFamily(
            "function_vcluster_refused_seconds",
            "Seconds since the oldest refusal of a spec that still holds, in whole or in part.",
            value=now - since,
        )
        phases = GaugeMetricFamily(
            "function_vcluster_vclusters",
            "VClusters composed by this replica within the time of a few calls, by phase.",
            labels=["phase"],
        )
        for phase in PHASES:
            phases.add_metric([phase], counted[phase])
        yield phases
        backups = GaugeMetricFamily(
            "function_vcluster_backups",
            "VClusters with backups composed by this replica within the time of a few calls, by "
            "the state of the last one; those asleep are left out.",
            labels=["state"],
        )
        for state in BACKUPS:
            backups.add_metric([state], saved[state])
        yield backups
        yield _first_end(ends)


def _first_end(ends: Iterable[str]) -> GaugeMetricFamily:
    """Return the gauge of the first certificate to expire, without a value where none is known."""
    gauge = GaugeMetricFamily(
        "function_vcluster_certificate_expiry_timestamp_seconds",
        "Earliest end of a certificate of a VCluster composed by this replica within the time of "
        "a few calls; those asleep are left out.",
        labels=[],
    )
    times = [dt.datetime.fromisoformat(end).timestamp() for end in ends]
    if times:
        gauge.add_metric([], min(times))
    return gauge


def _remembered(pause: int) -> int:
    return max(REMEMBERED_SECONDS, REMEMBERED_CALLS * min(pause, RESYNC_SECONDS))


class Calls:
    """Number, duration and size of the calls."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Create the metrics, all at zero."""
        self._results = Counter(
            "function_vcluster_calls",
            "Calls, by result and by the reason of condition Accepted.",
            ["result", "reason"],
            registry=registry,
        )
        self._repeated = Counter(
            "function_vcluster_repeated_calls",
            "Calls answered from the cache.",
            registry=registry,
        )
        self._seconds = Histogram(
            "function_vcluster_call_seconds",
            "Duration of a call.",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
            registry=registry,
        )
        self._bytes = Histogram(
            "function_vcluster_request_bytes",
            "Size of a request.",
            buckets=(4096, 16384, 65536, 262144, 1048576, 4194304),
            registry=registry,
        )
        for result, reason in itertools.product(RESULTS, REASONS):
            self._results.labels(result, reason)

    def count(self, call: Call, seconds: float, size: int, *, repeated: bool) -> None:
        """Count a call, with its duration and the size of its request in bytes."""
        self._results.labels(call.result, call.reason).inc()
        if repeated:
            self._repeated.inc()
        self._seconds.observe(seconds)
        self._bytes.observe(size)


class Changes:
    """Changes of VClusters by the calls."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Create the metrics, all at zero."""
        self._transitions = Counter(
            "function_vcluster_transitions",
            "Changes of conditions, by type and new status; those of sleep as Awake only.",
            ["condition", "status"],
            registry=registry,
        )
        self._dropped = Counter(
            "function_vcluster_dropped_resources",
            "Composed resources deleted by a response, by resource name.",
            ["resource"],
            registry=registry,
        )
        self._ready = Histogram(
            "function_vcluster_ready_seconds",
            "Age of a VCluster when it became READY for the first time.",
            buckets=(15, 30, 60, 90, 120, 180, 300, 600, 1800, FIRST_READY_SECONDS),
            registry=registry,
        )
        for condition, status in itertools.product(CONDITIONS, get_args(Truth)):
            self._transitions.labels(condition, status)
        for key in KEYS:
            self._dropped.labels(key)

    def count(self, call: Call, now: dt.datetime) -> None:
        """Count the changes that a call made."""
        for condition, status, reason in call.conditions:
            if reason in power.REASONS and condition != power.CONDITION:
                continue
            self._transitions.labels(condition, status).inc()
        for key in call.dropped:
            self._dropped.labels(key).inc()
        age = _age(call.created_at, now)
        if call.became_ready and age is not None and 0 <= age <= FIRST_READY_SECONDS:
            self._ready.observe(age)


class Metrics:
    """All metrics of a replica, in a registry of their own.

    Every labelled series begins at zero, because `increase()` misses the value that begins one.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Create the metrics, all at zero."""
        self.registry = CollectorRegistry()
        self._calls = Calls(self.registry)
        self._changes = Changes(self.registry)
        self.in_progress = Gauge(
            "function_vcluster_calls_in_progress", "Calls in progress.",
            registry=self.registry,
        )  # fmt: skip
        build = Info(
            "function_vcluster_build",
            "Version of the function and of Python.",
            registry=self.registry,
        )
        version = metadata.version("function-vcluster")
        build.info({"version": version, "python": platform.python_version()})
        self._phases = Phases(clock)
        self.registry.register(self._phases)
        ProcessCollector(registry=self.registry)

    def answered(
        self, call: Call, seconds: float, size: int, now: dt.datetime, *, repeated: bool
    ) -> None:
        """Count a call, with its duration and the size of its request in bytes.

        `repeated` calls were answered from the cache.
        """
        self._calls.count(call, seconds, size, repeated=repeated)
        self._changes.count(call, now)
        self._phases.saw(call)


def _age(created_at: str, now: dt.datetime) -> float | None:
    try:
        return (now - dt.datetime.fromisoformat(created_at)).total_seconds()
    except (TypeError, ValueError):
        return None
