"""The response to a call: frozen values without protobuf."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from function.observed.state import Condition


class Composed(NamedTuple):
    """A desired composed resource."""

    resource: dict[str, Any]
    ready: bool


@dataclass(frozen=True)
class Event:
    """An event on the VCluster."""

    reason: str
    """Type of the changed condition; Kubernetes merges many events of one reason."""
    warning: bool
    message: str


@dataclass(frozen=True)
class Requirement:
    """An object that the function requires in the next call."""

    key: str
    api_version: str
    kind: str
    name: str
    namespace: str | None
    """None for an object without a namespace."""


@dataclass(frozen=True)
class Response:
    """The response to a call."""

    resources: Mapping[str, Composed] = field(default_factory=dict)
    status: dict[str, Any] | None = None
    is_held: bool = False
    """True if the status fields that exist stay as observed in this call."""
    conditions: tuple[Condition, ...] = ()
    events: tuple[Event, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    ready: bool = False
    pause: int = 10
    """Seconds to the next call, if no event causes one before."""
    withheld: tuple[Condition, ...] = ()
    """Conditions whose messages are only logged."""
    fatal: str = ""
    """Reason why nothing may be applied or deleted; empty if there is none."""
