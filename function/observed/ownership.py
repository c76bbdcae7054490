"""Refuse composed resources and Releases that do not belong to this VCluster."""

from typing import NoReturn

from function.api.errors import InvalidError, Problem
from function.api.names import Names
from function.observed import access, backup, namespace, rancher, release, usages, vcluster
from function.observed.state import Observed

KEYS = frozenset(
    {
        namespace.KEY,
        vcluster.KEY,
        rancher.KEY,
        backup.KEY,
        access.KEY,
        *usages.KEYS,
    }
)
"""The resource keys of this function."""


CONTROL_PLANE = "control-plane"
"""Key of the requirement that identifies the control plane."""


def refuse_taken_keys(taken: frozenset[str]) -> None:
    """Refuse to overwrite resources that an earlier step of the pipeline desires."""
    clash = sorted(taken & KEYS)
    if clash:
        raise InvalidError(
            Problem(
                f"pipeline resource {', '.join(clash)}",
                "is also composed by an earlier step",
                "Rename it there: this function owns these resource names.",
            ),
            reason="InvalidInput",
        )


def refuse_foreign_releases(names: Names, observed: Observed) -> None:
    """Refuse to replace an observed Release by one of another identity.

    Another name or namespace would delete the observed Release and create a new one; another
    external name would leave the first Helm release behind.
    """
    expected = (
        (observed.namespace, names.namespace_release, names.namespace_release),
        (observed.vcluster, names.vcluster_release, names.release),
        (observed.rancher, names.rancher_release, names.rancher_release),
        (observed.backup, names.backup_release, names.backup_release),
        (observed.access, names.access_release, names.access_release),
    )
    for each, name, helm_release in expected:
        if each and (each.api_version, each.kind, each.name, each.namespace) != (
            release.API_VERSION,
            release.KIND,
            name,
            names.home,
        ):
            _refuse_foreign(
                "platformNamespace" if each.namespace != names.home else "adopted",
                f"does not fit the existing {each.kind} {each.namespace}/{each.name}, where "
                f"{release.KIND} {names.home}/{name} is expected",
            )
        if each and each.helm_release != helm_release:
            _refuse_foreign(
                "adopted",
                f"does not fit the existing {each.kind} {each.namespace}/{each.name} of another "
                "Helm release",
            )


def _refuse_foreign(field: str, rule: str) -> NoReturn:
    what = {
        "platformNamespace": "Put the namespace back",
        "adopted": "Put this VCluster's entry back, or take it out if there was none",
    }
    remedy = f"{what[field]}: names never change while a VCluster exists."
    raise InvalidError(Problem(f"input.{field}", rule, remedy), reason="InvalidInput")
