"""What is wrong with an Input or a spec, or not granted of it: field, rule and remedy."""

from dataclasses import dataclass


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

    def __str__(self) -> str:
        """Return the problem as a sentence for people."""
        return f"{self.field}: {self.rule}. {self.remedy}"


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
        kept, wanted = self.kept or "unset", self.wanted or "unset"
        said = f"{self.field}: stays {kept} instead of {wanted}: {self.rule}"
        return f"{said}. {self.remedy}" if self.remedy else said


class InvalidError(Exception):
    """The request cannot be composed until somebody changes the Input or the spec."""

    def __init__(self, *problems: Problem, reason: str = "InvalidSpec") -> None:
        """Refuse for these problems; `reason` becomes the reason of condition Accepted."""
        self.problems = problems
        self.reason = reason
        super().__init__(" | ".join(str(problem) for problem in problems))
