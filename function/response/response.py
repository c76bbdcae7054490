"""The response to a call: frozen values without protobuf."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from function.observed.state import Condition


@dataclass(frozen=True)
class Composed:
    """A desired composed resource."""

    resource: dict[str, Any]
    ready: bool


@dataclass(frozen=True)
class Event:
    """Something worth an event on the VCluster."""

    reason: str
    """The condition that changed: Kubernetes merges events of one reason when they are many."""
    warning: bool
    message: str


@dataclass(frozen=True)
class Requirement:
    """An object that the function wants to see in the next call."""

    key: str
    api_version: str
    kind: str
    name: str
    namespace: str | None
    """None for what has none."""


@dataclass(frozen=True)
class Response:
    """The answer to a call."""

    resources: Mapping[str, Composed] = field(default_factory=dict)
    status: dict[str, Any] | None = None
    conditions: tuple[Condition, ...] = ()
    events: tuple[Event, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    ready: bool = False
    is_circuit_open: bool = False
    """Whether Crossplane may miss a change of the VCluster unless it looks by itself."""
    withheld: tuple[Condition, ...] = ()
    """Conditions whose words are for the log alone."""
    fatal: str = ""
    """Why nothing may be applied or deleted now; empty if all is well."""
