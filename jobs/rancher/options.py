"""Options of the import and the watcher."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jobs import environment as options
from jobs.errors import RefusedError
from jobs.rancher.model import Owner, SubjectKind

_SUBJECTS: tuple[SubjectKind, ...] = ("user", "userPrincipal", "group")


@dataclass(frozen=True)
class RancherOptions:
    """Options of the connection to Rancher."""

    url: str
    token_file: Path
    ca_file: Path | None
    ca_checksum: str


class Environment(options.Environment):
    """The options of the programs that speak to Rancher."""

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
