"""Read plain objects, as Crossplane observed them, into what the core decides on.

An object may be anything: half created, of a wrong kind, or touched by somebody. What is not
there or not of the expected type reads as absent, never as an error.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

from function.k8s.fieldpath import Parts, get, mapping, sequence, text, words
from function.observed import exposure, namespace, rancher, record, stamp, vcluster
from function.observed.release import EXTERNAL_NAME
from function.observed.state import (
    Condition,
    ForeignRelease,
    Observed,
    ObservedRelease,
    ObservedUsage,
    Truth,
)

PUBLIC_DETAILS = frozenset(
    {
        vcluster.AVAILABLE,
        vcluster.ETCD_AVAILABLE,
        vcluster.CHART_LABEL,
        vcluster.GENERATION,
        vcluster.WORKLOAD,
        vcluster.ETCD_GENERATION,
        vcluster.ETCD_WORKLOAD,
        stamp.DETAIL,
        stamp.CONTAINERS_DETAIL,
        exposure.SERVICE,
        exposure.INGRESS,
        exposure.ROUTE_WRITERS,
        exposure.ROUTE,
        *rancher.STATE_KEYS,
    }
)
"""Connection details that are no secret. No other's value enters the core."""

KNOWN_DETAILS = PUBLIC_DETAILS | {vcluster.KUBECONFIG, exposure.KUBECONFIG}
"""All that are looked at: of a kubeconfig whether it is there, and the server that it names."""


_CONDITION: Parts = {"type": None, "status": None, "reason": None, "message": None}
RELEASE: Parts = {
    "apiVersion": None,
    "kind": None,
    "metadata": {
        "name": None,
        "namespace": None,
        "generation": None,
        "deletionTimestamp": None,
        "annotations": {EXTERNAL_NAME: None, record.ANNOTATION: None},
    },
    "spec": {
        "providerConfigRef": {"name": None},
        "forProvider": {"chart": {"version": None}, "values": None},
        "connectionDetails": {"toConnectionSecretKey": None},
        "managementPolicies": None,
    },
    "status": {
        "atProvider": {
            "version": None,
            "state": None,
            "revision": None,
            "releaseDescription": None,
        },
        "conditions": {**_CONDITION, "observedGeneration": None},
    },
}
"""What `release` reads."""

USAGE: Parts = {"status": {"conditions": _CONDITION}}
"""What `usage` reads."""

STRANGER: Parts = {
    "metadata": {
        "name": None,
        "namespace": None,
        "deletionTimestamp": None,
        "ownerReferences": {"controller": None, "kind": None, "name": None, "uid": None},
    },
}
"""What `foreign_releases` reads of what was found."""

CONTROL_PLANE: Parts = {"metadata": {"uid": None}}
"""What `control_plane` reads of the API's definition."""

RELEASES = (namespace.KEY, vcluster.KEY, rancher.KEY)
"""Keys of the Releases, in the order in which they come up."""


def parse_observed(
    find: Callable[[str], ObservedRelease | None],
    usages: Mapping[str, ObservedUsage],
    foreign: tuple[ForeignRelease, ...] = (),
    control_plane: str = "",
) -> Observed:
    """Return what is observed; `find` returns the Release under a key, or None."""
    return Observed(
        namespace=find(namespace.KEY),
        vcluster=find(vcluster.KEY),
        rancher=find(rancher.KEY),
        usages=usages,
        foreign_releases=foreign,
        control_plane=control_plane,
    )


def releases(found: Observed) -> dict[str, ObservedRelease]:
    """Return the Releases that exist, by key, in the order in which they come up."""
    each = zip(RELEASES, (found.namespace, found.vcluster, found.rancher), strict=True)
    return {key: parse_release for key, parse_release in each if parse_release is not None}


