"""How far an upgrade is: what the status and the condition say."""

import pytest

from function.api.errors import Refusal
from function.api.validate import VersionPair
from function.decision.upgrade import UpgradePlan
from function.observed.state import Condition
from function.response import upgrade

FIRST, SECOND, THIRD = (VersionPair(chart, "1.35.0") for chart in ("0.34.7", "0.35.3", "0.36.1"))
NEWER = VersionPair("0.36.1", "1.36.0")
WAY = (FIRST, SECOND, THIRD, NEWER)
HEALTHY = Condition("ControlPlaneReady", "True", "Available")
FAILED = Condition("ControlPlaneReady", "False", "ReleaseFailed", "Release a/b: no such chart")
REFUSAL = Refusal("spec.kubernetesVersion", "1.35.0", "1.34.3", "never down", "Take it back.")


@pytest.mark.parametrize(
    ("now", "following", "settled", "expected"),
    [
        pytest.param(FIRST, FIRST, False, (1, "chart 0.34.7 to 0.35.3", False), id="not-begun"),
        pytest.param(FIRST, SECOND, True, (1, "chart 0.34.7 to 0.35.3", True), id="begins"),
        pytest.param(SECOND, SECOND, False, (1, "chart 0.34.7 to 0.35.3", True), id="is-made"),
        pytest.param(SECOND, THIRD, True, (2, "chart 0.35.3 to 0.36.1", True), id="the-next"),
        pytest.param(NEWER, NEWER, False, (3, "Kubernetes 1.35.0 to 1.36.0", True), id="the-last"),
        pytest.param(NEWER, NEWER, True, None, id="arrived"),
    ],
)
def test_progress(
    now: VersionPair,
    following: VersionPair,
    expected: tuple[int, str, bool] | None,
    *,
    settled: bool,
) -> None:
    """Step n of m, in words, from what ran when it began."""
    found = upgrade.progress(UpgradePlan(now, following, WAY), settled=settled)
    if expected is None:
        assert found is None
        return
    assert found
    assert (found.step, found.change, found.has_begun) == expected
    assert (found.steps, found.begun, found.end) == (3, FIRST, NEWER)


def test_no_upgrade() -> None:
    """A cluster that runs what it shall run has no step, ready or not."""
    for settled in (True, False):
        assert upgrade.progress(UpgradePlan(THIRD, THIRD), settled=settled) is None


def test_status() -> None:
    """The status names both ends, and remembers the beginning for the next call."""
    found = upgrade.status(upgrade.progress(UpgradePlan(SECOND, THIRD, WAY), settled=True))
    assert found
    assert found.model_dump(by_alias=True) == {
        "from": {"chartVersion": "0.34.7", "kubernetesVersion": "1.35.0"},
        "to": {"chartVersion": "0.36.1", "kubernetesVersion": "1.36.0"},
        "step": 2,
        "steps": 3,
        "change": "chart 0.35.3 to 0.36.1",
    }
    assert upgrade.status(None) is None


@pytest.mark.parametrize(
    ("plan", "settled", "newer", "control_plane", "expected"),
    [
        pytest.param(
            UpgradePlan(THIRD, THIRD), True, "", HEALTHY, ("True", "UpToDate", ""), id="done"
        ),
        pytest.param(
            UpgradePlan(SECOND, THIRD, WAY),
            True,
            "",
            HEALTHY,
            ("False", "Upgrading", "Step 2 of 3: chart 0.35.3 to 0.36.1."),
            id="under-way",
        ),
        pytest.param(
            UpgradePlan(FIRST, FIRST, WAY),
            False,
            "",
            HEALTHY,
            (
                "False",
                "WaitingForControlPlane",
                "Step 1 of 3: chart 0.34.7 to 0.35.3. It begins when the control plane is ready.",
            ),
            id="waits",
        ),
        pytest.param(
            UpgradePlan(SECOND, SECOND, WAY),
            False,
            "",
            FAILED,
            (
                "False",
                "UpgradeFailed",
                "Step 1 of 3: chart 0.34.7 to 0.35.3. Release a/b: no such chart",
            ),
            id="helms-words",
        ),
        pytest.param(
            UpgradePlan(THIRD, THIRD, (), (REFUSAL,)),
            True,
            "",
            HEALTHY,
            (
                "False",
                "Blocked",
                "spec.kubernetesVersion: stays 1.35.0 instead of 1.34.3: never down. Take it back.",
            ),
            id="refused",
        ),
        pytest.param(
            UpgradePlan(SECOND, SECOND),
            True,
            "0.36.1",
            HEALTHY,
            (
                "False",
                "Held",
                "Chart 0.36.1 is on offer; spec.upgrade holds this VCluster at 0.35.3.",
            ),
            id="held-back",
        ),
    ],
)
def test_condition(
    plan: UpgradePlan,
    newer: str,
    control_plane: Condition,
    expected: tuple[str, str, str],
    *,
    settled: bool,
) -> None:
    """Upgraded says in words what is under way, what stopped it, or what holds it back."""
    found = upgrade.progress(plan, settled=settled)
    told = upgrade.condition(plan, found, newer, control_plane)
    assert (told.status, told.reason, told.message) == expected
