"""Decide when the API server reads the file of issuers, a ConfigMap of the namespace's Release.

A new virtual cluster mounts it from its beginning where the platform has issuers, so that none of
them ever causes a restart. An existing one mounts it, with one restart, once it names an issuer and
the ConfigMap is there: until then a new pod would wait for it, and the API be away. From then on it
stays.
"""

from function.api import authentication_flags
from function.api.errors import InvalidError
from function.api.input import Input
from function.api.value_layers import layers
from function.decision.immutable_fields import having
from function.decision.resolve import ResolvedSpec
from function.k8s import versions
from function.observed import namespace
from function.observed.current import Current
from function.observed.state import Observed

OLDEST_KUBERNETES = (1, 30)
"""The first Kubernetes whose API server takes a file of issuers, and reads its changes.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-authentication-configuration
"""


def refuse_flags(config: Input) -> None:
    """Raise `InvalidError` for arguments that the API server refuses beside the file.

    An Input with `access` was checked already.
    """
    problems = tuple(authentication_flags.problems(layers({}, config)))
    if problems:
        raise InvalidError(*problems, reason="InvalidInput")


def is_possible(kubernetes: str) -> bool:
    """Return whether an API server takes the file; True if the version cannot be compared."""
    if not versions.is_comparable(kubernetes):
        return True
    return versions.order(kubernetes)[:2] >= OLDEST_KUBERNETES


def decide_authentication(
    effective: ResolvedSpec, config: Input, now: Current | None, observed: Observed
) -> ResolvedSpec:
    """Return the spec with the file and the mount that are due.

    Raise `InvalidError` if the Input has arguments that the API server refuses beside the file.
    """
    is_mounted = now is not None and now.authenticates
    if effective.frozen is not None or not (is_mounted or config.access):
        return effective
    is_wanted = now is None or effective.has_issuers
    if not is_mounted and not (is_possible(effective.kubernetes) and is_wanted):
        return effective
    if config.access is None:
        refuse_flags(config)
    is_due = is_mounted or now is None or namespace.has_authentication(observed.namespace)
    return having(effective, has_issuer_file=True, authenticates=is_due)
