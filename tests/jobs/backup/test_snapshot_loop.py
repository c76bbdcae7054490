"""The scheduled snapshot, against a real API server and a real S3 server."""

import hashlib

import pytest

from tests.jobs.backup.archives import archive
from tests.jobs.backup.world import KilledError, World, kills

FIRST = "20260110T020000Z"


def test_from_nothing_to_an_archive(world: World) -> None:
    """A snapshot ends with an archive, its description, a report, and no request."""
    assert world.snapshot()
    assert world.names() == [f"{FIRST}.json", f"{FIRST}.tar.gz"]
    content = archive()
    described = world.described()[FIRST]
    assert (described.size, described.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    report = world.report()
    assert report["phase"] == "Completed"
    assert world.remainder() == []


def test_killed_at_every_line(world: World) -> None:
    """A run that dies anywhere leaves a good archive or none, and the next one completes."""
    assert world.snapshot()
    points = kills(world.wire)
    for number, phase in points:
        world.reset()
        world.wire.kill_at, world.wire.phase = number, phase
        with pytest.raises(KilledError):
            world.snapshot()
        line = world.wire.lines[-1]
        whole = world.described()
        assert world.report()["phase"] != "Completed" or whole, (number, phase, line)
        assert world.snapshot(), (number, phase, line)
        assert world.report()["phase"] == "Completed"
        assert world.remainder() == []
    assert len(points) > 10
