"""The files of docs/migration.md, as far as one node can run what they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from function.k8s.helm_values import merge
from tests.e2e.kube import Kube, await_ready, by
from tests.repository.test_docs_migration import SECTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.further

WITHOUT_RANCHER = {"rancher": {"enabled": False}}
FITTING = {
    "Nodes with a taint": "migrated-taint",
    "An ingress controller inside": "migrated-ingress",
    "A preview environment": "migrated-preview",
}
"""The others need a GPU, a load balancer, an ingress controller or an image that is not there."""


@pytest.mark.parametrize(("heading", "name"), FITTING.items())
def test_it_becomes_ready(
    kube: Kube,
    compositions: Callable[..., None],
    made: Callable[..., str],
    heading: str,
    name: str,
) -> None:
    """With the Input and the VCluster of the page."""
    blocks = SECTIONS[heading]
    compositions(name, blocks["Input"])
    spec: Any = merge(blocks["VCluster"], WITHOUT_RANCHER, {"crossplane": by(name)})
    made(name, **spec)
    await_ready(kube, name)
