"""What all tests share: the flag that rewrites goldens, Helm, an API server."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from dev.apiserver.client import Client
from dev.apiserver.server import running
from tests.support.tools import tool


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flag."""
    parser.addoption(
        "--update-goldens",
        action="store_true",
        help="write the golden files anew instead of comparing with them",
    )


@pytest.fixture
def update_goldens(request: pytest.FixtureRequest) -> bool:
    """Tell whether goldens are to be rewritten."""
    return bool(request.config.getoption("--update-goldens"))


@pytest.fixture(scope="session")
def run_helm() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs helm, away from the kubeconfig of whoever runs the tests."""
    helm = tool("helm")

    def run(
        *arguments: str | Path,
        values: Mapping[str, object] | None = None,
        kubeconfig: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [helm, *arguments, *(() if values is None else ("--values", "-"))],
            input=json.dumps(values),
            env={**os.environ, "KUBECONFIG": str(kubeconfig or os.devnull)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


@pytest.fixture(scope="session")
def apiserver() -> Iterator[Client]:
    """Yield a client of one kube-apiserver that all tests of the session share.

    Starting it takes seconds, so objects of earlier tests are still there: give every
    test names of its own, or a namespace.
    """
    etcd, kube_apiserver = (tool(n, "tools-apiserver") for n in ("etcd", "kube-apiserver"))
    with running(etcd, kube_apiserver) as client:
        yield client
