"""The world of the importer's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.apiserver.client import Client
from tests.jobs.rancher.world import World, opened


@pytest.fixture
def world(apiserver: Client, tmp_path: Path) -> Iterator[World]:
    """Yield an empty world: a host, a virtual cluster, a Rancher."""
    with opened(apiserver, tmp_path) as found:
        yield found
