"""Changes of labels, annotations and specs by PATCH and PUT."""

import copy
import json
from typing import Any

from .messages import Json, Refusal, Request

MERGE, OPERATIONS = "application/merge-patch+json", "application/json-patch+json"


def patched(made: Json, request: Request) -> Json:
    """Return an object with a patch applied: rancher-live.md, section 2."""
    content_type = request.headers.get("Content-Type", "").partition(";")[0]
    if content_type == MERGE:
        merged = merged_with(made, request.json())
        assert isinstance(merged, dict)
        return merged
    if content_type == OPERATIONS:
        return _operated(made, json.loads(request.body))
    message = f"content type {content_type or 'application/json'} is not supported for a patch"
    raise Refusal(415, "UnsupportedMediaType", message)


def merged_with(old: Any, patch: Any) -> Any:
    """Return the result of a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    made = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = merged_with(made.get(key), value)
    return made


def _operated(made: Json, operations: list[Json]) -> Json:
    """Apply a JSON patch (RFC 6902), without arrays."""
    made = copy.deepcopy(made)
    for one in operations:
        *way, last = [
            part.replace("~1", "/").replace("~0", "~") for part in one["path"].split("/")[1:]
        ]
        place: Any = made
        try:
            for part in way:
                place = place[part]
            if one["op"] == "test" and place.get(last) != one["value"]:
                raise Refusal(422, "Invalid", "the server rejected our request: test failed")
            if one["op"] in ("remove", "replace"):
                del place[last]
        except (KeyError, TypeError) as error:
            message = "the server rejected our request due to an error in our request"
            raise Refusal(422, "Invalid", message) from error
        if one["op"] in ("add", "replace"):
            place[last] = one["value"]
    return made


def norman_merged(old: dict[str, str], new: Any) -> dict[str, str]:
    """Return labels or annotations after a PUT to Norman.

    Absent keys are removed, except names with "cattle.io/", which are not changed either, and
    "field.cattle.io/" (rancher/norman store/proxy, merge.mergeProtected; agrees with
    norman-cluster-put-annotation.json, in which the unsent creatorId stayed).
    """
    if not isinstance(new, dict):
        return old
    ours = "field.cattle.io/"

    def protected(key: str) -> bool:
        return "cattle.io/" in key and (not key.startswith(ours) or key == f"{ours}creatorId")

    constants = {
        key: value
        for key, value in old.items()
        if key in new or protected(key) or key.startswith(ours)
    }
    return constants | {key: value for key, value in new.items() if not protected(key)}
