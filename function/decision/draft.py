"""A draft of the spec: take back wrong fields until the rest can be granted."""

import copy
import re
from collections.abc import Iterable, Mapping

from function.api import validate
from function.api.errors import Path, Problem, Replacement
from function.api.input import Input
from function.k8s.fieldpath import Missing, mapping, reach, sequence
from function.observed.record import Record

STAYS = "Until then what was granted before stays."
DEFAULT = "Until then the platform's default applies."
LEFT_OUT = "Until then it is left out."

_BY_NAME = (("plan",), ("nodePool",))
"""Fields that name an entry of the Input. The record holds the content of that entry."""

_REQUESTS = (("backup",), ("access",))
"""Fields that request something even if they are empty, by the platform's defaults."""

_RETRY: Path = ("metadata", "annotations", validate.RETRY)


class Draft:
    """The spec of a VCluster, and the values that may replace its fields."""

    def __init__(
        self, composite: Mapping[str, object], fallback: Mapping[str, object], record: Record
    ) -> None:
        """Begin with the spec unchanged; `fallback` is the spec that was granted last."""
        spec = composite.get("spec", {})
        copied = dict(spec) if isinstance(spec, Mapping) else spec
        self.composite = {**composite, "spec": copied}
        self._fallback = fallback
        self._record = record
        self._restored: set[Path] = set()
        """Fields that have their granted value again."""
        self._owned: set[str | int] = set()
        """Fields of the spec that are copied already."""
        self._refusals: dict[Path, Replacement] = {}

    @property
    def refusals(self) -> tuple[Replacement, ...]:
        """Refusals of the fields that were taken back."""
        return tuple(self._refusals.values())

    def offer(self, config: Input) -> Input:
        """Return the Input with the plan and node pool of the record, if they are in use."""
        changes: dict[str, object] = {}
        if ("plan",) in self._restored and self._record.plan is not None:
            name = str(self._fallback["plan"])
            changes["plans"] = {name: self._record.plan, **config.plans}
        if ("nodePool",) in self._restored and self._record.pool is not None:
            name = str(self._fallback["nodePool"])
            changes["nodePools"] = {name: self._record.pool, **config.nodePools}
        return config.model_copy(update=changes) if changes else config

    def take_back(self, problems: Iterable[Problem]) -> bool:
        """Take back the wrong fields; return whether there was any."""
        before = {*self._refusals}
        there = [(_path(problem), problem) for problem in problems]
        there = [(path, problem) for path, problem in there if self._has(path)]
        entries: dict[Path, set[int]] = {}
        for path, _ in there:
            if length := _index(path):
                entries.setdefault(path[:length], set()).add(int(path[length]))
        effects = {
            path: self._take_back_entries(path, indexes) for path, indexes in entries.items()
        }
        for path, problem in there:
            length = _index(path)
            effect = effects[path[:length]] if length else self._take_back(path)
            self._note(path, problem, effect, before)
        return bool(there)

    def _has(self, path: Path) -> bool:
        if path[:1] == _RETRY[:1]:
            return path == _RETRY and _RETRY not in self._restored
        length = _index(path)
        return reach(self._spec, path[: length + 1] if length else path) is not Missing

    @property
    def _spec(self) -> object:
        return self.composite["spec"]

    def _take_back(self, path: Path) -> str:
        """Give a field its granted value, or remove it; return the effect."""
        if path == _RETRY:
            return self._take_back_retry()
        value = reach(self._fallback, path)
        is_other = path in _BY_NAME or value != reach(self._spec, path)
        if path not in self._restored and value is not Missing and is_other:
            self._restored.add(path)
            self._put(path, value)
            return STAYS
        self._remove(path)
        return DEFAULT

    def _take_back_retry(self) -> str:
        self._restored.add(_RETRY)
        annotations = {validate.RETRY: str(self._record.retry)}
        metadata = mapping(self.composite["metadata"])
        self.composite["metadata"] = {**metadata, "annotations": annotations}
        return STAYS

    def _take_back_entries(self, path: Path, indexes: set[int]) -> str:
        """Give a list its granted value, or leave out the wrong entries; return the effect."""
        value, entries = reach(self._fallback, path), sequence(reach(self._spec, path))
        if path not in self._restored and isinstance(value, list) and value != entries:
            self._restored.add(path)
            self._put(path, value)
            return STAYS
        self._put(path, [entry for index, entry in enumerate(entries) if index not in indexes])
        return LEFT_OUT

    def _put(self, path: Path, value: object) -> None:
        if path:
            self._above(path)[path[-1]] = copy.deepcopy(value)
        else:
            self.composite["spec"] = copy.deepcopy(value)

    def _remove(self, path: Path) -> None:
        """Remove a field, and its parents that become empty and request nothing by themselves."""
        if not path:
            self.composite["spec"] = {}
            return
        above = self._above(path)
        del above[path[-1]]
        if not above and len(path) > 1 and path[:-1] not in _REQUESTS:
            self._remove(path[:-1])

    def _above(self, path: Path) -> dict[str | int, object]:
        """Return a copy of the parent of a field, so that the request stays unchanged."""
        place = self._spec
        assert isinstance(place, dict)  # noqa: S101  # the path leads through it
        if len(path) > 1 and path[0] not in self._owned:
            place[path[0]] = copy.deepcopy(place[path[0]])
            self._owned.add(path[0])
        for step in path[:-1]:
            place = place[step]
        return place

    def _note(self, path: Path, problem: Problem, effect: str, before: set[Path]) -> None:
        """Note the refusal of a field, unless its problem is that of a replaced value."""
        if path in self._refusals:
            problem = self._refusals[path].problem
        elif any(path[:length] in before for length in range(len(path))):
            return
        self._refusals[path] = Replacement(problem, effect)


_STEP = re.compile(r"\.([^.\[]+)|\[([0-9]+)\]")


def _index(path: Path) -> int:
    """Return the number of keys before the first list on a path, 0 if there is none."""
    for length, step in enumerate(path):
        if isinstance(step, int):
            return length
    return 0


def _path(problem: Problem) -> Path:
    """Return the path of a field below `spec`, or from the root if it is not in the spec."""
    if problem.path is not None:
        return problem.path
    root = re.split(r"[.\[]", problem.field, maxsplit=1)[0]
    if root != "spec":
        return _RETRY if problem.field == validate.RETRY_FIELD else ("metadata",)
    steps = _STEP.findall(problem.field.removeprefix(root))
    return tuple(int(index) if index else key for key, index in steps)
