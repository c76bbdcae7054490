"""Expiry: when a VCluster is warned of its end, and when the clock deletes it.

This is arithmetic of the times in spec and Input. `vcluster-clock` compares the results with the
time, and deletes nothing that this has not allowed.
"""

import datetime as dt

from function.api import xr
from function.api.fields import duration_seconds
from function.api.input import Expiry
from function.api.status import ExpiryStatus


def expiry_status(expire: xr.Expire | None, terms: Expiry) -> ExpiryStatus | None:
    """Return the times of the end of a VCluster, or None if it has none."""
    if expire is None:
        return None
    at = dt.datetime.fromisoformat(expire.at).astimezone(dt.UTC)
    return ExpiryStatus(
        at=expire.at,
        warnFrom=_text(at - _duration(terms.warning)),
        deleteAt=_text(at + _duration(terms.grace)),
    )


def _duration(text: str) -> dt.timedelta:
    return dt.timedelta(seconds=duration_seconds(text))


def _text(instant: dt.datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
