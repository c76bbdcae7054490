"""The restore of a new virtual cluster: held until its data is there, and never again."""

from dataclasses import replace
from typing import Any

import pytest

from function.commands.plan import dry_run, simulate
from function.compose import compose
from function.observed.state import Request
from function.response.response import Response
from tests.support.factories import at
from tests.unit.desired.test_backup import FORMER, VALUES, condition, ready, reported, shown
from tests.unit.desired.test_backup import without_backup as without

OTHER = "99999999-9999-4999-8999-999999999999"
REPLICAS = "controlPlane.statefulSet.highAvailability.replicas"
ETCD = "controlPlane.backingStore.etcd.deploy.statefulSet.highAvailability.replicas"
HELD = ("False", "Restoring", "The control plane starts once its data is restored from a backup.")


def restoring(**parts: object) -> Request:
    """Return the request of a VCluster whose data is being restored, by a report."""
    return reported(ready("restored", "imported"), **parts)


def values(answer: Response, key: str) -> dict[str, Any]:
    """Return the chart values of a Release."""
    found: dict[str, Any] = at(answer.resources[key].resource, VALUES)
    return found


def replicas(answer: Response) -> int:
    """Return the replicas of the control plane that an answer requests."""
    return int(at(values(answer, "vcluster"), REPLICAS))


def test_held_until_restored() -> None:
    """No control plane starts without its data: an empty one would look like a lost one."""
    first = compose(ready("restored", "deploying"))
    assert (replicas(first), values(first, "backup")["power"]) == (0, "Restoring")
    assert values(first, "backup")["restore"] == {
        "prefix": f"_/kunde5/{FORMER}",
        "snapshot": "latest",
    }
    held = compose(restoring())
    assert (replicas(held), shown(held, "ControlPlaneReady"), held.ready) == (0, HELD, False)
    req = restoring(phase="Restored", restored=f"{FORMER}/20260101T000000Z")
    started = compose(req)
    assert replicas(started) == 1
    assert (values(started, "backup")["restore"], values(started, "backup")["power"]) == ({}, "")


def test_highly_available() -> None:
    """The members of etcd run from the start: the restore writes into them."""
    spec = ready("restored").composite["spec"]
    new = replace(ready("restored", "nothing"), composite=ready("restored", "nothing").composite)
    new = replace(new, composite={**new.composite, "spec": {**spec, "availability": "HA"}})  # type: ignore[dict-item]
    asked = simulate.following(new, compose(new))
    held = compose(asked)
    assert (replicas(held), at(values(held, "vcluster"), ETCD)) == (0, 3)


def test_a_failure_is_told() -> None:
    """A restore that fails says why, in the place where the tenant looks for the control plane."""
    answer = compose(restoring(phase="RestoreFailed", reason="Newer", message="It is newer."))
    assert replicas(answer) == 0
    assert shown(answer, "ControlPlaneReady") == ("False", "RestoreFailed", "It is newer.")
    assert [event.warning for event in answer.events if event.reason == "ControlPlaneReady"] == [
        True
    ]


def test_a_release_that_fails_is_told() -> None:
    """A Release of the backups that cannot be installed is why nothing is restored."""
    seen = restoring().observed.backup
    assert seen is not None
    broken = replace(seen, state="failed", description="No rights.")
    answer = compose(replace(restoring(), observed=replace(restoring().observed, backup=broken)))
    assert shown(answer, "ControlPlaneReady") == (
        "False",
        "Restoring",
        f"{HELD[2]} Release vcluster-system/kunde5-copy-backup: No rights.",
    )


@pytest.mark.parametrize(
    "restored",
    [
        pytest.param("", id="nothing"),
        pytest.param(f"{OTHER}/20260101T000000Z", id="another"),
        pytest.param("no location", id="malformed"),
    ],
)
def test_only_the_restore_itself_counts(restored: str) -> None:
    """A backup, or the restore of something else, starts no control plane."""
    assert replicas(compose(restoring(phase="Completed", restored=restored))) == 0


def up() -> Request:
    """Return the request of a restored VCluster that is READY, with the report of its host."""
    return reported(ready("restored"), restored=f"{FORMER}/20260101T000000Z")


