"""READY neither returns for a moment nor speaks of a spec that it does not describe."""

import copy
import functools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dev.scripts import life
from function.response import pause
from tests.support.model_crossplane import Crossplane

SPECS: list[dict[str, Any]] = [
    {},
    {"quota": {"cpu": "6", "memory": "12Gi"}},
    {"rancher": {"owners": [{"group": "keycloakoidc_group://other"}]}},
    {"quota": {"pods": 7}, "kubernetesVersion": "1.36"},
    {"deletionProtection": True},
    {"plan": "none"},
]
STEPS = ("call", "call late", "provide", "provide late")


def grown_up(example: str = "kunde1") -> Crossplane:
    """Return a VCluster after its creation."""
    return copy.deepcopy(_grown_up(example))


@functools.cache
def _grown_up(example: str) -> Crossplane:
    crossplane = Crossplane(life.composite(example))
    for state in ("nothing", "deploying", "up", "imported", *(["ready"] * 4)):
        crossplane.provide(life.LIFE[state])
        crossplane.settle()
    return crossplane


@pytest.mark.parametrize("example", sorted({*life.names()} - {"asleep"}))
def test_ready_rises_once(example: str) -> None:
    """Crossplane's next call, on old conditions, finds nothing to write."""
    ready = [write.is_ready for write in grown_up(example).writes]
    assert ready[-1]
    assert ready == sorted(ready)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([*STEPS, *map(str, SPECS)]), max_size=12))
def test_ready_is_of_the_observed_generation(steps: list[str]) -> None:
    """Whatever changes when, and however late Crossplane's cache is."""
    crossplane = grown_up()
    specs = {str(spec): spec for spec in SPECS}
    for step in steps:
        if step in specs:
            crossplane.change(specs[step])
        elif step.startswith("provide"):
            crossplane.provide(life.LIFE["ready"])
        crossplane.call(is_late="late" in step)
    assert not any(write.is_false for write in crossplane.writes)


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_fields_follow_soon(spec: dict[str, Any]) -> None:
    """Of itself, and within seconds if the event of a write is lost; then all rests."""
    crossplane = grown_up()
    crossplane.change(spec)
    crossplane.call()
    has_followed = crossplane.vcluster["status"]["observedGeneration"] == 2
    assert has_followed or crossplane.pause <= pause.EVENT
    for _ in range(2):
        crossplane.provide(life.LIFE["ready"])
        assert crossplane.settle() <= 4
    assert crossplane.writes[-1].is_ready
    assert crossplane.vcluster["status"]["observedGeneration"] == 2
    assert crossplane.vcluster["status"]["blockedBy"] == ""
    assert crossplane.pause == pause.READY


def test_a_step_takes_three_calls() -> None:
    """One changes the conditions, one the fields, and the last finds nothing to do."""
    crossplane = Crossplane(life.composite("kunde1"))
    for state in ("nothing", "deploying", "up", "up"):
        crossplane.provide(life.LIFE[state])
        crossplane.settle()
    for state in ("imported", "ready"):
        crossplane.provide(life.LIFE[state])
        assert crossplane.settle() == 3
