"""Parse the observed objects into the observed state.

An object may be half created, of a wrong kind, or edited by hand. A field that is missing or of an
unexpected type reads as absent, never as an error.
"""

import re
from collections.abc import Callable, Iterable, Mapping

from function.k8s.fieldpath import Parts, get, mapping, sequence, text, words
from function.observed import access, backup, exposure, namespace, rancher, record, stamp, vcluster
from function.observed.release import EXTERNAL_NAME, INTERVAL
from function.observed.state import (
    Condition,
    ForeignRelease,
    Observed,
    ObservedRelease,
    ObservedUsage,
)

PUBLIC_DETAILS = frozenset(
    {
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
        rancher.REPORT,
        rancher.WRITERS,
        backup.REPORT,
        access.REPORT,
        *rancher.STATE_KEYS,
    }
)
"""Connection details without secrets. No other value enters the core."""

KNOWN_DETAILS = PUBLIC_DETAILS | {vcluster.KUBECONFIG, exposure.KUBECONFIG}
"""Connection details that are read: of a kubeconfig only its existence and its server."""


_DELETING = frozenset({"*", "Delete"})
"""Management policies that let the deletion of a Release uninstall the Helm release."""

_CONDITION: Parts = {"type": None, "status": None, "reason": None, "message": None}