@pytest.mark.parametrize(
    "report",
    [
        pytest.param({"restored": ""}, id="lost"),
        pytest.param({"phase": "RestoreFailed"}, id="failed"),
        pytest.param({"phase": "Restoring", "restored": f"{OTHER}/20260101T000000Z"}, id="again"),
    ],
)
@pytest.mark.parametrize("power", ["Running", "Sleeping"])
def test_never_again(report: dict[str, object], power: str) -> None:
    """One that has run is never restored again, not even asleep, whatever the report says."""
    req = reported(up(), **report)
    answers = [each for _, each in dry_run.steps(with_spec(req, power=power))]
    assert [values(each, "backup")["restore"] for each in answers] == [{}] * len(answers)
    expected = 1 if power == "Running" else 0
    assert replicas(answers[-1]) == expected
    woken = compose(with_spec(dict_last(req, power), power="Running"))
    assert values(woken, "backup")["restore"] == {}
    assert replicas(woken) == 1


def dict_last(req: Request, power: str) -> Request:
    """Return the last request of the way to a power."""
    *_, (last, _) = dry_run.steps(with_spec(req, power=power))
    return last


def with_spec(req: Request, **spec: Any) -> Request:
    """Return a request with other fields in its spec."""
    whole = {**req.composite["spec"], **spec}  # type: ignore[dict-item]
    return replace(req, composite={**req.composite, "spec": whole})


def backup(**restore: str) -> dict[str, Any]:
    """Return `spec.backup` with another restore."""
    return {"restoreFrom": {"vcluster": FORMER, "name": "kunde5", **restore}}


TAKE_BACK = "Take it back, or delete the VCluster and create it anew."


@pytest.mark.parametrize(
    ("spec", "instead"),
    [
        pytest.param({"backup": backup(vcluster=OTHER)}, f"{OTHER}/latest", id="another"),
        pytest.param(
            {"backup": backup(snapshot="20260101T000000Z")},
            f"{FORMER}/20260101T000000Z",
            id="another-snapshot",
        ),
        pytest.param({"backup": {}}, "unset", id="removed"),
    ],
)
def test_it_stays_while_it_is_under_way(spec: dict[str, Any], instead: str) -> None:
    """What is being restored cannot be changed: the data would be of neither."""
    answer = compose(with_spec(restoring(), **spec))
    accepted = condition(answer, "Accepted")
    assert accepted is not None
    assert accepted.message == (
        f"spec.backup.restoreFrom: stays {FORMER}/latest instead of {instead}: its data is being "
        f"restored. {TAKE_BACK}"
    )
    assert replicas(answer) == 0
    assert values(answer, "backup")["restore"] == values(compose(restoring()), "backup")["restore"]


def test_backups_that_end_wait_for_the_restore() -> None:
    """A spec without backups ends them after the restore, never in the middle of it."""
    answer = compose(without(restoring()))
    seen = restoring().observed.backup
    assert seen is not None
    assert values(answer, "backup") == seen.values
    assert replicas(answer) == 0
    before = values(compose(restoring()), "namespace")["networkPolicy"]
    assert before["backupPort"]
    assert values(answer, "namespace")["networkPolicy"] == before


def test_too_late() -> None:
    """An existing virtual cluster is not restored: the field is refused, and all else stays."""
    answer = compose(with_spec(ready("backup"), backup=backup()))
    accepted = condition(answer, "Accepted")
    assert accepted is not None
    assert accepted.message == (
        f"spec.backup.restoreFrom: stays unset instead of {FORMER}/latest: a backup is restored "
        "before there is a virtual cluster. Take this field back."
    )
    assert replicas(answer) == 1
    assert values(answer, "backup")["restore"] == {}


@pytest.mark.parametrize(
    "spec", [pytest.param({}, id="stays"), pytest.param({"backup": {}}, id="removed")]
)
def test_afterwards_the_field_is_free(spec: dict[str, Any]) -> None:
    """Once restored it may stay in the spec, or be removed; nothing changes by it."""
    answer = compose(with_spec(up(), **spec))
    assert shown(answer, "Accepted") == ("True", "Accepted", "")
    assert at(answer.resources["vcluster"].resource, VALUES) == up().observed.vcluster.values  # type: ignore[union-attr]
