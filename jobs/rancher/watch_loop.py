"""The watcher: one process per host that updates the phases of all imports."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from threading import Event
from typing import get_args

import structlog
from lightkube import Client
from lightkube.core.client import LabelSelector
from lightkube.resources.core_v1 import ConfigMap
from prometheus_client import Counter, Gauge

from jobs.errors import ConflictError, RancherImportError
from jobs.kubernetes import call
from jobs.rancher import agents, report, watch_plan
from jobs.rancher.api import Rancher
from jobs.rancher.host_cluster import StoredState, write_state
from jobs.rancher.model import Management, Phase, State
from jobs.rancher.sight import look

OWNERS_EVERY = 4
"""Number of looks between two checks of the owners, which need a list of their own."""

BLIND_PERIODS = 3
"""Number of periods without a successful look after which connected clusters become Lost."""

WAKING_PERIOD = 5.0
"""Seconds between two looks at the states while a cluster is asleep, and at Rancher while one wakes
up: READY waits for it."""

WAKING_SECONDS = 300
"""Time for a cluster that woke up to be connected; then it is Lost."""

LABELS: LabelSelector = {"caas.telekom.de/state": "rancher"}

UNKNOWN = "Unknown"
PHASES = (*get_args(Phase), UNKNOWN)

CLUSTERS = Gauge("rancher_import_clusters", "Virtual clusters by what Rancher sees", ["phase"])
OUTDATED = Gauge("rancher_import_agents_outdated", "Connected clusters with an outdated agent")
LOOKS = Counter("rancher_import_looks_total", "Looks at Rancher", ["result"])
LAST_LOOK = Gauge("rancher_import_last_look_seconds", "Unix time of the last look that succeeded")
TOKEN_DAYS = Gauge("rancher_import_token_days_left", "Days until the API token expires")
TOKEN_DAYS.set(math.nan)  # unknown, or never; an alert would fire at 0

log = structlog.get_logger()


class Watcher:
    """The loop that looks at Rancher once per period."""

    def __init__(  # noqa: PLR0913  # its collaborators
        self,
        client: Client,
        namespace: str,
        rancher: Rancher,
        *,
        warn_days: int,
        period: float,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Hold the clients and the settings."""
        self._period = period
        self._wall_clock = wall_clock
        self._looks = 0
        self._unknown_owners: Mapping[str, Sequence[str]] = {}
        self._client = client
        self._namespace = namespace
        self._rancher = rancher
        self._warn_days = warn_days
        self._unclear_looks: dict[str, int] = {}
        """Number of successive looks without a state, by id of the management cluster."""
        self._waking_since: dict[str, float] = {}
        """Monotonic time at which a cluster was first seen to wake up, by name of its state."""
        self._has_sleepers = False
        self.last_success = 0.0
        """Monotonic time of the last successful look; 0 before the first."""

    def run(self, stop: Event) -> None:
        """Look once per period until `stop` is set."""
        started = time.monotonic()
        while not stop.is_set():
            try:
                self.look()
                LOOKS.labels("ok").inc()
            except RancherImportError as error:
                LOOKS.labels(error.reason).inc()
                log.warning("look failed", reason=error.reason, message=error.message)
                blind = time.monotonic() - max(started, self.last_success)
                if blind > BLIND_PERIODS * self._period:
                    self._report_unreachable(error)
            self._rest(stop)

    def _rest(self, stop: Event) -> None:
        """Wait for the next period, or until a cluster wakes up."""
        end = time.monotonic() + self._period
        while not stop.is_set() and (rest := end - time.monotonic()) > 0:
            stop.wait(min(rest, WAKING_PERIOD) if self._has_sleepers else rest)
            if self._has_sleepers and self._is_any_waking():
                return

    def _is_any_waking(self) -> bool:
        try:
            return any(watch_plan.is_waking(each.state) for each in self._stored().values())
        except RancherImportError as error:
            log.warning("cannot look for clusters that wake up", reason=error.reason)
            return False

    def _late(self, states: Mapping[str, State]) -> AbstractSet[str]:
        """Return the states of clusters that woke up long ago, and note those that wake up."""
        now = time.monotonic()
        waking = [name for name, state in states.items() if watch_plan.is_waking(state)]
        self._waking_since = {name: self._waking_since.get(name, now) for name in waking}
        self._has_sleepers = any(each.phase == watch_plan.SLEEPING for each in states.values())
        return {name for name, at in self._waking_since.items() if now - at > WAKING_SECONDS}

    def look(self) -> None:
        """Compare all states with Rancher, and write the changes."""
        sight = look(self._rancher)
        managed = sight.managed()
        clusters = {**managed, **self._unclear(sight.cluster_ids - managed.keys())}
        agent_image = self._rancher.agent_image()
        if self._looks % OWNERS_EVERY == 0:
            self._unknown_owners = self._rancher.unknown_owners() if managed else {}
        self._looks += 1
        phases = dict.fromkeys(PHASES, 0)
        outdated = 0
        stored = self._stored()
        states = {name: each.state for name, each in stored.items()}
        late = self._late(states)
        for name, state in states.items():
            unknown = self._unknown_owners.get(state.cluster_id, ())
            is_late = name in late
            change = watch_plan.judge(state, clusters, agent_image, unknown, is_late=is_late)
            self._write(name, stored[name], change)
            phase = change.phase if change else state.phase
            phases[phase if phase in phases else UNKNOWN] += 1
            outdated += (change or state).reason == watch_plan.AGENT_OUTDATED
        for phase, number in phases.items():
            CLUSTERS.labels(phase).set(number)
        OUTDATED.set(outdated)
        self._follow_agent_images(states, managed)
        self._check_token_expiry()
        LAST_LOOK.set_to_current_time()
        self.last_success = time.monotonic()

    def _follow_agent_images(
        self, states: Mapping[str, State], managed: Mapping[str, Management]
    ) -> None:
        """Make the agents of this turn follow Rancher's setting, which may restart them."""
        number = int(self._wall_clock() // agents.turn_seconds(self._period))
        turn = agents.turn(managed, number)
        for name, state in states.items():
            management = managed.get(state.cluster_id)
            if state.cluster_id not in turn or not management or not management.connected:
                continue
            default = management.images.default
            if not default:
                continue
            if self._rancher.follow_agent_image(state.cluster_id, default):
                log.info("the agent's image follows Rancher's setting now", state=name)
            else:
                log.warning("the agent's image cannot follow Rancher's setting", state=name)

    def _unclear(self, cluster_ids: AbstractSet[str]) -> dict[str, Management | None]:
        """Return the assumed states of listed clusters without one; None leaves them as they are.

        Rancher hides states while it starts. A cluster that stays unclear is not connected.
        """
        self._unclear_looks = {one: self._unclear_looks.get(one, 0) + 1 for one in cluster_ids}
        lost = Management(connected=False, message="Rancher lists it and shows no state of it.")
        return {
            one: lost if looks > BLIND_PERIODS else None
            for one, looks in self._unclear_looks.items()
        }

    def _report_unreachable(self, error: RancherImportError) -> None:
        """Mark clusters Lost while Rancher is unreachable.

        The error may be one of the host, which then refuses this too.
        """
        try:
            for name, stored in self._stored().items():
                change = watch_plan.judge_unreachable(stored.state, error.reason, error.message)
                self._write(name, stored, change)
        except RancherImportError as failure:
            log.warning("cannot write it down", reason=failure.reason, message=failure.message)

    def _stored(self) -> dict[str, StoredState]:
        config_maps = call(
            lambda: list(self._client.list(ConfigMap, namespace=self._namespace, labels=LABELS)),
            f"the state ConfigMaps in {self._namespace}",
        )
        return {
            config_map.metadata.name: StoredState.read(config_map)
            for config_map in config_maps
            if config_map.metadata and config_map.metadata.name
        }

    def _write(self, name: str, stored: StoredState, change: watch_plan.Change | None) -> None:
        """Write a change, or a report that a program of the release before has not written."""
        if change is None and not report.is_outdated(stored.data):
            return
        if change:
            log.info("changed", state=name, phase=change.phase, reason=change.reason)
        try:
            write_state(self._client, self._namespace, name, stored, vars(change) if change else {})
        except ConflictError:
            log.info("changed meanwhile, waiting for the next look", state=name)

    def _check_token_expiry(self) -> None:
        days = watch_plan.days_left(self._rancher.token_expiry() or "")
        TOKEN_DAYS.set(math.nan if days is None else days)
        if days is not None and days < self._warn_days:
            log.warning("the API token expires soon: rotate it", days=round(days, 1))
