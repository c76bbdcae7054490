"""VClusters as an API server lists them.

Fields that are missing or of an unexpected type read as absent, so that one object cannot stop the
others.
"""

import json
from collections.abc import Mapping

from jobs.bounded_api import Item
from jobs.clock.sleepers import ANNOTATION, Sleeper


def read(item: Item) -> Sleeper:
    """Return a VCluster that was listed."""
    metadata = item.metadata
    expiry = _at(item.status, "expiry")
    mark = (metadata.annotations or {}).get(ANNOTATION)
    protection = _at(item.spec, "deletionProtection")
    return Sleeper(
        name=metadata.name or "",
        namespace=metadata.namespace or "",
        uid=metadata.uid or "",
        version=metadata.resourceVersion or "",
        is_terminating=metadata.deletionTimestamp is not None,
        is_protected=protection not in (None, False),
        calendar=_text(_at(item.spec, "sleep", "calendar")),
        awake_until=_text(_at(item.spec, "sleep", "awakeUntil")),
        expire_at=_text(_at(item.spec, "expire", "at")),
        expiry={key: _text(value) for key, value in expiry.items()}
        if isinstance(expiry, Mapping)
        else None,
        overdue_at=_text(_at(item.status, "backup", "overdueAt")),
        warn_from=_text(_at(item.status, "access", "warnFrom")),
        mark=mark,
        sleeps_by=_sleeps_by(mark),
    )


def _sleeps_by(mark: str | None) -> str:
    try:
        entry = _at(json.loads(mark or "{}"), "calendar")
    except (ValueError, RecursionError):
        return ""
    return _text(_at(entry, "name")) if _at(entry, "asleep") is True else ""


def _at(value: object, *keys: str) -> object:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
