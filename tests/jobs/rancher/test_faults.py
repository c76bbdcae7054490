"""Whatever goes wrong for a while, the import ends connected, with one cluster and one agent."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.jobs.rancher.world import World

FAULT = st.one_of(
    st.fixed_dictionaries(
        {
            "what": st.just("drop"),
            "phase": st.sampled_from(["before", "after"]),
            "method": st.sampled_from(["GET", "POST", ""]),
            "skip": st.integers(0, 8),
            "times": st.integers(1, 4),
        }
    ),
    st.fixed_dictionaries(
        {
            "what": st.just("refuse"),
            "status": st.sampled_from([429, 500, 502, 503]),
            "method": st.sampled_from(["GET", "POST", ""]),
            "skip": st.integers(0, 8),
            "times": st.integers(1, 4),
        }
    ),
)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(FAULT, min_size=1, max_size=4))
def test_random_faults(world: World, faults: list[dict[str, Any]]) -> None:
    """Lost answers, refusals and failures in any order and place change nothing in the end."""
    world.reset()
    for fault in faults:
        given_ = {key: value for key, value in fault.items() if key != "what"}
        getattr(world.fake, fault["what"])(**given_)
    assert world.run()
    assert world.end() == (["kunde1"], 1, 1)
    world.fake.faults.waiting.clear()
    assert world.deregister()
    assert world.end()[0] == []
