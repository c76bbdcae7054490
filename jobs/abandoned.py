"""Notes about leftovers of deletions, in one ConfigMap of the platform's namespace."""

import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap
from lightkube.types import PatchType

from jobs.kubernetes import CONFLICT, call, maybe, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable

CONFIG_MAP = "vcluster-abandoned"

NOTES = 500
"""Maximum number of notes: at their maximum length they fill half of a ConfigMap. The oldest are
removed, because a full ConfigMap would take no new ones."""


def note(  # noqa: PLR0913  # the place and the note
    client: Client,
    namespace: str,
    key: str,
    fields: Mapping[str, object],
    *,
    config_map: str = CONFIG_MAP,
    now: Callable[[], float] = time.time,
) -> None:
    """Write a note about a leftover. Raises `RancherImportError` if that is refused."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now()))
    value = shorten(json.dumps({**fields, "at": at}, sort_keys=True))
    what = f"ConfigMap {namespace}/{config_map}"

    def merge(data: Mapping[str, str | None]) -> ConfigMap:
        """Merge data into the ConfigMap, or create it."""
        try:
            body = ConfigMap(metadata=ObjectMeta(name=config_map), data={key: value})
            return client.create(body, namespace=namespace)
        except ApiError as error:
            if error.status.code != CONFLICT:
                raise
        return client.patch(
            ConfigMap,
            config_map,
            {"data": data},
            namespace=namespace,
            patch_type=PatchType.MERGE,
        )

    notes = call(lambda: merge({key: value}), what)
    superfluous = _oldest((notes.data or {}).items())
    if superfluous:
        call(lambda: merge(dict.fromkeys(superfluous)), what)


def clear(
    client: Client, namespace: str, keys: "Iterable[str]", *, config_map: str = CONFIG_MAP
) -> None:
    """Remove obsolete notes. Raises `RancherImportError` if that is refused."""
    data: dict[str, None] = dict.fromkeys(keys)
    what = f"ConfigMap {namespace}/{config_map}"
    patch_type = PatchType.MERGE
    maybe(
        lambda: client.patch(
            ConfigMap, config_map, {"data": data}, namespace=namespace, patch_type=patch_type
        ),
        what,
    )


def read(
    client: Client, namespace: str, *, config_map: str = CONFIG_MAP
) -> dict[str, dict[str, str]]:
    """Return the notes by their keys; an unreadable one is empty."""
    what = f"ConfigMap {namespace}/{config_map}"
    notes = maybe(lambda: client.get(ConfigMap, config_map, namespace=namespace), what)
    return {key: _fields(value) for key, value in ((notes and notes.data) or {}).items()}


def _fields(value: str) -> dict[str, str]:
    try:
        fields = json.loads(value)
    except ValueError:
        return {}
    if not isinstance(fields, dict):
        return {}
    return {key: str(one) for key, one in fields.items()}


def _oldest(notes: "Iterable[tuple[str, str]]") -> list[str]:
    """Return the keys of the oldest notes beyond the maximum; a note begins with its time."""
    newest = sorted(notes, key=lambda one: one[1], reverse=True)
    return [key for key, _ in newest[NOTES:]]
