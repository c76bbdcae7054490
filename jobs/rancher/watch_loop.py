"""The watcher: a process per host that keeps the phases of all imports true."""

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

from jobs.errors import RancherImportError
from jobs.rancher import agents, watch_plan
from jobs.rancher.api import Rancher
from jobs.rancher.kubernetes import call, read_state, write_data
from jobs.rancher.model import Management, Phase, State
from jobs.rancher.sight import look

OWNERS_EVERY = 4
"""At every so many looks it is seen whether Rancher knows the owners: that is a list of its own."""

BLIND_PERIODS = 3
"""After so many periods without a look that succeeded nobody knows any more what is connected."""

LABELS: LabelSelector = {"caas.telekom.de/state": "rancher"}

UNKNOWN = "Unknown"
PHASES = (*get_args(Phase), UNKNOWN)

CLUSTERS = Gauge("rancher_import_clusters", "Virtual clusters by what Rancher sees", ["phase"])
OUTDATED = Gauge("rancher_import_agents_outdated", "Connected clusters with an outdated agent")
LOOKS = Counter("rancher_import_looks_total", "Looks at Rancher", ["result"])
LAST_LOOK = Gauge("rancher_import_last_look_seconds", "Unix time of the last look that succeeded")
TOKEN_DAYS = Gauge("rancher_import_token_days_left", "Days until the API token expires")
TOKEN_DAYS.set(math.nan)  # not known, or never: no value that an alert could take for 0

log = structlog.get_logger()


class Watcher:
    """Looks at Rancher once per period."""

    def __init__(  # noqa: PLR0913  # what it works with
        self,
        client: Client,
        namespace: str,
        rancher: Rancher,
        *,
        warn_days: int,
        period: float,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Remember what to look at."""
        self._period = period
        self._wall_clock = wall_clock
        self._looks = 0
        self._unknown_owners: Mapping[str, Sequence[str]] = {}
        self._client = client
        self._namespace = namespace
        self._rancher = rancher
        self._warn_days = warn_days
        self._unclear_looks: dict[str, int] = {}
        """By id of a management cluster: in how many looks in a row it was listed without state."""
        self.looked_at = 0.0
        """When the last look succeeded, in seconds of a clock that only goes forward."""

    def run(self, stop: Event) -> None:
        """Look until told to stop."""
        started = time.monotonic()
        while not stop.is_set():
            try:
                self.look()
                LOOKS.labels("ok").inc()
            except RancherImportError as error:
                LOOKS.labels(error.reason).inc()
                log.warning("look failed", reason=error.reason, message=error.message)
                blind = time.monotonic() - max(started, self.looked_at)
                if blind > BLIND_PERIODS * self._period:
                    self._say_blind(error)
            stop.wait(self._period)

    def look(self) -> None:
        """Compare all states with Rancher, and write down what has changed."""
        sight = look(self._rancher)
        managed = sight.managed()
        found = {**managed, **self._unclear(sight.cluster_ids - managed.keys())}
        agent_image = self._rancher.agent_image()
        if self._looks % OWNERS_EVERY == 0:
            self._unknown_owners = self._rancher.unknown_owners() if managed else {}
        self._looks += 1
        phases = dict.fromkeys(PHASES, 0)
        outdated = 0
        states = self._states()
        for name, state in states.items():
            unknown = self._unknown_owners.get(state.cluster_id, ())
            change = watch_plan.judge(state, found, agent_image, unknown)
            if change:
                log.info("changed", state=name, phase=change.phase, reason=change.reason)
                self._write(name, change)
            phase = change.phase if change else state.phase
            phases[phase if phase in phases else UNKNOWN] += 1
            outdated += (change or state).reason == watch_plan.AGENT_OUTDATED
        for phase, number in phases.items():
            CLUSTERS.labels(phase).set(number)
        OUTDATED.set(outdated)
        self._follow_agent_images(states, managed)
        self._watch_the_token()
        LAST_LOOK.set_to_current_time()
        self.looked_at = time.monotonic()

    def _follow_agent_images(
        self, states: Mapping[str, State], found: Mapping[str, Management]
    ) -> None:
        """Have the agents whose turn it is follow Rancher's setting, which may restart them."""
        number = int(self._wall_clock() // agents.turn_seconds(self._period))
        turn = agents.turn(found, number)
        for name, state in states.items():
            management = found.get(state.cluster_id)
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
        """Return what to think of clusters that are listed, but of which no state is shown.

        So they are while Rancher starts, and stay as they were. What is unclear for longer is not
        connected.
        """
        self._unclear_looks = {one: self._unclear_looks.get(one, 0) + 1 for one in cluster_ids}
        lost = Management(connected=False, message="Rancher lists it and shows no state of it.")
        return {
            one: lost if looks > BLIND_PERIODS else None
            for one, looks in self._unclear_looks.items()
        }

    def _say_blind(self, error: RancherImportError) -> None:
        """Write down that nobody knows; what is connected is looked at again when Rancher answers.

        The error may be that of the host, which then refuses this too.
        """
        try:
            for name, state in self._states().items():
                change = watch_plan.unheard(state, error.reason, error.message)
                if change:
                    log.info("changed", state=name, phase=change.phase, reason=change.reason)
                    self._write(name, change)
        except RancherImportError as refused:
            log.warning("cannot write it down", reason=refused.reason, message=refused.message)

    def _states(self) -> dict[str, State]:
        listed = call(
            lambda: list(self._client.list(ConfigMap, namespace=self._namespace, labels=LABELS)),
            f"the state ConfigMaps in {self._namespace}",
        )
        return {
            config_map.metadata.name: read_state(config_map.data or {})
            for config_map in listed
            if config_map.metadata and config_map.metadata.name
        }

    def _write(self, name: str, change: watch_plan.Change) -> None:
        data = {"phase": change.phase, "reason": change.reason, "message": change.message}
        write_data(self._client, self._namespace, name, data)

    def _watch_the_token(self) -> None:
        days = watch_plan.days_left(self._rancher.token_expiry() or "")
        TOKEN_DAYS.set(math.nan if days is None else days)
        if days is not None and days < self._warn_days:
            log.warning("the API token expires soon: rotate it", days=round(days, 1))
