"""Options from the environment, as the charts set them."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jobs.errors import RefusedError
from jobs.rancher.model import Owner, SubjectKind

_DURATION = re.compile(r"([1-9][0-9]{0,4})(s|m|h)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_SUBJECTS: tuple[SubjectKind, ...] = ("user", "userPrincipal", "group")


@dataclass(frozen=True)
class RancherOptions:
    """Options of the connection to Rancher."""

    url: str
    token_file: Path
    ca_file: Path | None
    ca_checksum: str


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

    def owners(self, name: str) -> frozenset[Owner]:
        """Return a variable that lists owners as JSON."""
        try:
            return frozenset(_owner(entry) for entry in json.loads(self.text(name, "[]")))
        except (ValueError, KeyError, TypeError, AttributeError):
            message = f'{name} must be a JSON list of {{"user"|"userPrincipal"|"group", "role"}}.'
            raise RefusedError("BadOptions", message) from None

    def variables(self, name: str) -> dict[str, str]:
        """Return a variable with a JSON map of texts."""
        try:
            values = {**json.loads(self.text(name, "{}"))}
        except (ValueError, TypeError):
            values = {"": None}
        if not all(isinstance(value, str) for value in values.values()):
            raise RefusedError("BadOptions", f"{name} must be a JSON map of texts.")
        return values

    def rancher(self) -> RancherOptions:
        """Return the options of the connection to Rancher."""
        url = self.text("RANCHER_URL").rstrip("/")
        if not re.fullmatch(r"https://[^\s/?#@]+", url):
            message = "RANCHER_URL must be https:// and a host, without a path such as /dashboard."
            raise RefusedError("BadOptions", message)
        ca_file = self.values.get("RANCHER_CA_FILE")
        return RancherOptions(
            url=url,
            token_file=Path(self.text("RANCHER_TOKEN_FILE")),
            ca_file=Path(ca_file) if ca_file else None,
            ca_checksum=self.values.get("RANCHER_CA_CHECKSUM", ""),
        )


def environment() -> Environment:
    """Return the process's environment."""
    return Environment(os.environ)


def _owner(entry: Mapping[str, str]) -> Owner:
    (kind,) = (kind for kind in _SUBJECTS if entry.get(kind))
    return Owner(kind, entry[kind], entry["role"])
