"""The world of the tests of backups."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.apiserver.client import Client
from tests.jobs.backup.world import World, opened
from tests.support.s3_server import S3Server, serving
from tests.support.tools import tool


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """Yield an S3 server with one bucket that all tests of the session share."""
    with serving(tool("versitygw", "tools-apiserver")) as server:
        yield server


@pytest.fixture
def world(apiserver: Client, s3: S3Server, tmp_path: Path) -> Iterator[World]:
    """Yield an empty world: a host, a control plane, a bucket."""
    with opened(apiserver, s3, tmp_path) as found:
        yield found
