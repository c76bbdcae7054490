"""Readiness: what recorded and invented Releases are judged to be."""

from typing import Any

import pytest

from function.observed import release
from function.observed.state import Condition
from tests.support.factories import changed, deployed, recorded

LABEL = "Release vcluster-system/kunde1-vcluster"
NO_SECRET = (
    "observe failed: cannot get connection details: cannot get object: "
    'secrets "vc-kunde2-vcluster" not found'
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(
            "bad-values",
            Condition(
                "X",
                "False",
                "InstallFailed",
                "Release vcluster-system/bad-values: create failed: failed to install release: "
                "values don't meet the specifications of the schema(s) in the following chart(s): "
                "vcluster: - at '/controlPlane': additional properties 'statefullSet' not allowed",
            ),
            id="bad-values",
        ),
        pytest.param(
            "bad-version",
            Condition(
                "X",
                "False",
                "InstallFailed",
                "Release vcluster-system/bad-version: create failed: failed to install release: "
                'failed to pull chart: chart "vcluster" version "9.9.9" not found in '
                "http://127.0.0.1:8879 repository",
            ),
            id="bad-version",
        ),
        pytest.param(
            "two-stores",
            Condition(
                "X",
                "False",
                "InstallFailed",
                "Release vcluster-system/two-stores: create failed: failed to install release: "
                "execution error at (vcluster/templates/statefulset.yaml:4:9): you can only enable "
                "one backingStore at the same time",
            ),
            id="two-stores",
        ),
        pytest.param(
            "sa-conflict",
            Condition(
                "X",
                "False",
                "InstallFailed",
                "Release vcluster-system/sa-conflict: create failed: failed to install release: "
                'Unable to continue with install: Namespace "vcluster-system" in namespace "" '
                "exists and cannot be imported into the current release: invalid ownership "
                'metadata; label validation error: missing key "app.kubernetes.io/managed-by": '
                'must be set to "Helm"; annotation validation error: missing key '
                '"meta.helm.sh/release-name": must be set to "sa-conflict"; annotation validation '
                'error: missing key "meta.helm.sh/release-namespace": must be set to "sa-conflict"',
            ),
            id="sa-conflict",
        ),
        pytest.param(
            "kunde2-01",
            Condition(
                "X",
                "Unknown",
                "Progressing",
                "Release vcluster-system/kunde2-vcluster is not deployed yet. "
                "If this stays, look whether provider-helm runs.",
            ),
            id="kunde2-01-just-created",
        ),
        pytest.param(
            "kunde2-02",
            Condition(
                "X",
                "Unknown",
                "ObservationFailed",
                f"Release vcluster-system/kunde2-vcluster: {NO_SECRET}",
            ),
            id="kunde2-02-no-secret-yet",
        ),
        pytest.param("kunde2-03", Condition("X", "True", "Available"), id="kunde2-03-ready"),
        pytest.param(
            "kunde2-update-01",
            Condition(
                "X",
                "Unknown",
                "Updating",
                "Release vcluster-system/kunde2-vcluster has changes not yet applied.",
            ),
            id="kunde2-update-01-not-yet-seen",
        ),
        pytest.param(
            "kunde2-update-02",
            Condition(
                "X",
                "False",
                "Progressing",
                "Release vcluster-system/kunde2-vcluster is not deployed yet.",
            ),
            id="kunde2-update-02-unavailable",
        ),
        pytest.param(
            "kunde2-update-03", Condition("X", "True", "Available"), id="kunde2-update-03-done"
        ),
        pytest.param(
            "kunde2-secretgone-01",
            Condition("X", "True", "Available"),
            id="kunde2-secretgone-01-before",
        ),
        pytest.param(
            "kunde2-secretgone-02",
            Condition(
                "X",
                "Unknown",
                "ObservationFailed",
                f"Release vcluster-system/kunde2-vcluster: {NO_SECRET}",
            ),
            id="kunde2-secretgone-02-after",
        ),
        pytest.param(
            "crash-looping-but-ready",
            Condition("X", "True", "Available"),
            id="crash-looping-but-ready-says-helm",
        ),
    ],
)
def test_recorded(name: str, expected: Condition) -> None:
    """What provider-helm really reported is judged rightly, in Helm's own words."""
    assert release.judge("X", recorded(name)) == expected


CREATE_FAILED = Condition("Synced", "False", "ReconcileError", "create failed: no such chart")
UPDATE_FAILED = Condition("Synced", "False", "ReconcileError", "update failed: no such chart")
OBSERVE_FAILED = Condition("Synced", "False", "ReconcileError", "observe failed: no such host")
NOT_READY = Condition("Ready", "False", "Creating")


