"""A rollback in place: prepared, stopped, restored, awake; and never begun or ended by accident."""

from dataclasses import replace
from typing import Any

import pytest

from function.api import validate
from function.commands import restore
from function.commands.plan import dry_run, simulate
from function.compose import compose
from function.decision.rollback import decide_rollback
from function.k8s.fieldpath import get, mapping
from function.observed.state import Request
from function.response.response import Response
from tests.support.factories import at, config, vcluster, wanted
from tests.unit.decision.test_power import (
    awake,
    condition,
    following,
    nap,
    replicas,
    stopping,
    told,
    values,
)
from tests.unit.desired.test_backup import PLATFORM, ready, reported, with_backup, without_backup
from tests.unit.desired.test_backup import condition as read

SNAPSHOT, OTHER = "20260101T000000Z", "20260102T000000Z"
ETCD = "controlPlane.backingStore.etcd.deploy.statefulSet.highAvailability.replicas"
REQUESTED = {"snapshot": SNAPSHOT, "loseNewer": False, "request": "4", "done": False}
SAVED = "20260101T120000Z"


def asking(
    req: Request, snapshot: str | None = SNAPSHOT, generation: int = 4, **fields: Any
) -> Request:
    """Return a request whose spec names a rollback, or none, in a generation of the spec."""
    spec = mapping(req.composite["spec"])
    backup = {key: each for key, each in mapping(spec["backup"]).items() if key != "rollback"}
    if snapshot:
        backup["rollback"] = {"snapshot": snapshot, **fields}
    metadata = {**mapping(req.composite["metadata"]), "generation": generation}
    composite = {**req.composite, "metadata": metadata, "spec": {**spec, "backup": backup}}
    return replace(req, composite=composite)


def settled() -> Request:
    """Return the request of a VCluster that is READY, with the conditions of its last answer."""
    req = ready()
    return told(req, compose(req))


def after(req: Request, times: int) -> Request:
    """Return the request after some steps of function, provider-helm and Jobs."""
    for _ in range(times):
        req = following(req, compose(req))
    return req


def reporting(req: Request, phase: str, **parts: str) -> Request:
    """Return a request with this phase of the requested rollback in the report."""
    return reported(req, rollback={"request": "4", "phase": phase, **parts}, rolledBack={})


def backup_values(answer: Response, key: str) -> Any:
    """Return one of the values of the Release of the backups."""
    return values(answer, "backup")[key]


def status(answer: Response) -> Any:
    """Return status.backup.rollback."""
    return get(answer.status, "backup", "rollback")


def test_the_way() -> None:
    """First all runs, then nothing does, then the data is replaced, then it wakes up."""
    req = asking(settled())
    first = compose(req)
    assert (replicas(first), backup_values(first, "power")) == (1, "RollingBack")
    assert (backup_values(first, "rollback"), backup_values(first, "restore")) == (REQUESTED, {})
    assert first.ready
    assert status(first) == {"snapshot": SNAPSHOT, "phase": "Preparing"}

    req = following(req, first)
    second = compose(req)
    assert (replicas(second), nap(second), awake(second)) == (0, None, ("False", "RollingBack"))
    assert backup_values(second, "restore") == {}
    assert status(second) == {"snapshot": SNAPSHOT, "phase": "Stopping", "saved": SAVED}

    waiting = compose(following(req, second, **stopping(1)))
    assert (nap(waiting), backup_values(waiting, "restore")) == (None, {})

    req = following(req, second)
    third = compose(req)
    assert (nap(third), backup_values(third, "restore")) == ("1", {})

    req = following(req, third)
    fourth = compose(req)
    assert backup_values(fourth, "restore") == {
        "prefix": at(values(fourth, "backup"), "target.prefix"),
        "snapshot": SNAPSHOT,
        "inPlace": True,
    }
    assert (replicas(fourth), nap(fourth)) == (0, "1")

    req = following(req, fourth)
    last = compose(req)
    assert (replicas(last), nap(last), awake(last)) == (1, None, ("False", "WakingUp"))
    assert backup_values(last, "rollback") == {**REQUESTED, "done": True}
    assert (backup_values(last, "restore"), backup_values(last, "power")) == ({}, "")
    done = compose(following(req, last))
    assert awake(done) == ("True", "Awake")
    assert done.ready
    assert status(done) == {
        "snapshot": SNAPSHOT,
        "phase": "Done",
        "saved": SAVED,
        "at": "2026-01-01T12:05:00Z",
    }


