"""The pause until Crossplane's next call, if no event causes one before."""

from collections.abc import Mapping

import pytest

from function.decision.looks import Stage
from function.observed.state import ObservedRelease
from function.response import pause
from tests.support.factories import deployed

READ = deployed(connection_keys=frozenset({"workload"}))
NOT_READ = deployed()
INSTALLING = deployed(state="pending-install", connection_keys=frozenset({"workload"}))


def seconds(
    stages: Mapping[str, Stage],
    releases: Mapping[str, ObservedRelease],
    *,
    ready: bool = False,
    is_watched: bool = False,
    is_circuit_open: bool = False,
) -> int:
    """Return the pause."""
    return pause.seconds(
        stages, releases, settled=ready, is_watched=is_watched, is_circuit_open=is_circuit_open
    )


@pytest.mark.parametrize(
    ("stages", "releases", "expected"),
    [
        pytest.param({}, {}, 3, id="an-earlier-vcluster-is-in-the-way"),
        pytest.param({"namespace": "Awaited"}, {}, 10, id="a-release-to-be-created"),
        pytest.param({"namespace": "Awaited"}, {"namespace": NOT_READ}, 10, id="its-status"),
        pytest.param({"vcluster": "Awaited"}, {"vcluster": INSTALLING}, 10, id="its-installation"),
        pytest.param({"vcluster": "Awaited"}, {"vcluster": READ}, 3, id="a-detail"),
        pytest.param(
            {"vcluster": "Blocked", "rancher": "Awaited"},
            {"vcluster": READ, "rancher": NOT_READ},
            10,
            id="a-detail-of-what-fails",
        ),
        pytest.param({"vcluster": "Blocked"}, {"vcluster": READ}, 30, id="a-person"),
        pytest.param({"vcluster": "Settled"}, {"vcluster": READ}, 10, id="a-usage"),
    ],
)
def test_not_ready(
    stages: dict[str, Stage], releases: dict[str, ObservedRelease], expected: int
) -> None:
    """Short while a connection detail is awaited, whose change causes no event."""
    assert seconds(stages, releases) == expected
    assert seconds(stages, releases, is_circuit_open=True) == 3


@pytest.mark.parametrize(
    ("stages", "releases"),
    [({}, {}), ({"vcluster": "Awaited"}, {"vcluster": READ})],
    ids=["an-earlier-vcluster-is-in-the-way", "a-detail"],
)
def test_not_ready_and_watched(
    stages: dict[str, Stage], releases: dict[str, ObservedRelease]
) -> None:
    """A detail that Crossplane watches causes a call, unless the circuit breaker drops it."""
    assert seconds(stages, releases, is_watched=True) == 10
    assert seconds(stages, releases, is_watched=True, is_circuit_open=True) == 3


@pytest.mark.parametrize(
    ("is_watched", "is_circuit_open", "expected"),
    [(False, False, 120), (True, False, 600), (False, True, 30), (True, True, 30)],
)
def test_ready(*, is_watched: bool, is_circuit_open: bool, expected: int) -> None:
    """Seldom, unless Crossplane would miss a change."""
    found = seconds({}, {}, ready=True, is_watched=is_watched, is_circuit_open=is_circuit_open)
    assert found == expected
