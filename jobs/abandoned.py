"""Notes of what a deletion left behind, in one ConfigMap of the platform's namespace."""

import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from lightkube import Client
from lightkube.core.exceptions import ApiError
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap
from lightkube.types import PatchType

from jobs.rancher.kubernetes import CONFLICT, call, maybe, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable

CONFIG_MAP = "vcluster-abandoned"

NOTES = 500
"""Longest list of notes: with the length of a value half of what a ConfigMap holds. The oldest
go, because one that cannot be written any more would say nothing of what comes."""


def note(  # noqa: PLR0913  # where, and what
    client: Client,
    namespace: str,
    key: str,
    left: Mapping[str, object],
    *,
    config_map: str = CONFIG_MAP,
    now: Callable[[], float] = time.time,
) -> None:
    """Write down what is left behind. Raises `RancherImportError` where that is refused."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now()))
    value = shorten(json.dumps({**left, "at": at}, sort_keys=True))
    what = f"ConfigMap {namespace}/{config_map}"

    def merged(data: Mapping[str, str | None]) -> ConfigMap:
        """Merge data into the ConfigMap, which is made if it is not there."""
        try:
            made = ConfigMap(metadata=ObjectMeta(name=config_map), data={key: value})
            return client.create(made, namespace=namespace)
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

    found = call(lambda: merged({key: value}), what)
    superfluous = _oldest((found.data or {}).items())
    if superfluous:
        call(lambda: merged(dict.fromkeys(superfluous)), what)


def clear(
    client: Client, namespace: str, keys: "Iterable[str]", *, config_map: str = CONFIG_MAP
) -> None:
    """Take notes away that are not true any more. Raises `RancherImportError` if refused."""
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
    """Return the notes by their keys; one that cannot be read is empty."""
    what = f"ConfigMap {namespace}/{config_map}"
    found = maybe(lambda: client.get(ConfigMap, config_map, namespace=namespace), what)
    return {key: _fields(value) for key, value in ((found and found.data) or {}).items()}


def _fields(value: str) -> dict[str, str]:
    try:
        fields = json.loads(value)
    except ValueError:
        return {}
    if not isinstance(fields, dict):
        return {}
    return {key: str(one) for key, one in fields.items()}


def _oldest(notes: "Iterable[tuple[str, str]]") -> list[str]:
    """Return the keys of the notes beyond the longest list: each begins with its time."""
    newest = sorted(notes, key=lambda one: one[1], reverse=True)
    return [key for key, _ in newest[NOTES:]]
