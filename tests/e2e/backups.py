"""The backups of a VCluster, as its status has them."""

from __future__ import annotations

from typing import Any

from tests.e2e.kube import VCLUSTERS, Kube, condition, describe, until

EACH_MINUTE = {"schedule": "* * * * *"}
"""The spec of a VCluster that is saved as often as can be."""


def backup(kube: Kube, name: str) -> dict[str, Any]:
    """Return status.backup."""
    found = (kube.get(VCLUSTERS, name) or {}).get("status", {}).get("backup", {})
    return dict(found)


def await_backup(kube: Kube, name: str, after: str = "", seconds: float = 240) -> dict[str, Any]:
    """Wait for a backup that is newer than another, and return status.backup."""

    def is_newer() -> bool:
        good = condition(kube.get(VCLUSTERS, name), "BackedUp").get("status") == "True"
        return good and backup(kube, name).get("last", "") > after

    until(f"{name} is backed up", is_newer, seconds, lambda: describe(kube, name))
    return backup(kube, name)


def restore_from(kube: Kube, name: str, snapshot: str) -> dict[str, str]:
    """Return the field of a new VCluster by which it begins with a backup of another one."""
    uid = (kube.get(VCLUSTERS, name) or {})["metadata"]["uid"]
    return {"vcluster": uid, "name": name, "snapshot": snapshot}
