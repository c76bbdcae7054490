"""The world of the tests of the access."""

from collections.abc import Iterator

import pytest

from dev.apiserver.client import Client
from tests.jobs.access.world import World, opened


@pytest.fixture
def world(apiserver: Client) -> Iterator[World]:
    """Yield a host and a virtual cluster without access."""
    with opened(apiserver) as found:
        yield found
