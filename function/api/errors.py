"""What is wrong with an Input or a spec, or not granted of it: field, rule and remedy."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

Path = tuple[str | int, ...]
"""Keys and indexes that lead to a field."""

MOST_PROBLEMS = 20
"""Named in one message; the others are counted."""

LONGEST_FIELD = 160
LONGEST_VALUE = 200
LONGEST_SENTENCE = 1000
LONGEST_MESSAGE = 8000
"""Characters: of a message all that people read, and far from what Kubernetes takes (32,768)."""


def shortened(text: str, most: int) -> str:
    """Return a text, cut where it is longer."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def joined(sentences: Sequence[object]) -> str:
    """Return the first of many sentences as one message, and how many more there are."""
    said = [shortened(str(each), LONGEST_SENTENCE) for each in sentences[:MOST_PROBLEMS]]
    while len(said) > 1 and sum(len(each) + 3 for each in said) > LONGEST_MESSAGE:
        said.pop()
    more = len(sentences) - len(said)
    return " | ".join([*said, f"and {more} more"] if more else said)


@dataclass(frozen=True)
class Problem:
    """One reason why a request is refused.

    The value is left out on purpose: it may be secret, and the user knows it.
    """

    field: str
    """Path of the field, `spec.quota.cpu` or `input.plans.small.storage.size`."""
    rule: str
    """What the field must be, as the end of a sentence that starts with the field."""
    remedy: str
    """What to do, as a sentence."""
    path: Path | None = dataclasses.field(default=None, compare=False)
    """Path below the root, where keys may hold what separates them in `field`."""

    def __str__(self) -> str:
        """Return the problem as a sentence for people."""
        return f"{shortened(self.field, LONGEST_FIELD)}: {self.rule}. {self.remedy}"


@dataclass(frozen=True)
class Refusal:
    """A wish of an existing virtual cluster that is not granted, while the rest is."""

    field: str
    """Path of the field that asks for it."""
    kept: str
    """What stays; empty for nothing."""
    wanted: str
    """What is asked for; empty for nothing."""
    rule: str
    """Why not."""
    remedy: str = ""
    """What to do, as a sentence."""

    def __str__(self) -> str:
        """Return the refusal as a sentence for people."""
        kept = shortened(self.kept, LONGEST_VALUE) or "unset"
        wanted = shortened(self.wanted, LONGEST_VALUE) or "unset"
        path = shortened(self.field, LONGEST_FIELD)
        said = f"{path}: stays {kept} instead of {wanted}: {self.rule}"
        return f"{said}. {self.remedy}" if self.remedy else said


@dataclass(frozen=True)
class Replacement:
    """A field that is refused of an existing virtual cluster, while the rest is applied."""

    problem: Problem
    effect: str = ""
    """What applies in its place, as a sentence; empty where that is what is refused."""

    def __str__(self) -> str:
        """Return problem and effect as sentences for people."""
        return f"{self.problem} {self.effect}".rstrip()


class InvalidError(Exception):
    """The request cannot be composed until somebody changes the Input or the spec."""

    def __init__(self, *problems: Problem, reason: str = "InvalidSpec") -> None:
        """Refuse for these problems; `reason` becomes the reason of condition Accepted."""
        self.problems = problems
        self.reason = reason
        super().__init__(joined(problems))
