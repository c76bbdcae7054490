"""Options from the environment, as the charts set them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from jobs.errors import RefusedError

_DURATION = re.compile(r"([1-9][0-9]{0,4})(s|m|h)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True)
class Environment:
    """Named access to the environment, with errors that name the variable."""

    values: Mapping[str, str]

    def text(self, name: str, default: str | None = None) -> str:
        """Return a variable, or its default."""
        value = self.values.get(name) or default
        if value is None:
            raise RefusedError("BadOptions", f"{name} is not set.")
        return value

    def seconds(self, name: str, default: str | None = None) -> int:
        """Return a variable such as `15m` in seconds."""
        parts = _DURATION.fullmatch(self.text(name, default))
        if not parts:
            raise RefusedError("BadOptions", f"{name} must be a duration like 90s, 15m or 1h.")
        return int(parts[1]) * _SECONDS[parts[2]]

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        """Return a variable with one of some values."""
        value = self.text(name, default)
        if value not in choices:
            raise RefusedError("BadOptions", f"{name} must be one of {', '.join(choices)}.")
        return value