def test_the_words_on_the_way() -> None:
    """READY says why it is False; nothing looks like a fault, and it is looked at often."""
    req = reporting(after(asking(settled()), 4), "Restoring")
    answer = compose(req)
    assert answer.status is not None
    assert answer.status["blockedBy"] == f"rolling back, to backup {SNAPSHOT}"
    assert answer.status["power"] == "RollingBack"
    assert condition(answer, "ControlPlaneReady") == ("False", "RollingBack")
    assert condition(answer, "RancherConnected") == ("False", "RollingBack")
    shown = read(answer, "Awake")
    assert shown is not None
    assert shown.message == (f"Rolling back, to backup {SNAPSHOT}. Its data is being replaced.")
    annotations = at(answer.resources["backup"].resource, "metadata.annotations")
    assert annotations["crossplane.io/poll-interval"] == "2s"
    assert not [event for event in answer.events if event.warning]


def test_highly_available() -> None:
    """The pods of etcd end with the others, then its members start alone for the restore."""
    base = settled()
    spec = {**mapping(base.composite["spec"]), "availability": "HA"}
    new = replace(ready(state="nothing"), composite={**base.composite, "spec": spec, "status": {}})
    req = asking(after_simulated(new), SNAPSHOT)
    first = compose(req)
    second = compose(following(req, first))
    assert (replicas(second), at(values(second, "vcluster"), ETCD)) == (0, 0)
    req = following(following(req, first), second)
    req = following(req, compose(req))
    restoring = compose(req)
    assert backup_values(restoring, "restore")["inPlace"]
    assert (replicas(restoring), at(values(restoring, "vcluster"), ETCD)) == (0, 3)
    members = {"etcdWorkload": stopping(3)["workload"]}
    writing = reporting(following(req, restoring, **members), "Restoring")
    again = compose(writing)
    assert backup_values(again, "restore")["inPlace"]
    assert nap(again) == nap(restoring)
    asleep = {**mapping(writing.composite["spec"]), "power": "Sleeping"}
    done = reported(writing, rolledBack={"request": "4"})
    done = replace(done, composite={**done.composite, "spec": asleep})
    falling = compose(done)
    assert awake(falling) == ("False", "FallingAsleep")
    assert at(values(falling, "vcluster"), ETCD) == 0
    shown = read(falling, "Awake")
    assert shown is not None
    assert "started on the host" not in shown.message


def after_simulated(req: Request) -> Request:
    """Return the request of a new VCluster once all of it is ready."""
    for _ in range(6):
        answer = compose(req)
        req = told(simulate.following(req, answer), answer)
    return req


def test_a_sleeper_is_woken_for_the_backup_before() -> None:
    """What changed since its last backup would be lost; with `loseNewer` it sleeps on."""
    req = ready(power="Sleeping")
    asleep = after(told(req, compose(req)), 4)
    assert awake(compose(asleep)) == ("False", "Sleeping")
    woken = compose(asking(asleep))
    assert (replicas(woken), awake(woken)) == (1, ("False", "WakingUp"))
    shown = read(woken, "Awake")
    assert shown is not None
    assert shown.message.startswith("Waking up, for the backup before a rollback.")
    lost = compose(asking(asleep, loseNewer=True))
    assert (replicas(lost), awake(lost)) == (0, ("False", "Sleeping"))
    req = reported(
        following(asking(asleep, loseNewer=True), lost),
        rollback={"request": "4", "phase": "Prepared"},
    )
    assert backup_values(compose(req), "restore")["inPlace"]