@pytest.mark.parametrize(
    ("fields", "status", "reason", "message"),
    [
        pytest.param({}, "True", "Available", "", id="as-it-should-be"),
        pytest.param(
            {"terminating": True, "state": "failed"},
            "False",
            "Terminating",
            f"{LABEL} is being deleted.",
            id="terminating-whatever-else",
        ),
        pytest.param(
            {"state": "failed", "description": "Upgrade failed: timed out"},
            "False",
            "ReleaseFailed",
            f"{LABEL}: Upgrade failed: timed out",
            id="failed-with-helms-description",
        ),
        pytest.param(
            {"state": "failed", "description": "failed", "synced": UPDATE_FAILED},
            "False",
            "ReleaseFailed",
            f"{LABEL}: update failed: no such chart",
            id="failed-with-the-newer-words",
        ),
        pytest.param(
            {
                "state": "failed",
                "description": "Upgrade failed",
                "synced": Condition("Synced", "False", "ReconcileError"),
            },
            "False",
            "ReleaseFailed",
            f"{LABEL}: Upgrade failed",
            id="failed-and-synced-says-nothing",
        ),
        pytest.param(
            {"state": "failed", "description": "", "synced": None},
            "False",
            "ReleaseFailed",
            f"{LABEL}: Helm gives no reason.",
            id="failed-without-words",
        ),
        pytest.param(
            {"state": "failed", "description": "x", "generation": 3},
            "False",
            "ReleaseFailed",
            f"{LABEL}: x",
            id="failed-although-a-change-is-on-its-way",
        ),
        pytest.param(
            {"state": "pending-install"},
            "False",
            "Progressing",
            f"{LABEL} is being installed.",
            id="pending-install",
        ),
        pytest.param(
            {"state": "pending-upgrade"},
            "False",
            "Progressing",
            f"{LABEL} is being upgraded.",
            id="pending-upgrade",
        ),
        pytest.param(
            {"state": "pending-rollback"},
            "False",
            "Progressing",
            f"{LABEL} is being rolled back.",
            id="pending-rollback",
        ),
        pytest.param(
            {"state": "uninstalling"},
            "False",
            "Progressing",
            f"{LABEL} is being uninstalled.",
            id="uninstalling",
        ),
        pytest.param(
            {"state": "uninstalled"},
            "False",
            "Progressing",
            f"{LABEL} was uninstalled and is installed again.",
            id="uninstalled",
        ),
        pytest.param(
            {"synced": OBSERVE_FAILED},
            "Unknown",
            "ObservationFailed",
            f"{LABEL}: observe failed: no such host",
            id="once-ready-and-no-longer-seen",
        ),
        pytest.param(
            {"synced": OBSERVE_FAILED, "state": ""},
            "Unknown",
            "ObservationFailed",
            f"{LABEL}: observe failed: no such host",
            id="never-seen",
        ),
        pytest.param(
            {"synced": CREATE_FAILED, "state": "", "ready": NOT_READY},
            "False",
            "InstallFailed",
            f"{LABEL}: create failed: no such chart",
            id="install-failed",
        ),
        pytest.param(
            {"synced": UPDATE_FAILED},
            "Unknown",
            "UpdateFailed",
            f"{LABEL}: update failed: no such chart",
            id="update-failed-while-the-old-runs",
        ),
        pytest.param(
            {"synced": UPDATE_FAILED, "generation": 3},
            "Unknown",
            "UpdateFailed",
            f"{LABEL}: update failed: no such chart",
            id="an-error-says-more-than-a-change",
        ),
        pytest.param(
            {"generation": 3},
            "Unknown",
            "Updating",
            f"{LABEL} has changes not yet applied.",
            id="a-newer-spec",
        ),
        pytest.param({"generation": 1}, "True", "Available", "", id="an-older-generation-is-odd"),
        pytest.param({"generation": None}, "True", "Available", "", id="no-generation"),
        pytest.param({"observed_generation": None}, "True", "Available", "", id="no-observation"),
        pytest.param(
            {"synced": None},
            "Unknown",
            "Progressing",
            f"{LABEL} is not deployed yet. If this stays, look whether provider-helm runs.",
            id="no-synced",
        ),
        pytest.param(
            {"ready": None},
            "Unknown",
            "Progressing",
            f"{LABEL} is not deployed yet. If this stays, look whether provider-helm runs.",
            id="no-ready",
        ),
        pytest.param(
            {"ready": NOT_READY},
            "False",
            "Progressing",
            f"{LABEL} is not deployed yet.",
            id="not-ready",
        ),
        pytest.param(
            {"ready": Condition("Ready", "Unknown", "Creating")},
            "False",
            "Progressing",
            f"{LABEL} is not deployed yet.",
            id="ready-is-unknown",
        ),
        pytest.param(
            {"state": "superseded"},
            "False",
            "Progressing",
            f"{LABEL} is not deployed yet.",
            id="ready-but-not-deployed",
        ),
        pytest.param(
            {"synced": Condition("Synced", "False", "ReconcilePaused")},
            "Unknown",
            "ObservationFailed",
            f"{LABEL}: ReconcilePaused",
            id="an-error-without-words-shows-its-reason",
        ),
    ],
)
def test_judge(fields: dict[str, Any], status: str, reason: str, message: str) -> None:
    """Each state has a reason for programs and a sentence for people."""
    found = release.judge("X", deployed(**fields))
    assert (found.type, found.status, found.reason) == ("X", status, reason)
    assert found.message == message


