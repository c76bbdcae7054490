"""Fixtures for tests against a real kube-apiserver."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.apiserver.control_plane import Client, running
from tests.apiserver.crossplane import running as crossplane_running

if TYPE_CHECKING:
    from collections.abc import Iterator

BIN = Path(__file__).parents[2] / ".tools" / "bin"


@pytest.fixture(scope="session")
def apiserver() -> Iterator[Client]:
    """Yield a client of one kube-apiserver that all tests of the session share.

    Starting it takes seconds, so objects of earlier tests are still there: give every
    test names of its own, or a namespace. ETCD and KUBE_APISERVER name other binaries.
    """
    kube_apiserver = _binary("KUBE_APISERVER", "kube-apiserver")
    etcd = _binary("ETCD", "etcd")
    with running(etcd, kube_apiserver) as client:
        yield client


@pytest.fixture(scope="session")
def crossplane(apiserver: Client) -> Iterator[Client]:
    """Yield a client of the kube-apiserver on which Crossplane runs with our function.

    The VCluster's API is installed; there is no provider, so Releases stay as they are made.
    CROSSPLANE_CORE names another binary.
    """
    core = _binary("CROSSPLANE_CORE", "crossplane-core")
    with crossplane_running(core, apiserver):
        yield apiserver


def _binary(variable: str, name: str) -> Path:
    path = Path(os.environ.get(variable, BIN / name)).absolute()
    if not path.is_file():
        reason = f"{name} is not built: run `make tools tools-apiserver`"
        if os.environ.get("REQUIRE_TOOLS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return path