def test_asleep_again_afterwards() -> None:
    """One that sleeps by its spec is rolled back, and sleeps on."""
    req = ready(power="Sleeping")
    asleep = after(told(req, compose(req)), 4)
    done = after(asking(asleep, loseNewer=True), 4)
    answer = compose(done)
    assert (replicas(answer), awake(answer)) == (0, ("False", "Sleeping"))
    assert status(answer)["phase"] == "Done"


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("VolumesNewer", "Take this field out, remove the cause and put it in again"),
        ("ArchiveMissing", "Name another backup, or take this field out."),
        ("IdentityMissing", "Take this field out, and put it in again once the platform has"),
        ("IdentityWrong", "Take this field out, and put it in again once the platform has"),
    ],
)
def test_refused(reason: str, remedy: str) -> None:
    """A refusal changes nothing, and says why and what to do."""
    req = after(asking(settled()), 1)
    answer = compose(reporting(req, "Refused", reason=reason, message="It cannot be."))
    accepted = read(answer, "Accepted")
    assert accepted is not None
    assert (accepted.status, accepted.reason) == ("False", "ChangeRefused")
    start = f"spec.backup.rollback: stays unset instead of {SNAPSHOT}: It cannot be. {remedy}"
    assert accepted.message.startswith(start)
    assert (replicas(answer), backup_values(answer, "power")) == (1, "")
    assert status(answer) == {"snapshot": SNAPSHOT, "phase": "Refused", "reason": reason}
    assert answer.ready


def test_a_tenant_reads_no_words_of_the_host() -> None:
    """In scope Namespaced a message that may name the host's stays in the report."""
    req = after(asking(settled()), 1)
    composite, platform = validate.vcluster(req.composite), config(PLATFORM)
    asked = wanted(vcluster(backup=mapping(req.composite["spec"])["backup"]), platform)
    secret = "Backup target nightly, bucket vclusters: no route"
    for reason, is_shown in (("TargetUnreachable", False), ("VolumesNewer", True)):
        refused = reporting(req, "Refused", reason=reason, message=secret)
        decided = decide_rollback(replace(composite, namespace="team-a"), asked, refused.observed)
        [refusal] = decided.refusals
        assert (secret in str(refusal)) is is_shown
        assert reason in str(refusal) or is_shown


def test_lose_newer_is_another_request() -> None:
    """Who lets newer data be lost after a refusal gets another preparation."""
    refused = reporting(after(asking(settled()), 1), "Refused", reason="VolumesNewer")
    answer = compose(asking(refused, generation=5, loseNewer=True))
    assert backup_values(answer, "rollback") == {
        **REQUESTED,
        "loseNewer": True,
        "request": "5",
    }
    assert status(answer)["phase"] == "Preparing"


def test_changed_before_it_began() -> None:
    """Until the data is being replaced, who changes their mind gets what it was."""
    req = after(asking(settled()), 3)
    assert replicas(compose(req)) == 0
    back = compose(asking(req, None, generation=5))
    assert (replicas(back), awake(back)) == (1, ("False", "WakingUp"))
    assert (backup_values(back, "rollback"), backup_values(back, "restore")) == ({}, {})
    other = compose(asking(req, OTHER, generation=5))
    assert backup_values(other, "rollback")["request"] == "5"
    assert backup_values(other, "restore") == {}
    assert replicas(other) == 1


@pytest.mark.parametrize("change", ["out", "other", "no backups", "target"])
def test_once_begun_it_is_finished(change: str) -> None:
    """Half of the data is none: nothing in the spec ends a restore that has begun."""
    begun = reporting(after(asking(settled()), 4), "Restoring")
    before = compose(begun)
    assert backup_values(before, "restore")["inPlace"]
    if change == "out":
        req = asking(begun, None, generation=5)
    elif change == "other":
        req = asking(begun, OTHER, generation=5)
    elif change == "no backups":
        req = without_backup(begun)
    else:
        backup = {**mapping(mapping(begun.composite["spec"])["backup"]), "target": "other"}
        spec = {**mapping(begun.composite["spec"]), "backup": backup}
        req = replace(begun, composite={**begun.composite, "spec": spec})
    answer = compose(req)
    assert replicas(answer) == 0
    assert awake(answer) == ("False", "RollingBack")
    for key in ("restore", "rollback", "target"):
        assert backup_values(answer, key) == backup_values(before, key)
    assert values(answer, "namespace")["networkPolicy"]["backupPort"] == 443
    finished = compose(reported(req, rollback={}, rolledBack={"request": "4"}))
    assert backup_values(finished, "restore") == {}
    assert replicas(finished) == 1


