"""The tenant's volume claims on the host that an archive does not know.

The syncer deletes what it made on the host and does not find inside, a claim with its data too:
https://github.com/loft-sh/vcluster/blob/v0.36.1/pkg/controllers/resources/persistentvolumeclaims/syncer.go
"""

from collections.abc import Iterable

from jobs.errors import RefusedError

PREFIX = "/registry/persistentvolumeclaims/"

MOST_SHOWN = 5


def is_claim(key: str) -> bool:
    """Return whether the key of an archive is that of a volume claim."""
    return f"/{key.lstrip('/')}".startswith(PREFIX)


def newer(places: Iterable[str], keys: frozenset[str]) -> list[str]:
    """Return the claims, as namespace/name inside, that have no key in the archive."""
    known = {f"/{key.lstrip('/')}".removeprefix(PREFIX) for key in keys}
    return sorted({*places} - known)


def check(places: Iterable[str], keys: frozenset[str]) -> None:
    """Refuse a rollback by which volumes would be deleted."""
    names = newer(places, keys)
    if names:
        raise RefusedError("VolumesNewer", message(names))


def message(names: list[str]) -> str:
    """Return the message that names the first of them."""
    shown = ", ".join(names[:MOST_SHOWN])
    more = f" and {len(names) - MOST_SHOWN} more" if len(names) > MOST_SHOWN else ""
    return f"The backup lacks volume claims, whose data would be deleted: {shown}{more}."
