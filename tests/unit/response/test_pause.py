"""The pause until Crossplane's next call, if no event causes one before."""

from collections.abc import Mapping

import pytest

from function.api.input import Polling
from function.decision.looks import Stage
from function.observed.state import ObservedRelease
from function.response import pause
from tests.support.factories import deployed

READ = deployed(connection_keys=frozenset({"workload"}))
NOT_READ = deployed()
INSTALLING = deployed(state="pending-install", connection_keys=frozenset({"workload"}))


WATCHED = Polling(watchesRequired=True)


def seconds(
    stages: Mapping[str, Stage],
    releases: Mapping[str, ObservedRelease],
    polling: Polling | None = None,
    *,
    ready: bool = False,
    is_circuit_open: bool = False,
) -> int:
    """Return the pause."""
    return pause.seconds(
        stages, releases, polling or Polling(), is_ready=ready, is_circuit_open=is_circuit_open
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
    assert seconds(stages, releases, WATCHED) == 10
    assert seconds(stages, releases, WATCHED, is_circuit_open=True) == 3


@pytest.mark.parametrize(
    ("is_watched", "is_circuit_open", "expected"),
    [(False, False, 120), (True, False, 600), (False, True, 30), (True, True, 30)],
)
def test_ready(*, is_watched: bool, is_circuit_open: bool, expected: int) -> None:
    """Seldom, unless Crossplane would miss a change."""
    polling = Polling(watchesRequired=is_watched)
    assert seconds({}, {}, polling, ready=True, is_circuit_open=is_circuit_open) == expected


ASLEEP: dict[str, Stage] = {"namespace": "Asleep", "vcluster": "Asleep", "rancher": "Asleep"}


@pytest.mark.parametrize(
    ("asleep", "is_watched", "is_circuit_open", "expected"),
    [
        pytest.param("4h", False, False, 14_400, id="as-seldom-as-provider-helm-looks"),
        pytest.param("4h", True, False, 72_000, id="nothing-changes-without-an-event"),
        pytest.param("10m", False, False, 600, id="by-the-input"),
        pytest.param("10m", True, False, 3_000, id="by-the-input-and-watched"),
        pytest.param("4h", True, True, 30, id="events-are-dropped"),
    ],
)
def test_asleep(asleep: str, expected: int, *, is_watched: bool, is_circuit_open: bool) -> None:
    """As seldom as the Input says, unless Crossplane would miss its waking."""
    polling = Polling(asleep=asleep, watchesRequired=is_watched)
    found = seconds(ASLEEP, {"vcluster": READ}, polling, is_circuit_open=is_circuit_open)
    assert found == expected


@pytest.mark.parametrize("stage", ["Awaited", "Blocked", "Settled"])
def test_not_asleep_yet(stage: Stage) -> None:
    """Soon while one of the Releases is not at rest: a waking, or a change that fails."""
    assert seconds({**ASLEEP, "vcluster": stage}, {"vcluster": NOT_READ}) <= 30
