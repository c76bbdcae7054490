"""Rancher is upgraded: agents follow its setting, those of older imports in their turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.kube import VCLUSTERS, Kube, await_condition, condition, is_ready, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.rancher import Control

pytestmark = [pytest.mark.alone, pytest.mark.further]

NEW = "rancher/rancher-agent:v9.9.9"
UPGRADE_SECONDS = 30.0
TURN_SECONDS = 150
"""Two turns of the watcher, with the look that sees the end and what the function takes."""


@pytest.fixture
def before(control: Control) -> Iterator[str]:
    """Yield the image before the upgrade; afterwards it is the one that is due again."""
    image = control.agent_image()
    yield image
    control.upgrade_agents(image)


def test_agents_follow_an_upgrade_of_rancher(
    kube: Kube, control: Control, tenants: tuple[str, ...], before: str
) -> None:
    """The agent of an import follows by itself; one of before says so and has its turn."""
    follows, pinned = tenants
    control.pin_agent(pinned, before)
    control.upgrade_agents(NEW, UPGRADE_SECONDS)
    outdated = f"Rancher's agent runs {before}, due is {NEW}."
    await_condition(kube, pinned, "RancherConnected True AgentOutdated", outdated)
    assert is_ready(kube.get(VCLUSTERS, pinned))
    for name in (follows, pinned):
        _await_image(control, name)
        await_condition(kube, name, "RancherConnected True Connected")
        found = kube.get(VCLUSTERS, name)
        assert is_ready(found)
        assert condition(found, "RancherConnected").get("message", "") == ""


def _await_image(control: Control, name: str) -> None:
    def is_new() -> bool:
        cluster = control.cluster(name)
        return cluster is not None and cluster["agentImage"] == NEW

    until(f"the agent of {name} is new", is_new, TURN_SECONDS)
