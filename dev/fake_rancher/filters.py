"""Selection of the objects of a list by the query."""

import re

from .kinds import Kind
from .messages import Json, Request
from .steve_shapes import identity


def selected(request: Request, kind: Kind, made: Json) -> bool:
    """Return whether an object passes `filter` and `labelSelector` (rancher-live.md, section 2)."""
    labels = made["metadata"].get("labels", {})
    for condition in request.query.get("filter", []):
        key, _, value = condition.partition("=")
        label = re.fullmatch(r"metadata\.labels\[(.+)\]", key)
        names = {"metadata.name": made["metadata"]["name"], "id": identity(kind, made)}
        actual = labels.get(label[1]) if label else names.get(key)
        if actual != value.strip("'\""):
            return False
    return all(
        _label_matches(labels, requirement.strip())
        for selector in request.query.get("labelSelector", [])
        for requirement in selector.split(",")
        if requirement
    )


def _label_matches(labels: dict[str, str], requirement: str) -> bool:
    if "!=" in requirement:
        key, _, value = requirement.partition("!=")
        return labels.get(key) != value
    if "=" in requirement:
        key, _, value = requirement.replace("==", "=").partition("=")
        return labels.get(key) == value
    return (requirement.lstrip("!") in labels) is not requirement.startswith("!")


def excluded(request: Request, made: Json) -> None:
    """Remove the fields that the query excludes (rancher-live.md, section 1)."""
    for path in request.query.get("exclude", []):
        *way, last = path.split(".")
        place = made
        for part in way:
            place = place.get(part, {})
        place.pop(last, None)