def _release(values: Parts | None) -> Parts:
    """Return the fields of a Release, with those of its chart values."""
    return {
        "apiVersion": None,
        "kind": None,
        "metadata": {
            "name": None,
            "namespace": None,
            "generation": None,
            "deletionTimestamp": None,
            "annotations": {EXTERNAL_NAME: None, INTERVAL: None, record.ANNOTATION: None},
        },
        "spec": {
            "providerConfigRef": {"name": None},
            "forProvider": {"chart": {"version": None}, "values": values},
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


RELEASE: Mapping[str, Parts] = {
    namespace.KEY: _release(namespace.VALUES),
    vcluster.KEY: _release(None),
    rancher.KEY: _release(rancher.VALUES),
    backup.KEY: _release(None),
    access.KEY: _release(None),
}
"""Fields of each Release that are read, by its key; the chart values are for later stages."""

USAGE: Parts = {"status": {"conditions": {"type": None, "status": None}}}
"""Fields that `parse_usage` reads."""

FOREIGN_RELEASE: Parts = {
    "metadata": {
        "name": None,
        "namespace": None,
        "deletionTimestamp": None,
        "ownerReferences": {"controller": None, "kind": None, "name": None, "uid": None},
    },
}
"""Fields that `foreign_releases` reads."""

CONTROL_PLANE: Parts = {"metadata": {"uid": None}}
"""Fields of the XRD that `control_plane` reads."""

RELEASES = (namespace.KEY, vcluster.KEY, rancher.KEY, backup.KEY, access.KEY)
"""Keys of the Releases, in the order in which they come up."""


def parse_observed(
    find: Callable[[str], ObservedRelease | None],
    usages: Mapping[str, ObservedUsage],
    foreign: tuple[ForeignRelease, ...] = (),
    control_plane: str = "",
) -> Observed:
    """Return the observed state; `find` returns the Release under a key, or None."""
    return Observed(
        namespace=find(namespace.KEY),
        vcluster=find(vcluster.KEY),
        rancher=find(rancher.KEY),
        backup=find(backup.KEY),
        access=find(access.KEY),
        usages=usages,
        foreign_releases=foreign,
        control_plane=control_plane,
    )


def releases(observed: Observed) -> dict[str, ObservedRelease]:
    """Return the Releases that exist, by key, in the order in which they come up."""
    each = (
        observed.namespace,
        observed.vcluster,
        observed.rancher,
        observed.backup,
        observed.access,
    )
    there = zip(RELEASES, each, strict=True)
    return {key: release for key, release in there if release is not None}


def parse_release(plain: object, details: Mapping[str, bytes]) -> ObservedRelease:
    """Return an observed Release."""
    top = mapping(plain)
    metadata, spec = mapping(top.get("metadata")), mapping(top.get("spec"))
    provider, helm = mapping(spec.get("forProvider")), mapping(get(top, "status", "atProvider"))
    annotations = mapping(metadata.get("annotations"))
    by_type = _conditions(top)
    synced = by_type.get("Synced")
    return ObservedRelease(
        name=text(metadata.get("name")),
        namespace=text(metadata.get("namespace")),
        api_version=text(top.get("apiVersion")),
        kind=text(top.get("kind")),
        terminating=metadata.get("deletionTimestamp") is not None,
        generation=_whole(metadata.get("generation")),
        observed_generation=_whole(get(synced, "observedGeneration")),
        provider_config=text(get(spec, "providerConfigRef", "name")),
        chart_version=text(get(provider, "chart", "version")),
        values=mapping(provider.get("values")),
        connection_keys=frozenset(
            text(get(entry, "toConnectionSecretKey"))
            for entry in sequence(spec.get("connectionDetails"))
        ),
        deployed_version=text(helm.get("version")),
        state=text(helm.get("state")),
        revision=_whole(helm.get("revision")) or 0,
        description=words(helm.get("releaseDescription")),
        ready=condition("Ready", by_type.get("Ready")),
        synced=condition("Synced", synced),
        details={key: _detail(key, details[key]) for key in sorted(PUBLIC_DETAILS & {*details})},
        has_kubeconfig=bool(details.get(vcluster.KUBECONFIG)),
        record=text(annotations.get(record.ANNOTATION)),
        interval=text(annotations.get(INTERVAL)),
        external_name=text(annotations.get(EXTERNAL_NAME)),
        may_delete=not _DELETING.isdisjoint(
            text(policy) for policy in sequence(spec.get("managementPolicies"))
        ),
        external_server=_server(details.get(exposure.KUBECONFIG, b"")),
    )


def _detail(key: str, value: bytes) -> str:
    """Return a connection detail, shortened to one line if the import into Rancher reports it."""
    decoded = value.decode(errors="replace")
    return words(decoded) if key in rancher.STATE_KEYS else decoded


def _server(kubeconfig: bytes) -> str:
    """Return the server of a kubeconfig; nothing else of it is read."""
    match = _SERVER.search(kubeconfig)
    return match[1].decode() if match else ""


_SERVER = re.compile(
    rb"^\s*server: (https://([-a-z0-9.]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?)\s*$", re.MULTILINE
)


def parse_usage(plain: object) -> ObservedUsage:
    """Return an observed Usage."""
    return ObservedUsage(ready=get(_conditions(plain).get("Ready"), "status") == "True")


def condition(typ: str, entry: object) -> Condition | None:
    """Return a condition of this type, or None if the entry is none."""
    fields = mapping(entry)
    status = fields.get("status")
    if status not in ("True", "False", "Unknown"):
        return None
    return Condition(typ, status, text(fields.get("reason")), words(fields.get("message")))


def foreign_releases(objects: Iterable[object], composite: object) -> tuple[ForeignRelease, ...]:
    """Return the Releases that the composite does not control.

    A Release of an earlier composite with this kind and name counts as terminating even without a
    deletion timestamp: that composite is gone, and a Usage can delay the deletion.
    """
    uid = text(get(composite, "metadata", "uid"))
    return tuple(
        ForeignRelease(
            name=text(get(plain, "metadata", "name")),
            namespace=text(get(plain, "metadata", "namespace")),
            terminating=get(plain, "metadata", "deletionTimestamp") is not None
            or _is_earlier(_controller(plain), composite),
        )
        for plain in objects
        if get(_controller(plain), "uid") != uid
    )


def control_plane(objects: Iterable[object]) -> str:
    """Return the identity of the control plane: the UID of the XRD there."""
    return next((text(get(plain, "metadata", "uid")) for plain in objects), "")


def _controller(plain: object) -> object:
    for owner in sequence(get(plain, "metadata", "ownerReferences")):
        if get(owner, "controller") is True:
            return owner
    return None


def _is_earlier(controller: object, composite: object) -> bool:
    name = text(get(composite, "metadata", "name"))
    kind = text(get(composite, "kind"))
    return (get(controller, "kind"), get(controller, "name")) == (kind, name)


def _conditions(plain: object) -> dict[str, object]:
    """Return the conditions of an object by type."""
    entries = sequence(get(plain, "status", "conditions"))
    return {text(get(entry, "type")): entry for entry in entries}


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) else None
