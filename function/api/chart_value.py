"""A path of the vcluster chart's values: who may write it, and whether it may change."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from function.k8s.fieldpath import get

_STEP = re.compile(r"(?<=\[)[^\]]+|[^.\[\]]+")


class Use(Enum):
    """Who may write a value."""

    DECIDED = "only the function"
    JOINED = "everyone: what people list comes beside the function's own entries"
    PLATFORM = "the Input; the function writes or reads it too"
    NEVER_TENANT = "the Input; no spec, whatever the Input allows"


@dataclass(frozen=True, kw_only=True)
class ChartValue:
    """A path of the chart's values, with all below it that has no row of its own."""

    path: str
    """With dots; a key that has dots itself stands in brackets."""
    use: Use
    decided_by: str = ""
    """The field that decides it."""
    instead: str = ""
    """What to write instead, as a sentence."""
    identity: tuple[str, ...] = ()
    """Keys by which two entries of a joined list are the same."""

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The path, key by key."""
        return tuple(_STEP.findall(self.path))

    def joined(self, ours: list[object], theirs: list[object]) -> list[object]:
        """Return all of our entries, then those of theirs that are none of ours."""
        entries = [*ours]
        for entry in theirs:
            if not any(self._is_same(entry, other) for other in entries):
                entries.append(entry)
        return entries

    def _is_same(self, one: object, other: object) -> bool:
        if not self.identity or not isinstance(one, dict) or not isinstance(other, dict):
            return one == other
        return all(one.get(key) == other.get(key) for key in self.identity)


def same(value: object, _: Mapping[str, object]) -> object:
    """Return a value that stands for itself."""
    return value


def always(_: Mapping[str, object]) -> bool:
    """Return True for values that count whatever the other values are."""
    return True


@dataclass(frozen=True, kw_only=True)
class ImmutableValue(ChartValue):
    """A value that a running virtual cluster keeps, whatever asks for another one."""

    why: str
    """The reason, as the end of a sentence."""
    default: object = False
    """The chart's default, in all versions from 0.31."""
    meaning: Callable[[object, Mapping[str, object]], object] = same
    """Maps a value to what it stands for, among all values."""
    counts: Callable[[Mapping[str, object]], bool] = always
    """Tells by all values whether this one has an effect."""
    is_secret: bool = False
    """Whether a value may hold credentials."""
    is_always_default: bool = False
    """Whether every VCluster has the chart's default here."""

    def effective(self, values: Mapping[str, object]) -> object:
        """Return what the values amount to at the path."""
        found = get(values, *self.keys)
        return self.meaning(self.default if found in (None, "") else found, values)

    def differs(self, values: Mapping[str, object], observed: Mapping[str, object]) -> bool:
        """Return whether the values ask for something else than was observed."""
        return (
            self.effective(values) != self.effective(observed)
            and self.counts(values)
            and self.counts(observed)
        )
