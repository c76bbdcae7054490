"""The parts of a call, and the floor of decoding."""

import pytest

from dev.bench import parts, requests


def test_the_floor_reads_the_same() -> None:
    """A program that read less would be no floor."""
    req = requests.changed()
    assert parts.straight(req)(req) == parts.read(req)


def test_each_part_takes_time(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The floor is below what it is the floor of, which is a part of decoding."""
    found = dict(parts.table(calls=2, rounds=20))
    assert found["  the floor of that"] < found["  read the fields"] < found["decode"]
    assert min(found.values()) > 0
    monkeypatch.setattr(parts, "table", lambda: [*found.items()])
    parts.main()
    rows = capsys.readouterr().out.splitlines()
    assert [row[:24].rstrip() for row in rows] == [*found, "all"]