def test_nothing_observed() -> None:
    """Before it exists nobody knows, which is not False."""
    expected = Condition("X", "Unknown", "NotCreated", "Not created yet.")
    assert release.judge("X", None) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, True, id="deployed"),
        pytest.param({"ready": None, "synced": None}, True, id="whatever-the-conditions-say"),
        pytest.param({"state": "failed"}, False, id="failed"),
        pytest.param({"state": ""}, False, id="not-yet"),
    ],
)
def test_is_deployed(fields: dict[str, Any], *, expected: bool) -> None:
    """Helm's own word counts."""
    assert release.is_deployed(deployed(**fields)) is expected


CREATE_FAILED = Condition("Synced", "False", "ReconcileError", "create failed: no such chart")
UPDATE_FAILED = Condition("Synced", "False", "ReconcileError", "update failed: no such chart")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, None, id="all-is-well"),
        pytest.param(
            {"state": "", "deployed_version": "", "synced": CREATE_FAILED}, "", id="nothing"
        ),
        pytest.param({"synced": UPDATE_FAILED, "deployed_version": "0.35.3"}, "0.35.3", id="old"),
        pytest.param({"synced": UPDATE_FAILED}, None, id="same-version-other-values"),
        pytest.param(
            {"synced": UPDATE_FAILED, "deployed_version": "0.35.3", "state": "failed"},
            None,
            id="helm-has-begun",
        ),
        pytest.param({"state": "", "deployed_version": "", "synced": None}, None, id="restored"),
    ],
)
def test_installed_instead(fields: dict[str, Any], expected: str | None) -> None:
    """Only where provider-helm says so has Helm not begun with the version that is asked for."""
    assert release.installed_instead(deployed(**fields)) == expected


def test_nothing_observed_is_installed_instead_of_nothing() -> None:
    """What does not exist was not tried."""
    assert release.installed_instead(None) is None


def test_nothing_is_not_deployed() -> None:
    """What does not exist is not deployed."""
    assert release.is_deployed(None) is False


ASKED = {"a": {"b": 1, "c": [1, 2]}, "d": {}, "e": None}


@pytest.mark.parametrize(
    ("chart", "observed", "expected"),
    [
        pytest.param("0.36.1", ASKED, True, id="the-same"),
        pytest.param("0.35.3", ASKED, False, id="another-chart"),
        pytest.param("0.36.1", {}, False, id="nothing"),
        pytest.param("0.36.1", {**ASKED, "x": 1}, True, id="what-others-added"),
        pytest.param("0.36.1", changed(ASKED, {"a.x": 1}), True, id="what-others-added-below"),
        pytest.param("0.36.1", changed(ASKED, {"d.x": 1}), True, id="in-an-empty-map"),
        pytest.param("0.36.1", changed(ASKED, {"a.b": 2}), False, id="another-value"),
        pytest.param("0.36.1", changed(ASKED, {"a.c": [2, 1]}), False, id="another-order"),
        pytest.param("0.36.1", changed(ASKED, {"a.c": [1, 2, 3]}), False, id="a-longer-list"),
        pytest.param("0.36.1", changed(ASKED, {"a": "text"}), False, id="text-for-a-map"),
        pytest.param("0.36.1", changed(ASKED, {"e": {}}), False, id="a-map-for-null"),
        pytest.param("0.36.1", {"a": ASKED["a"], "d": {}}, False, id="a-missing-null"),
        pytest.param("0.36.1", {"a": ASKED["a"], "e": None}, False, id="a-missing-empty-map"),
    ],
)
def test_is_up_to_date(chart: str, observed: dict[str, Any], *, expected: bool) -> None:
    """A change counts as done only when the observed Release asks for all of it."""
    provider = {"chart": {"version": "0.36.1"}, "values": ASKED}
    seen = deployed(chart_version=chart, values=observed)
    assert release.is_up_to_date(seen, provider) is expected
