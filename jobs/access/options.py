"""Options of the program, from the environment."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jobs import environment as options
from jobs.access.model import Goal, Grant, Issuer, Login, Subject, SubjectKind, Subjects
from jobs.access.rotation_plan import RotationGoal
from jobs.errors import RefusedError

KINDS: dict[object, SubjectKind] = {"User": "User", "Group": "Group"}


@dataclass(frozen=True)
class Places:
    """The objects of a virtual cluster on the host."""

    namespace: str
    kubeconfig_secret: str
    kubeconfig_key: str
    server: str
    """Address of the API for the program, "" for that of the kubeconfig."""
    login_secret: str
    state_namespace: str
    state: str
    """The state ConfigMap."""


class Environment(options.Environment):
    """The options of the access to one virtual cluster."""

    def places(self) -> Places:
        """Return the objects on the host."""
        return Places(
            namespace=self.text("KUBECONFIG_NAMESPACE"),
            kubeconfig_secret=self.text("KUBECONFIG_SECRET"),
            kubeconfig_key=self.text("KUBECONFIG_KEY", "config"),
            server=self.text("KUBECONFIG_SERVER", ""),
            login_secret=self.text("LOGIN_SECRET"),
            state_namespace=self.text("STATE_NAMESPACE"),
            state=self.text("STATE_CONFIG_MAP"),
        )

    def goal(self) -> Goal:
        """Return the access to reach."""
        return Goal(self.text("INPUTS"), self._grants(), self._login())

    def rotation(self) -> RotationGoal | None:
        """Return the rotation to reach, None where none was ever asked for."""
        text = self.text("ROTATE", "0")
        if not text.isdecimal():
            raise RefusedError("BadOptions", "ROTATE must be a number.")
        return RotationGoal(self.text("INPUTS"), int(text)) if int(text) else None

    def _grants(self) -> dict[Grant, Subjects]:
        grants: dict[Grant, set[Subject]] = {}
        for entry in self._entries("BINDINGS"):
            try:
                grant = Grant(_text(entry["clusterRole"]), _text(entry.get("namespace", "")))
                subject = Subject(KINDS[entry["kind"]], _text(entry["name"]))
            except (KeyError, ValueError, TypeError):
                message = "BINDINGS must be a JSON list of {kind, name, clusterRole, namespace}."
                raise RefusedError("BadOptions", message) from None
            grants.setdefault(grant, set()).add(subject)
        return {grant: frozenset(grants[grant]) for grant in sorted(grants)}

    def _login(self) -> Login:
        return Login(
            context=self.text("LOGIN_CONTEXT"),
            issuers=tuple(self._issuers()),
            server=self.text("LOGIN_SERVER", ""),
        )

    def _issuers(self) -> Iterator[Issuer]:
        for entry in self._entries("LOGIN_ISSUERS"):
            try:
                yield Issuer(
                    name=_text(entry["name"]),
                    url=_text(entry["url"]),
                    client_id=_text(entry["clientId"]),
                    scopes=tuple(_text(each) for each in entry.get("scopes", ())),
                    certificate_authority=_text(entry.get("certificateAuthority", "")),
                )
            except (KeyError, ValueError, TypeError):
                message = "LOGIN_ISSUERS must be a JSON list of {name, url, clientId, scopes}."
                raise RefusedError("BadOptions", message) from None

    def _entries(self, name: str) -> list[dict[str, Any]]:
        """Return a variable with a JSON list of objects."""
        try:
            entries = json.loads(self.text(name, "[]"))
        except ValueError:
            entries = None
        if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
            raise RefusedError("BadOptions", f"{name} must be a JSON list of objects.")
        return entries


def environment() -> Environment:
    """Return the process's environment."""
    return Environment(os.environ)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError  # noqa: TRY004  # the same as a text that is wrong
    return value