def parse_release(plain: object, details: Mapping[str, bytes]) -> ObservedRelease:
    """Return an observed Release."""
    metadata, spec = get(plain, "metadata"), get(plain, "spec")
    wanted, helm = get(spec, "forProvider"), get(plain, "status", "atProvider")
    generation = get(metadata, "generation")
    return ObservedRelease(
        name=text(get(metadata, "name")),
        namespace=text(get(metadata, "namespace")),
        api_version=text(get(plain, "apiVersion")),
        kind=text(get(plain, "kind")),
        terminating=get(metadata, "deletionTimestamp") is not None,
        generation=generation if isinstance(generation, int) else None,
        observed_generation=_observed_generation(plain),
        provider_config=text(get(spec, "providerConfigRef", "name")),
        chart_version=text(get(wanted, "chart", "version")),
        values=mapping(get(wanted, "values")),
        connection_keys=frozenset(
            text(get(entry, "toConnectionSecretKey"))
            for entry in sequence(get(spec, "connectionDetails"))
        ),
        deployed_version=text(get(helm, "version")),
        state=text(get(helm, "state")),
        revision=_whole(get(helm, "revision")),
        description=words(get(helm, "releaseDescription")),
        ready=condition(plain, "Ready"),
        synced=condition(plain, "Synced"),
        details={key: _detail(key, details[key]) for key in sorted(PUBLIC_DETAILS & {*details})},
        has_kubeconfig=bool(details.get(vcluster.KUBECONFIG)),
        record=text(get(metadata, "annotations", record.ANNOTATION)),
        external_name=text(get(metadata, "annotations", EXTERNAL_NAME)),
        may_delete=not {"*", "Delete"}.isdisjoint(
            text(policy) for policy in sequence(get(spec, "managementPolicies"))
        ),
        external_server=_server(details.get(exposure.KUBECONFIG, b"")),
    )


def _detail(key: str, value: bytes) -> str:
    """Return a connection detail; what the import says is for people, or a name."""
    decoded = value.decode(errors="replace")
    return words(decoded) if key in rancher.STATE_KEYS else decoded


def _server(kubeconfig: bytes) -> str:
    """Return the server that a kubeconfig names; nothing else of it is looked at."""
    found = _SERVER.search(kubeconfig)
    return found[1].decode() if found else ""


_SERVER = re.compile(
    rb"^\s*server: (https://([-a-z0-9.]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?)\s*$", re.MULTILINE
)


def parse_usage(plain: object) -> ObservedUsage:
    """Return an observed Usage."""
    ready = condition(plain, "Ready")
    return ObservedUsage(ready=ready is not None and ready.status == "True")


def condition(plain: object, typ: str) -> Condition | None:
    """Return a condition of an object, or None if it does not bear it."""
    for entry in _conditions(plain):
        if get(entry, "type") == typ and get(entry, "status") in ("True", "False", "Unknown"):
            status = cast("Truth", get(entry, "status"))
            return Condition(typ, status, text(get(entry, "reason")), words(get(entry, "message")))
    return None


def foreign_releases(found: Iterable[object], composite: object) -> tuple[ForeignRelease, ...]:
    """Return those of the found objects that the composite does not control.

    What an object of the composite's kind and name controls is on its way out even before it is
    marked: that object is an earlier one, and gone. A Usage can hold up the mark for a while.
    """
    uid = text(get(composite, "metadata", "uid"))
    return tuple(
        ForeignRelease(
            name=text(get(plain, "metadata", "name")),
            namespace=text(get(plain, "metadata", "namespace")),
            terminating=get(plain, "metadata", "deletionTimestamp") is not None
            or _is_earlier(_controller(plain), composite),
        )
        for plain in found
        if get(_controller(plain), "uid") != uid
    )


def control_plane(found: Iterable[object]) -> str:
    """Return the identity of the control plane: the UID of the API's definition there."""
    return next((text(get(plain, "metadata", "uid")) for plain in found), "")


def _controller(plain: object) -> object:
    for owner in sequence(get(plain, "metadata", "ownerReferences")):
        if get(owner, "controller") is True:
            return owner
    return None


def _is_earlier(controller: object, composite: object) -> bool:
    name = text(get(composite, "metadata", "name"))
    kind = text(get(composite, "kind"))
    return (get(controller, "kind"), get(controller, "name")) == (kind, name)


def _observed_generation(plain: object) -> int | None:
    for entry in _conditions(plain):
        generation = get(entry, "observedGeneration")
        if get(entry, "type") == "Synced" and isinstance(generation, int):
            return generation
    return None


def _conditions(plain: object) -> Sequence[object]:
    return sequence(get(plain, "status", "conditions"))


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0
