"""Parse and validate the spec and the Input."""

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from function.api import (
    authentication_flags,
    bounds,
    clock_mark,
    container_resources,
    findings,
    names,
    written_values,
    xr,
)
from function.api.clock_mark import NO_MARK, ClockMark
from function.api.errors import MOST_PROBLEMS, InvalidError, Problem
from function.api.input import Input
from function.api.value_layers import layers, plan_values
from function.api.xr import NOT_IN_THE_API, Spec
from function.k8s import versions
from function.k8s.fieldpath import get, text


class Document(dict[str, object]):
    """An immutable plain object with the digest of its content."""

    def __init__(self, plain: Mapping[str, object], digest: bytes) -> None:
        """Hold a plain object and its digest."""
        super().__init__(plain)
        self._digest = digest

    def __hash__(self) -> int:  # type: ignore[override]  # a dict has none because it may change
        """Return a hash of the content."""
        return hash(self._digest)


@dataclass(frozen=True)
class VersionPair:
    """A chart version with a Kubernetes version, which is empty if unknown."""

    chart: str
    kubernetes: str


class RollbackBefore(NamedTuple):
    """The rollback in the status: it outlives the Release of the backups."""

    snapshot: str = ""
    phase: str = ""
    request: str = ""
    reason: str = ""
    saved: str = ""
    at: str = ""


NO_ROLLBACK = RollbackBefore()


@dataclass(frozen=True)
class Composite:
    """The validated VCluster."""

    name: str
    uid: str
    retries: int
    spec: xr.Spec
    conditions: Mapping[str, tuple[str, str]]
    """Status and reason of each observed condition."""
    namespace: str = ""
    """Namespace on the control plane; empty in scope Cluster."""
    generation: int | None = None
    """Generation of the spec; None without an API server, as in `crossplane render`."""
    clock: ClockMark = NO_MARK
    """The times that are past, and the state of its Calendar."""
    upgrade_started_from: VersionPair | None = None
    """Versions at the start of the upgrade in its status."""
    rollback: RollbackBefore = NO_ROLLBACK
    """The rollback in its status."""
    backup_target: str = ""
    """Target of the backups in its status."""

    @property
    def adopted_key(self) -> str:
        """Its key in the Input's `adopted`."""
        return names.adopted_key(self.name, self.namespace)


MOST_INPUTS = 8
"""Size of the cache: Compositions, and their revisions, that are in use together."""

RETRY = "caas.telekom.de/retry"
RETRY_FIELD = f"metadata.annotations[{RETRY}]"

_M = TypeVar("_M", bound=BaseModel)


def platform_input(raw: Mapping[str, object] | None) -> Input:
    """Return the validated Input.

    Nearly every call has the same one, so valid ones are cached.
    """
    if raw is None:
        problem = Problem("input", "is missing", "Give the pipeline step an Input.")
        raise InvalidError(problem, reason="InvalidInput")
    return _checked(raw) if isinstance(raw, Document) else _input(raw)


@functools.lru_cache(maxsize=MOST_INPUTS)
def _checked(raw: Document) -> Input:
    return _input(raw)


def _input(raw: Mapping[str, object]) -> Input:
    _bound(raw, "input", bounds.INPUT, "InvalidInput")
    config = _parse(Input, raw, "input", "InvalidInput")
    problems = [
        *written_values.problems("input.vcluster.values", config.vcluster.values),
        *written_values.problems("input.vcluster.enforcedValues", config.vcluster.enforcedValues),
        *_resources(config),
        *(authentication_flags.problems(layers({}, config)) if config.access else ()),
    ]
    if problems:
        raise InvalidError(*problems, reason="InvalidInput")
    return config


def _resources(config: Input) -> Iterable[Problem]:
    """Return the contradictory resources of the Input, each once even if several plans have it."""
    problems: dict[Problem, None] = {}
    for name, plan in config.plans.items():
        values = layers({}, config, {f"{container_resources.PLAN}{name}": plan_values(plan)})
        problems |= dict.fromkeys(container_resources.problems(values, plan.limitRange))
    return problems


def vcluster(raw: Mapping[str, object]) -> Composite:
    """Return the validated VCluster."""
    metadata = raw.get("metadata")
    if not isinstance(metadata, Mapping):
        raise InvalidError(Problem("metadata", "is missing", "Send the observed VCluster."))
    status = raw.get("status")
    namespace, generation = metadata.get("namespace"), metadata.get("generation")
    return Composite(
        name=_required(metadata, "name"),
        uid=_required(metadata, "uid"),
        retries=_retries(metadata.get("annotations")),
        spec=_spec(raw.get("spec", {})),
        conditions=conditions(status.get("conditions") if isinstance(status, Mapping) else None),
        namespace=namespace if isinstance(namespace, str) else "",
        generation=generation if isinstance(generation, int) else None,
        clock=clock_mark.read(metadata.get("annotations")),
        upgrade_started_from=_upgrade_started_from(get(status, "upgrade", "from")),
        rollback=_rollback(get(status, "backup", "rollback")),
        backup_target=text(get(status, "backup", "target")),
    )


def _spec(raw: object) -> Spec:
    if isinstance(raw, Mapping):
        raw = {key: value for key, value in raw.items() if key not in NOT_IN_THE_API}
    _bound(raw, "spec", bounds.SPEC, "InvalidSpec")
    return _parse(Spec, raw, "spec", "InvalidSpec")


def _bound(raw: object, root: str, most: bounds.Bounds, reason: str) -> None:
    problems = tuple(bounds.problems(raw, root, most))
    if problems:
        raise InvalidError(*problems, reason=reason)


def _required(metadata: Mapping[str, object], key: str) -> str:
    value = metadata.get(key)
    if not isinstance(value, str) or not value:
        raise InvalidError(Problem(f"metadata.{key}", "is missing", "Send the observed VCluster."))
    return value


def _retries(annotations: object) -> int:
    text = annotations.get(RETRY, "0") if isinstance(annotations, Mapping) else "0"
    if not isinstance(text, str) or not re.fullmatch("[0-9]{1,4}", text):
        raise InvalidError(Problem(RETRY_FIELD, "must be a whole number, 0 to 9999", 'Write "1".'))
    return int(text)


def _rollback(raw: object) -> RollbackBefore:
    return RollbackBefore(*(text(get(raw, field)) for field in RollbackBefore._fields))


def _upgrade_started_from(raw: object) -> VersionPair | None:
    """Return the versions at the start of an upgrade, if the status has them."""
    chart, kubernetes = get(raw, "chartVersion"), get(raw, "kubernetesVersion")
    if not isinstance(chart, str) or not isinstance(kubernetes, str):
        return None
    is_known = versions.is_comparable(chart) and versions.is_comparable(kubernetes)
    return VersionPair(chart, kubernetes) if is_known else None


def conditions(raw: object) -> dict[str, tuple[str, str]]:
    """Return status and reason of each condition of a VCluster."""
    entries = raw if isinstance(raw, Sequence) else ()
    return {
        str(c.get("type")): (str(c.get("status")), str(c.get("reason")))
        for c in entries
        if isinstance(c, dict)
    }


def _parse(model: type[_M], raw: object, root: str, reason: str) -> _M:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        named = (findings.problem(model, raw, each, root) for each in details[:MOST_PROBLEMS])
        others = (findings.counted(raw, each, root) for each in details[MOST_PROBLEMS:])
        raise InvalidError(*named, *others, reason=reason) from None
