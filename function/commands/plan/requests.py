"""Build the requests that Crossplane would send from documents of files or a control plane."""

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping

from pydantic import BaseModel

from function.api import findings, xr
from function.k8s.fieldpath import get, mapping, sequence
from function.observed import parse, usages
from function.observed.state import Observed, ObservedRelease, Request

NO_UID = "00000000-0000-0000-0000-000000000000"
"""Stands for the UID of a VCluster that does not exist yet."""

RESOURCE_NAME = "crossplane.io/composition-resource-name"

Object = Mapping[str, object]
Place = tuple[str, str]
"""Namespace, which may be empty, and name."""


def build_requests(
    composites: Iterable[object], observed: Iterable[object], platform: Object
) -> Iterator[Request]:
    """Yield a request for each VCluster in `composites`, or without any for each observed one.

    UID and status come from the observed VCluster, if it exists.
    """
    objects = [*_objects(observed)]
    existing = {_place(each): each for each in objects if each.get("kind") == xr.KIND}
    requested = [each for each in _objects(composites) if each.get("kind") == xr.KIND]
    secrets = {_place(each): each for each in objects if each.get("kind") == "Secret"}
    for composite in requested or existing.values():
        before = existing.get(_place(composite), {})
        own = _composed(composite, objects)
        yield Request(
            input=platform,
            composite=_as_it_will_be(composite, before, own),
            observed=_observed(own, secrets),
        )


def _objects(documents: Iterable[object]) -> Iterator[Object]:
    """Yield all objects, also those of lists as `kubectl get` prints them."""
    for document in documents:
        items = sequence(get(document, "items"))
        if items:
            yield from _objects(items)
        elif isinstance(document, Mapping):
            yield document


def _place(thing: object) -> Place:
    return str(get(thing, "metadata", "namespace") or ""), str(get(thing, "metadata", "name") or "")


def _as_it_will_be(
    composite: Object, before: Object, own: Mapping[str, Object]
) -> dict[str, object]:
    """Return the VCluster with the UID and status of the control plane."""
    metadata = mapping(composite.get("metadata"))
    known = get(before, "metadata", "uid") or metadata.get("uid") or _owner_uid(own)
    written = {"spec": pruned(composite["spec"], xr.Spec)} if "spec" in composite else {}
    return {
        **composite,
        **written,
        "metadata": {**metadata, "uid": known or NO_UID},
        "status": before.get("status") or {},
    }


def pruned(value: object, model: type[BaseModel]) -> object:
    """Return a value without the nulls that the API server removes from fields of a model.

    https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting-and-nullable
    """
    if not isinstance(value, Mapping):
        return value
    fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    return {
        key: _below(inner, fields.get(key))
        for key, inner in value.items()
        if inner is not None or key not in fields
    }


def _below(value: object, annotation: object) -> object:
    for model in findings.models(annotation):
        if isinstance(value, list):
            return [pruned(entry, model) for entry in value]
        return pruned(value, model)
    return value


def _composed(composite: Object, objects: Iterable[Object]) -> dict[str, Object]:
    """Return the composed resources of a VCluster, by key."""
    return {
        key: each
        for each in objects
        if isinstance(key := get(each, "metadata", "annotations", RESOURCE_NAME), str)
        and _is_of(each, composite)
    }


def _observed(own: Mapping[str, Object], secrets: Mapping[Place, Object]) -> Observed:
    return parse.parse_observed(
        lambda key: _release(own.get(key), secrets),
        {key: parse.parse_usage(own[key]) for key in usages.KEYS if key in own},
    )


def _owner_uid(own: Mapping[str, Object]) -> object:
    """Return the UID that the composed resources name as owner, or None."""
    for composed in own.values():
        for owner in sequence(get(composed, "metadata", "ownerReferences")):
            if get(owner, "controller") is True:
                return get(owner, "uid")
    return None


def _is_of(composed: Object, composite: Object) -> bool:
    """Return whether a VCluster controls an object; in scope Namespaced both share a namespace."""
    home, name = _place(composite)
    if home and get(composed, "metadata", "namespace") != home:
        return False
    return any(
        get(owner, "controller") is True
        and (get(owner, "kind"), get(owner, "name")) == (xr.KIND, name)
        for owner in sequence(get(composed, "metadata", "ownerReferences"))
    )


def _release(plain: Object | None, secrets: Mapping[Place, Object]) -> ObservedRelease | None:
    if plain is None:
        return None
    home, _ = _place(plain)
    written = str(get(plain, "spec", "writeConnectionSecretToRef", "name") or "")
    return parse.parse_release(plain, dict(_details(secrets.get((home, written)))))


def _details(secret: Object | None) -> Iterator[tuple[str, bytes]]:
    for key, value in mapping(get(secret, "data")).items():
        try:
            yield key, base64.b64decode(str(value), validate=True)
        except binascii.Error:
            continue
