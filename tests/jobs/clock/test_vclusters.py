"""VClusters as they are listed: what the clock reads of them, whatever they hold."""

from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta

from jobs.bounded_api import Item
from jobs.clock.sleepers import ANNOTATION, Sleeper
from jobs.clock.vclusters import read

MARK = '{"calendar":{"asleep":true,"name":"office-hours"}}'


def item(spec: Any = None, status: Any = None, **metadata: Any) -> Item:
    """Return a VCluster of a list."""
    meta = ObjectMeta(name="kunde1", uid="u-1", resourceVersion="7", **metadata)
    return Item(metadata=meta, spec=spec, status=status)


def test_everything() -> None:
    """All that time concerns is read."""
    spec = {
        "sleep": {"calendar": "office-hours", "awakeUntil": "2026-12-24T18:00:00Z"},
        "expire": {"at": "2026-12-31T00:00:00Z"},
        "deletionProtection": True,
    }
    expiry = {"at": "2026-12-31T00:00:00Z", "deleteAt": "2027-01-07T00:00:00Z"}
    status = {"expiry": expiry, "backup": {"overdueAt": "2026-12-01T02:45:00Z"}}
    status["access"] = {"warnFrom": "2027-01-01T00:00:00Z"}
    found = read(item(spec, status, namespace="t", annotations={ANNOTATION: MARK}))
    assert found == Sleeper(
        name="kunde1",
        namespace="t",
        uid="u-1",
        version="7",
        is_protected=True,
        calendar="office-hours",
        awake_until="2026-12-24T18:00:00Z",
        expire_at="2026-12-31T00:00:00Z",
        expiry=expiry,
        overdue_at="2026-12-01T02:45:00Z",
        warn_from="2027-01-01T00:00:00Z",
        mark=MARK,
        sleeps_by="office-hours",
    )


@pytest.mark.parametrize(
    "part",
    [
        None,
        "x",
        [],
        {},
        {"sleep": "x", "expire": [1], "expiry": 5, "backup": [2]},
        {"sleep": {"at": 1}},
    ],
)
def test_anything(part: Any) -> None:
    """What is missing or of another type reads as absent."""
    assert read(item(part, part)) == Sleeper(name="kunde1", namespace="", uid="u-1", version="7")


@pytest.mark.parametrize("protection", [True, "true", 1, {}])
def test_protection(protection: Any) -> None:
    """Whatever is not false protects."""
    assert read(item({"deletionProtection": protection})).is_protected


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        (MARK, "office-hours"),
        ('{"calendar":{"asleep":false,"name":"office-hours"}}', ""),
        ('{"calendar":{"asleep":true,"name":5}}', ""),
        ("[]", ""),
        ("{", ""),
        ("[" * 100_000, ""),
        ("", ""),
    ],
)
def test_marks_of_others(mark: str, expected: str) -> None:
    """Whoever writes the VCluster may write the mark."""
    assert read(item(annotations={ANNOTATION: mark})).sleeps_by == expected
