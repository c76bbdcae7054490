"""The report: all that the function reads of an import, as one JSON document in the state.

Programs of the release before write the single keys only. So these decide in this release, and the
report is made from them with every change.
"""

import json
from collections.abc import Mapping

from jobs.kubernetes import shorten

KEY = "report"
"""Key of the state ConfigMap: the contract with the chart and the function."""

PARTS = ("phase", "reason", "message", "clusterName", "clusterId", "observedInputs")
"""Keys of the state ConfigMap that the report holds."""


def changed(data: Mapping[str, str], changes: Mapping[str, str]) -> dict[str, str]:
    """Return the keys to write for changes of a state, each of a bounded length."""
    short = {key: shorten(value) for key, value in changes.items()}
    report = json.dumps(
        _parts({**data, **short}), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return {**short, KEY: report}


def is_outdated(data: Mapping[str, str]) -> bool:
    """Return whether the report is missing, or differs from the single keys."""
    try:
        return bool(json.loads(data.get(KEY, "")) != _parts(data))
    except ValueError:
        return True


def _parts(data: Mapping[str, str]) -> dict[str, str]:
    return {key: shorten(data.get(key, "")) for key in PARTS}
