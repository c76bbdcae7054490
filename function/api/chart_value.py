"""A path of the vcluster chart's values: its writers, and its immutability."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from function.k8s.fieldpath import get

_STEP = re.compile(r"(?<=\[)[^\]]+|[^.\[\]]+")


class Use(Enum):
    """The writers of a value."""

    DECIDED = "only the function"
    JOINED = "everyone: what people list comes beside the function's own entries"
    PLATFORM = "the Input; the function writes or reads it too"
    NEVER_TENANT = "the Input; no spec, whatever the Input allows"


@dataclass(frozen=True, kw_only=True)
class ChartValue:
    """A path of the chart's values, with all below it that has no row of its own."""

    path: str
    """Keys with dots between them; a key that contains dots stands in brackets."""
    use: Use
    decided_by: str = ""
    """The field that decides the value."""
    instead: str = ""
    """The alternative, as a sentence."""
    identity: tuple[str, ...] = ()
    """Keys by which two entries of a joined list are the same."""
    is_joined_alone: bool = True
    """True if lists of several layers are joined also where the function has no entry."""

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The path, key by key."""
        return tuple(_STEP.findall(self.path))

    def joined(self, ours: list[object], theirs: list[object]) -> list[object]:
        """Return our entries, then theirs without duplicates."""
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
    """Return the value itself."""
    return value


def always(_: Mapping[str, object]) -> bool:
    """Return True: the value counts independently of all others."""
    return True


@dataclass(frozen=True, kw_only=True)
class ImmutableValue(ChartValue):
    """A value that never changes in a running virtual cluster."""

    why: str
    """The reason, as the end of a sentence."""
    default: object = False
    """The chart's default, in all versions from 0.31."""
    meaning: Callable[[object, Mapping[str, object]], object] = same
    """Normalizes a value, given all values."""
    counts: Callable[[Mapping[str, object]], bool] = always
    """True if the value has an effect, given all values."""
    is_secret: bool = False
    """True if a value may hold credentials."""
    is_always_default: bool = False
    """True if every VCluster has the chart's default here."""

    def effective(self, values: Mapping[str, object]) -> object:
        """Return the normalized value at the path."""
        value = get(values, *self.keys)
        return self.meaning(self.default if value in (None, "") else value, values)

    def differs(self, values: Mapping[str, object], observed: Mapping[str, object]) -> bool:
        """Return whether the requested values differ from the observed ones."""
        return (
            self.effective(values) != self.effective(observed)
            and self.counts(values)
            and self.counts(observed)
        )
