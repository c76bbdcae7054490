"""Read plain objects, as Crossplane observed them, into what the core decides on.

An object may be anything: half created, of a wrong kind, or touched by somebody. What is not
there or not of the expected type reads as absent, never as an error.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from function import exposure, rancher, vcluster
from function.plain import at, mapping
from function.release import EXTERNAL_NAME
from function.state import Condition, ObservedRelease, Stranger, Truth

PUBLIC_DETAILS = frozenset(
    {
        vcluster.AVAILABLE,
        vcluster.ETCD_AVAILABLE,
        vcluster.CHART_LABEL,
        vcluster.KUBERNETES_IMAGE,
        vcluster.GENERATION,
        vcluster.WORKLOAD,
        vcluster.ETCD_GENERATION,
        vcluster.ETCD_WORKLOAD,
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


def release(plain: object, details: Mapping[str, bytes]) -> ObservedRelease:
    """Return an observed Release."""
    generation = at(plain, "metadata", "generation")
    return ObservedRelease(
        name=_text(at(plain, "metadata", "name")),
        namespace=_text(at(plain, "metadata", "namespace")),
        api_version=_text(at(plain, "apiVersion")),
        kind=_text(at(plain, "kind")),
        terminating=at(plain, "metadata", "deletionTimestamp") is not None,
        generation=generation if isinstance(generation, int) else None,
        observed_generation=_observed_generation(plain),
        provider_config=_text(at(plain, "spec", "providerConfigRef", "name")),
        chart_version=_text(at(plain, "spec", "forProvider", "chart", "version")),
        values=mapping(at(plain, "spec", "forProvider", "values")),
        connection_keys=frozenset(
            _text(at(entry, "toConnectionSecretKey"))
            for entry in _list(at(plain, "spec", "connectionDetails"))
        ),
        deployed_version=_text(at(plain, "status", "atProvider", "version")),
        state=_text(at(plain, "status", "atProvider", "state")),
        revision=_whole(at(plain, "status", "atProvider", "revision")),
        description=_text(at(plain, "status", "atProvider", "releaseDescription")),
        ready=condition(plain, "Ready"),
        synced=condition(plain, "Synced"),
        details={
            key: details[key].decode(errors="replace")
            for key in sorted(PUBLIC_DETAILS & {*details})
        },
        has_kubeconfig=bool(details.get(vcluster.KUBECONFIG)),
        external_name=_text(at(plain, "metadata", "annotations", EXTERNAL_NAME)),
        external_server=_server(details.get(exposure.KUBECONFIG, b"")),
    )


def _server(kubeconfig: bytes) -> str:
    """Return the server that a kubeconfig names; nothing else of it is looked at."""
    found = _SERVER.search(kubeconfig)
    return found[1].decode() if found else ""


_SERVER = re.compile(rb"^\s*server: (https://[-a-z0-9.]+)\s*$", re.MULTILINE)


def condition(plain: object, typ: str) -> Condition | None:
    """Return a condition of an object, or None if it does not bear it."""
    for entry in _conditions(plain):
        status = _text(at(entry, "status"))
        if at(entry, "type") == typ and status in ("True", "False", "Unknown"):
            reason, message = _text(at(entry, "reason")), _text(at(entry, "message"))
            return Condition(typ, cast("Truth", status), reason, message)
    return None


def strangers(found: Iterable[object], composite: object) -> tuple[Stranger, ...]:
    """Return those of the found objects that the composite does not control.

    What an object of the composite's kind and name controls is on its way out even before it is
    marked: that object is an earlier one, and gone. A Usage can hold up the mark for a while.
    """
    uid = _text(at(composite, "metadata", "uid"))
    return tuple(
        Stranger(
            name=_text(at(plain, "metadata", "name")),
            namespace=_text(at(plain, "metadata", "namespace")),
            terminating=at(plain, "metadata", "deletionTimestamp") is not None
            or _is_earlier(_controller(plain), composite),
        )
        for plain in found
        if at(_controller(plain), "uid") != uid
    )


def _controller(plain: object) -> object:
    for owner in _list(at(plain, "metadata", "ownerReferences")):
        if at(owner, "controller") is True:
            return owner
    return None


def _is_earlier(controller: object, composite: object) -> bool:
    name = _text(at(composite, "metadata", "name"))
    kind = _text(at(composite, "kind"))
    return (at(controller, "kind"), at(controller, "name")) == (kind, name)


def _observed_generation(plain: object) -> int | None:
    for entry in _conditions(plain):
        generation = at(entry, "observedGeneration")
        if at(entry, "type") == "Synced" and isinstance(generation, int):
            return generation
    return None


def _conditions(plain: object) -> Sequence[object]:
    return _list(at(plain, "status", "conditions"))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else ()
