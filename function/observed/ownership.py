"""What is this VCluster's own, and what only bears a name that it would take."""

from collections.abc import Mapping
from typing import NoReturn

from function.api.errors import InvalidError, Problem
from function.api.names import Names
from function.desired import namespace, rancher, release, usages, vcluster
from function.observed import parse
from function.observed.state import Composed, Observed, Requirement

KEYS = frozenset(
    {
        namespace.KEY,
        vcluster.KEY,
        rancher.KEY,
        *usages.KEYS,
    }
)
"""The resource keys of this function."""

OBSERVED = "caas.telekom.de/observed"
"""Annotation of what exists: policy `vcluster-observed` of install/control-plane.yaml refuses to
create an object that bears it."""


def marked(resources: Mapping[str, Composed], observed: Observed) -> dict[str, Composed]:
    """Mark the resources that exist, so that Crossplane cannot create them a second time.

    It applies an answer some time after it observed: in between, a deletion may have begun and
    removed a resource, which nobody would delete once more.
    """
    existing = parse.releases(observed).keys() | observed.usages.keys()
    return {
        key: _marked(composed) if key in existing else composed
        for key, composed in resources.items()
    }


def _marked(composed: Composed) -> Composed:
    metadata = composed.resource["metadata"]
    annotations = {**metadata.get("annotations", {}), OBSERVED: "true"}
    resource = {**composed.resource, "metadata": {**metadata, "annotations": annotations}}
    return Composed(resource, composed.ready)


CONTROL_PLANE = "control-plane"
"""Key of the requirement by which the control plane is told from others."""

DEFINITION = (
    "apiextensions.crossplane.io/v2",
    "CompositeResourceDefinition",
    "vclusters.caas.telekom.de",
)
"""The definition of the API: it exists once on each control plane, with a UID of its own."""


def refuse_taken_keys(taken: frozenset[str]) -> None:
    """Refuse to overwrite what an earlier step of the pipeline desires."""
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
    """Refuse to replace what was observed under one of our keys by something else.

    Another name or namespace would delete the observed Release and create a new one, another
    Helm release would leave the first one behind.
    """
    expected = (
        (observed.namespace, names.namespace_release, names.namespace_release),
        (observed.vcluster, names.vcluster_release, names.release),
        (observed.rancher, names.rancher_release, names.rancher_release),
    )
    for seen, name, helm_release in expected:
        if seen and (seen.api_version, seen.kind, seen.name, seen.namespace) != (
            release.API_VERSION,
            release.KIND,
            name,
            names.home,
        ):
            _refuse_foreign(
                "platformNamespace" if seen.namespace != names.home else "adopted",
                f"does not fit the existing {seen.kind} {seen.namespace}/{seen.name}, where "
                f"{release.KIND} {names.home}/{name} is expected",
            )
        if seen and seen.helm_release != helm_release:
            _refuse_foreign(
                "adopted",
                f"does not fit the existing {seen.kind} {seen.namespace}/{seen.name} of another "
                "Helm release",
            )


def _refuse_foreign(field: str, rule: str) -> NoReturn:
    what = {
        "platformNamespace": "Put the namespace back",
        "adopted": "Put this VCluster's entry back, or take it out if there was none",
    }
    remedy = f"{what[field]}: names never change while a VCluster exists."
    raise InvalidError(Problem(f"input.{field}", rule, remedy), reason="InvalidInput")


def wanted_before(names: Names, observed: Observed) -> tuple[Requirement, ...]:
    """Return what has to be known before anything exists.

    That is Releases that an earlier VCluster may have left, and the identity of the control plane,
    on which that one is gone for sure where this one has its name.
    """
    if observed.releases:
        return ()
    releases = (
        Requirement(key, release.API_VERSION, release.KIND, name, names.home)
        for key, name in (
            (namespace.KEY, names.namespace_release),
            (vcluster.KEY, names.vcluster_release),
            (rancher.KEY, names.rancher_release),
        )
    )
    return *releases, Requirement(CONTROL_PLANE, *DEFINITION, namespace=None)
