"""Problems and refusals of an Input or a spec: field, rule and remedy."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Keys and indexes that lead to a field."""

MOST_PROBLEMS = 20
"""Problems that one message names; it counts the others."""

LONGEST_FIELD = 160
LONGEST_VALUE = 200
LONGEST_SENTENCE = 1000
LONGEST_MESSAGE = 8000
"""Bounds in characters, well below the 32,768 that Kubernetes accepts in a condition's message."""


def shortened(text: str, most: int) -> str:
    """Return a text, cut to a length."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def joined(sentences: Sequence[object]) -> str:
    """Join the first sentences to one message that counts the others."""
    parts = [shortened(str(each), LONGEST_SENTENCE) for each in sentences[:MOST_PROBLEMS]]
    while len(parts) > 1 and sum(len(each) + 3 for each in parts) > LONGEST_MESSAGE:
        parts.pop()
    more = len(sentences) - len(parts)
    return " | ".join([*parts, f"and {more} more"] if more else parts)


@dataclass(frozen=True)
class Problem:
    """One reason why a request is refused.

    The value is left out because it may be secret.
    """

    field: str
    """Path of the field, `spec.quota.cpu` or `input.plans.small.storage.size`."""
    rule: str
    """The requirement, as the end of a sentence that begins with the field."""
    remedy: str
    """The correction, as a sentence."""
    path: Path | None = dataclasses.field(default=None, compare=False)
    """Path below the root; its keys may contain the separators of `field`."""

    def __str__(self) -> str:
        """Return the problem as a sentence."""
        return f"{shortened(self.field, LONGEST_FIELD)}: {self.rule}. {self.remedy}"


@dataclass(frozen=True)
class Refusal:
    """A requested change of an existing virtual cluster that is not applied, while the rest is."""

    field: str
    """Path of the field."""
    effective: str
    """The effective value; empty if unset."""
    requested: str
    """The requested value; empty if unset."""
    rule: str
    """The reason, as the end of a sentence."""
    remedy: str = ""
    """The correction, as a sentence."""

    def __str__(self) -> str:
        """Return the refusal as a sentence."""
        effective = shortened(self.effective, LONGEST_VALUE) or "unset"
        requested = shortened(self.requested, LONGEST_VALUE) or "unset"
        path = shortened(self.field, LONGEST_FIELD)
        sentence = f"{path}: stays {effective} instead of {requested}: {self.rule}"
        return f"{sentence}. {self.remedy}" if self.remedy else sentence


@dataclass(frozen=True)
class Replacement:
    """A refused field of an existing virtual cluster, while the rest is applied."""

    problem: Problem
    effect: str = ""
    """The value that applies instead, as a sentence; empty if it is the refused one."""

    def __str__(self) -> str:
        """Return problem and effect as sentences."""
        return f"{self.problem} {self.effect}".rstrip()


class InvalidError(Exception):
    """A request that cannot be composed before the Input or the spec changes."""

    def __init__(self, *problems: Problem, reason: str = "InvalidSpec") -> None:
        """Refuse for these problems; `reason` becomes the reason of condition Accepted."""
        self.problems = problems
        self.reason = reason
        super().__init__(joined(problems))

    @classmethod
    def by_field(cls, *problems: Problem) -> "InvalidError":
        """Return the error of these problems; InvalidInput if one is not of the spec."""
        is_spec = all(problem.field.startswith("spec.") for problem in problems)
        return cls(*problems, reason="InvalidSpec" if is_spec else "InvalidInput")

    def after(self, problems: Sequence[Problem]) -> "InvalidError":
        """Return the error with these problems before its own."""
        if not problems:
            return self
        first = InvalidError.by_field(*problems)
        reason = self.reason if first.reason == "InvalidSpec" else first.reason
        return InvalidError(*dict.fromkeys((*problems, *self.problems)), reason=reason)