def test_a_failure_on_the_way() -> None:
    """It is shown where the tenant looks, and nothing runs before the data is whole."""
    begun = reporting(
        after(asking(settled()), 4), "RestoreFailed", reason="TargetFails", message="It fails."
    )
    answer = compose(begun)
    assert condition(answer, "ControlPlaneReady") == ("False", "RestoreFailed")
    assert answer.status is not None
    assert answer.status["blockedBy"] == "ControlPlaneReady: It fails."
    shown = read(answer, "Awake")
    assert shown is not None
    assert shown.message == f"Rolling back, to backup {SNAPSHOT}. It fails."
    assert replicas(answer) == 0


def test_done_once() -> None:
    """What was done is not done again: not by a lost report, a lost Release, or its other field."""
    done = after(asking(settled()), 6)
    assert status(compose(done))["phase"] == "Done"
    seen = done.observed.backup
    assert seen is not None
    lost = reported(done, rolledBack={}, rollback={})
    other = asking(done, generation=9, loseNewer=True)
    gone = with_backup(done, replace(seen, values={**seen.values, "rollback": {}}))
    forgotten = reported(gone, rolledBack={}, rollback={})
    for req in (lost, other, gone, forgotten):
        answer = compose(req)
        assert (replicas(answer), status(answer)["phase"]) == (1, "Done")
        assert backup_values(answer, "rollback")["done"]


def test_done_again_after_it_was_taken_out() -> None:
    """Taken out and put in again it is done once more, whatever the report says of the first."""
    done = after(asking(settled()), 6)
    out = after(asking(done, None, generation=5), 2)
    assert status(compose(out)) is None
    again = compose(asking(out, generation=6))
    assert backup_values(again, "rollback") == {**REQUESTED, "request": "6"}
    assert status(again)["phase"] == "Preparing"


def test_it_waits_for_a_virtual_cluster() -> None:
    """A new one has nothing to be rolled back, and one without a report is not begun with."""
    assert backup_values(compose(asking(ready(state="deploying"))), "rollback") == {}
    seen = ready().observed.backup
    assert seen is not None
    unknown = with_backup(settled(), replace(seen, details={}))
    assert backup_values(compose(asking(unknown)), "rollback") == {}


def test_the_import_runs_again() -> None:
    """The backup may be older than the agent, or than its credentials."""
    before = values(compose(settled()), "rancher")["inputs"]
    waking = compose(after(asking(settled()), 4))
    assert awake(waking) == ("False", "WakingUp")
    assert values(waking, "rancher")["inputs"] != before
    out = after(asking(after(asking(settled()), 6), None, generation=5), 2)
    assert values(compose(out), "rancher")["inputs"] == values(waking, "rancher")["inputs"]


def test_plan() -> None:
    """A plan says what stops, and what is lost, before anything happens."""
    effects = {change.effect for step in dry_run.plan(asking(settled())).steps for change in step}
    assert (
        f"all objects become those of backup {SNAPSHOT}; what is newer is in the backup made "
        "before only" in effects
    )
    assert any(effect.startswith("falls asleep") for effect in effects)
    lost = {
        change.effect
        for step in dry_run.plan(asking(settled(), loseNewer=True)).steps
        for change in step
    }
    assert f"all objects become those of backup {SNAPSHOT}; what is newer is lost" in lost


def test_not_in_a_restored_control_plane() -> None:
    """A VCluster that is made from a saved one is not rolled back by what that has asked."""
    document = {
        "apiVersion": "caas.telekom.de/v1alpha1",
        "kind": "VCluster",
        "metadata": {"name": "kunde5", "uid": "1cbfb5e6-3f7c-4a46-9a12-2d5c0f3c7b11"},
        "spec": {"backup": {"rollback": {"snapshot": SNAPSHOT}}},
    }
    made: Any = restore.restored([document])
    assert "rollback" not in made["items"][0]["spec"]["backup"]
