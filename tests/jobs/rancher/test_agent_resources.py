"""Requests and limits of Rancher's agent, which runs in the quota of the virtual cluster."""

from dataclasses import replace
from typing import Any

import pytest

from jobs.rancher import quantity
from jobs.rancher.actions import Done, SetAgent
from jobs.rancher.import_plan import plan
from tests.jobs.rancher.test_import_plan import CONNECTED, GOAL, cluster
from tests.jobs.rancher.world import GOAL as IMPORT
from tests.jobs.rancher.world import World

RESOURCES = {"requests.memory": "512Mi", "limits.memory": "1Gi"}
NESTED = {"requests": {"memory": "512Mi"}, "limits": {"memory": "1Gi"}}
LARGER = replace(GOAL, agent_resources=RESOURCES)


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"requests": {"memory": "512Mi"}},
        {"requests": {"memory": "512Mi"}, "limits": {"memory": "512Mi"}},
        {"requests": None, "limits": {"cpu": "1"}},
    ],
)
def test_the_agent_gets_its_resources(found: dict[str, Any]) -> None:
    """An import that exists gets them too."""
    there = cluster(CONNECTED, agent_resources=found)
    assert plan(LARGER, there) == SetAgent((), RESOURCES, anew=False)


@pytest.mark.parametrize(
    "found",
    [
        NESTED,
        {"requests": {"memory": "512Mi", "cpu": "1"}, "limits": {"memory": "1024Mi"}},
    ],
)
def test_an_agent_that_has_its_resources(found: dict[str, Any]) -> None:
    """What amounts to the wish is left alone, however Rancher writes it."""
    assert plan(LARGER, cluster(CONNECTED, agent_resources=found)) == Done("c-m-1")


def test_no_resources() -> None:
    """A platform that names none leaves to Rancher what a person set there."""
    assert plan(GOAL, cluster(CONNECTED, agent_resources=NESTED)) == Done("c-m-1")


def test_an_import_with_resources(world: World) -> None:
    """The cluster in Rancher has them from its creation, and changed ones later."""
    assert world.run(replace(IMPORT, agent_resources=RESOURCES))
    (found,) = world.fake.state.clusters
    agent = found.spec["clusterAgentDeploymentCustomization"]
    assert agent == {"overrideResourceRequirements": NESTED}

    assert world.run(replace(IMPORT, agent_resources={"limits.memory": "2Gi"}))
    (found,) = world.fake.state.clusters
    agent = found.spec["clusterAgentDeploymentCustomization"]["overrideResourceRequirements"]
    assert agent["limits"]["memory"] == "2Gi"
    assert world.state()["phase"] == "Connected"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("1Gi", "1024Mi", True),
        ("1", "1000m", True),
        ("1G", "1000000000", True),
        ("1Gi", "1G", False),
        ("x", "x", False),
        (None, "1Gi", False),
        (1, "1", True),
    ],
)
def test_quantity(one: object, other: object, *, expected: bool) -> None:
    """Texts are compared by what they amount to."""
    assert quantity.is_equal(one, other) is expected
