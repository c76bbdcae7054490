"""Fixtures for tests against a real kube-apiserver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.apiserver.crossplane import running as crossplane_running
from tests.tools import tool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.apiserver.control_plane import Client


@pytest.fixture(scope="session")
def crossplane(apiserver: Client) -> Iterator[Client]:
    """Yield a client of the kube-apiserver on which Crossplane runs with our function.

    The VCluster's API is installed; there is no provider, so Releases stay as they are made.
    """
    with crossplane_running(tool("crossplane-core"), apiserver):
        yield apiserver
