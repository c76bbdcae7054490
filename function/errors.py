"""What is wrong with an Input or a spec: field, rule and remedy, never the value."""

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


class InvalidError(Exception):
    """The request cannot be composed until somebody changes the Input or the spec."""

    def __init__(self, *problems: Problem, reason: str = "InvalidSpec") -> None:
        """Refuse for these problems; `reason` becomes the reason of condition Accepted."""
        self.problems = problems
        self.reason = reason
        super().__init__(" | ".join(str(problem) for problem in problems))
