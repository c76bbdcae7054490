"""A rollback in place: prepared, stopped, restored, awake; and never begun or ended by accident."""

from dataclasses import replace
from typing import Any

import pytest

from function.api import validate
from function.commands import restore
from function.commands.plan import dry_run, simulate
from function.compose import compose
from function.decision.admission import admit
from function.decision.rollback import decide_rollback
from function.k8s.fieldpath import get, mapping
from function.observed import backup as observed_backup
from function.observed.state import Request
from function.response.response import Response
from tests.support.factories import at
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
AGAIN = "Take this field out, remove the cause and put it in again."
LOSE = "Take this field out, remove the cause and put it in again, or set loseNewer: true,"

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
    part = {"request": identity(req), "phase": phase, **parts}
    return reported(req, rollback=part, rolledBack={})


def identity(req: Request) -> str:
    """Return the identity of the rollback that the Release requests."""
    found = observed_backup.requested_rollback(req.observed.backup)
    assert found is not None
    return found.request


def requested(answer: Response) -> Any:
    """Return the rollback that the Release requests; of its identity the generation."""
    plain = backup_values(answer, "rollback")
    return {**plain, "request": plain["request"].partition("-")[0]}


def backup_values(answer: Response, key: str) -> Any:
    """Return one of the values of the Release of the backups."""
    return values(answer, "backup")[key]


def status(answer: Response) -> Any:
    """Return status.backup.rollback, but for the identity of the request."""
    plain = get(answer.status, "backup", "rollback")
    return plain and {key: each for key, each in mapping(plain).items() if key != "request"}


def test_the_way() -> None:
    """First all runs, then nothing does, then the data is replaced, then it wakes up."""
    req = asking(settled())
    first = compose(req)
    assert (replicas(first), backup_values(first, "power")) == (1, "RollingBack")
    assert (requested(first), backup_values(first, "restore")) == (REQUESTED, {})
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
    assert status(fourth)["phase"] == "Restoring"

    req = following(req, fourth)
    last = compose(req)
    assert (replicas(last), nap(last), awake(last)) == (1, None, ("False", "WakingUp"))
    assert requested(last) == {**REQUESTED, "done": True}
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
    done = reported(writing, rolledBack={"request": identity(writing)})
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
    req = reporting(following(asking(asleep, loseNewer=True), lost), "Prepared")
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
        ("VolumesNewer", LOSE),
        ("SnapshotFailed", LOSE),
        ("AccessDenied", AGAIN),
        ("WaitingForStop", AGAIN),
        ("UnknownChart", AGAIN),
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
    assert ("loseNewer" in accepted.message) is (remedy == LOSE)
    assert (replicas(answer), backup_values(answer, "power")) == (1, "")
    assert status(answer) == {"snapshot": SNAPSHOT, "phase": "Refused", "reason": reason}
    assert answer.ready


def test_a_tenant_reads_no_words_of_the_host() -> None:
    """In scope Namespaced a message that may name the host's stays in the report."""
    req = after(asking(settled()), 1)
    composite = validate.vcluster(req.composite)
    asked = admit(req, validate.platform_input(req.input)).requested
    secret = "Backup target nightly, bucket vclusters: no route"
    for reason, is_shown in (("TargetUnreachable", False), ("VolumesNewer", True)):
        refused = reporting(req, "Refused", reason=reason, message=secret)
        decided = decide_rollback(
            replace(composite, namespace="team-a"), asked, refused.observed, SNAPSHOT
        )
        [refusal] = decided.refusals
        assert (secret in str(refusal)) is is_shown
        assert reason in str(refusal) or is_shown


def test_lose_newer_is_another_request() -> None:
    """Who lets newer data be lost after a refusal gets another preparation."""
    refused = reporting(after(asking(settled()), 1), "Refused", reason="VolumesNewer")
    answer = compose(asking(refused, generation=5, loseNewer=True))
    assert requested(answer) == {
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
    assert requested(other)["request"] == "5"
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
    finished = compose(reported(req, rollback={}, rolledBack={"request": identity(req)}))
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
    assert requested(again) == {**REQUESTED, "request": "6"}
    assert status(again)["phase"] == "Preparing"


def on_another_platform(req: Request, **tenant: Any) -> Request:
    """Return a request with other limits of backups in the Input."""
    plain = {**mapping(req.input)}
    offer = mapping(plain["backup"])
    limits = {**mapping(offer["tenant"]), **tenant}
    return replace(req, input={**plain, "backup": {**offer, "tenant": limits}})


def without_release(req: Request) -> Request:
    """Return a request whose Release of the backups, and its report, are gone."""
    return with_backup(req, None)


@pytest.mark.parametrize("end", ["Release", "empty Release"])
def test_done_once_though_backups_were_refused_meanwhile(end: str) -> None:
    """The platform takes no request back: only the user does, in the spec."""
    done = after(asking(settled(), loseNewer=True), 6)
    before = status(compose(done))
    refused = on_another_platform(done, backup="Refused")
    answer = compose(refused)
    assert (status(answer), replicas(answer)) == (before, 1)
    if end == "Release":
        gone = told(without_release(refused), answer)
        answer = compose(gone)
        assert "backup" not in answer.resources
        assert status(answer) == before
        refused = told(gone, answer)
    else:
        seen = refused.observed.backup
        assert seen is not None
        refused = with_backup(told(refused, answer), replace(seen, values={}, details={}))
    allowed = on_another_platform(refused, backup="Allowed")
    for _ in range(3):
        answer = compose(allowed)
        assert (replicas(answer), status(answer)) == (1, before)
        assert backup_values(answer, "rollback")["done"]
        allowed = following(allowed, answer)
    out = compose(asking(told(refused, answer), None, generation=5))
    assert status(out) is None


@pytest.mark.parametrize("change", ["loseNewer", "target"])
def test_done_once_though_it_was_asked_otherwise_meanwhile(change: str) -> None:
    """A request that changes while its data is replaced is done with it."""
    begun = reporting(after(asking(settled()), 4), "Restoring")
    req = asking(begun, generation=5, loseNewer=change == "loseNewer")
    req = to_target(req, "other") if change == "target" else req
    done = reported(req, rollback={}, rolledBack={"request": identity(req)})
    answer = compose(done)
    assert (replicas(answer), status(answer)["phase"]) == (1, "Done")
    again = compose(following(done, answer))
    assert (replicas(again), status(again)["phase"]) == (1, "Done")


def to_target(req: Request, name: str) -> Request:
    """Return a request whose spec names another target."""
    spec = mapping(req.composite["spec"])
    backup = {**mapping(spec["backup"]), "target": name}
    return replace(req, composite={**req.composite, "spec": {**spec, "backup": backup}})


def with_targets() -> Request:
    """Return the request of one that is READY on a platform with two targets."""
    req = settled()
    plain = {**mapping(req.input)}
    offer, other = mapping(plain["backup"]), PLATFORM["backup"]["targets"]["other"]
    targets = {**mapping(offer["targets"]), "other": other}
    moved = replace(req, input={**plain, "backup": {**offer, "targets": targets}})
    return on_another_platform(moved, targets=["other"])


@pytest.mark.parametrize("by", ["spec", "Input"])
def test_another_target_is_prepared_anew(by: str) -> None:
    """What was read in one bucket is not restored from another, though the generation is one."""
    req = after(asking(with_targets()), 1)
    first = identity(req)
    if by == "spec":
        moved = to_target(req, "other")
    else:
        plain = {**mapping(req.input)}
        offer = {**mapping(plain["backup"]), "defaultTarget": "other"}
        moved = replace(req, input={**plain, "backup": offer})
    moved = reporting(moved, "Preparing")
    answer = compose(moved)
    assert (status(answer)["phase"], backup_values(answer, "target")["name"]) == (
        "Preparing",
        "other",
    )
    assert backup_values(answer, "rollback")["request"] != first
    late = reported(
        following(moved, answer), rollback={"request": first, "phase": "Prepared"}, rolledBack={}
    )
    assert status(compose(late))["phase"] == "Preparing"


def test_another_target_after_the_preparation() -> None:
    """It goes on in the target where it was prepared, until its end."""
    req = to_target(after(asking(with_targets()), 2), "other")
    for phase in ("Stopping", "Restoring"):
        answer = compose(req)
        assert backup_values(answer, "target")["name"] == "nightly"
        assert status(answer)["phase"] == phase
        req = following(req, answer)
    for _ in range(2):
        answer = compose(req)
        assert (status(answer)["phase"], replicas(answer)) == ("Done", 1)
        req = following(req, answer)
    assert backup_values(compose(req), "target")["name"] == "other"


def test_another_bucket_after_the_preparation() -> None:
    """The target of the platform may move: what was prepared there is prepared anew."""
    req = after(asking(with_targets()), 2)
    plain = {**mapping(req.input)}
    targets = mapping(mapping(plain["backup"])["targets"])
    offer = {**mapping(plain["backup"]), "targets": {**targets, "nightly": targets["other"]}}
    answer = compose(replace(req, input={**plain, "backup": offer}))
    assert (status(answer)["phase"], backup_values(answer, "restore")) == ("Preparing", {})


@pytest.mark.parametrize("spec", ["as before", "out", "other target"])
def test_a_release_that_is_lost_on_the_way(spec: str) -> None:
    """Half of the data never runs: the restore is requested again, from where it was read."""
    begun = reporting(after(asking(settled()), 4), "Restoring")
    before = compose(begun)
    lost = without_release(told(begun, before))
    if spec == "out":
        lost = asking(lost, None, generation=5)
    elif spec == "other target":
        lost = to_target(lost, "other")
    answer = compose(lost)
    assert (replicas(answer), awake(answer)) == (0, ("False", "RollingBack"))
    for key in ("restore", "target", "power"):
        assert backup_values(answer, key) == backup_values(before, key)
    asked = backup_values(answer, "rollback")
    assert (asked["snapshot"], asked["loseNewer"], asked["done"]) == (SNAPSHOT, True, False)
    req = following(lost, answer)
    found = req.observed.backup
    assert found is not None
    failed = reporting(req, "Refused", reason="ArchiveMissing", message="It is gone.")
    held = compose(failed)
    assert (replicas(held), status(held)["phase"]) == (0, "Restoring")
    assert condition(held, "ControlPlaneReady") == ("False", "RestoreFailed")
    done = compose(req)
    assert replicas(done) == 1
    assert (status(done) or {"phase": ""})["phase"] == ("" if spec == "out" else "Done")


def test_a_release_that_is_lost_with_the_backups_of_the_spec() -> None:
    """Without a spec it cannot be requested; nothing runs until it is there again."""
    begun = reporting(after(asking(settled()), 4), "Restoring")
    lost = without_release(told(begun, compose(begun)))
    answer = compose(without_backup(lost))
    assert (replicas(answer), status(answer)["phase"]) == (0, "Restoring")
    back = compose(told(lost, answer))
    assert backup_values(back, "restore")["inPlace"]
    assert backup_values(back, "target")["name"] == "nightly"


def test_an_old_status_begins_nothing() -> None:
    """Crossplane may read the status later than the Release: what is over stays over."""
    begun = reporting(after(asking(settled()), 4), "Restoring")
    old = told(begun, compose(begun)).composite["status"]
    out = asking(begun, None, generation=5)
    for parts in (
        {"rolledBack": {"request": identity(begun)}},
        {"rollback": {"request": identity(begun), "phase": "Refused"}},
    ):
        req = reported(out, **{"rollback": {}, "rolledBack": {}, **parts})
        answer = compose(req)
        assert (backup_values(answer, "rollback"), replicas(answer)) == ({}, 1)
        seen = req.observed.backup
        assert seen is not None
        fresh = with_backup(req, replace(seen, values=values(answer, "backup")))
        stale = replace(fresh, composite={**fresh.composite, "status": old})
        answer = compose(stale)
        assert (backup_values(answer, "restore"), replicas(answer)) == ({}, 1)


@pytest.mark.parametrize("loss", ["report", "Release"])
@pytest.mark.parametrize("lose_newer", [False, True])
def test_refused_for_good(loss: str, *, lose_newer: bool) -> None:
    """A refusal holds until the user asks again, whatever is lost or prepared meanwhile."""
    req = after(asking(settled(), loseNewer=lose_newer), 1)
    req = reporting(req, "Refused", reason="ArchiveMissing", message="It is not there.")
    answer = compose(req)
    req = asking(following(req, answer), generation=9, loseNewer=lose_newer)
    first = identity(req)
    if loss == "Release":
        req = without_release(req)
    else:
        seen = req.observed.backup
        assert seen is not None
        req = with_backup(req, replace(seen, details={}))
    for _ in range(3):
        answer = compose(req)
        assert status(answer) == status(compose(req))
        assert (status(answer)["phase"], status(answer)["reason"]) == ("Refused", "ArchiveMissing")
        assert (replicas(answer), backup_values(answer, "power")) == (1, "")
        assert backup_values(answer, "rollback")["request"] == first
        accepted = read(answer, "Accepted")
        assert accepted is not None
        assert accepted.reason == "ChangeRefused"
        req = following(req, answer)
    other = compose(asking(req, generation=10, loseNewer=not lose_newer))
    assert status(other)["phase"] == "Preparing"


def test_a_report_that_is_unknown_changes_no_request() -> None:
    """The identity stays, whatever generation the spec has by then."""
    req = after(asking(settled()), 1)
    first = backup_values(compose(req), "rollback")
    seen = req.observed.backup
    assert seen is not None
    unknown = with_backup(asking(req, generation=9), replace(seen, details={}))
    assert backup_values(compose(unknown), "rollback") == first


def test_refused_after_it_began() -> None:
    """Its Job refuses before it replaces anything, so the cluster runs on with what it has."""
    begun = reporting(after(asking(settled()), 4), "Refused", reason="VolumesNewer", message="Ah.")
    answer = compose(begun)
    assert (replicas(answer), awake(answer)) == (1, ("False", "WakingUp"))
    assert (backup_values(answer, "restore"), backup_values(answer, "power")) == ({}, "")
    assert status(answer) == {"snapshot": SNAPSHOT, "phase": "Refused", "reason": "VolumesNewer"}
    again = compose(following(begun, answer))
    assert (replicas(again), status(again)["phase"]) == (1, "Refused")
    assert backup_values(again, "restore") == {}
    out = compose(asking(begun, None, generation=5))
    assert (replicas(out), backup_values(out, "rollback")) == (1, {})
    replacing = compose(reporting(begun, "Replacing"))
    assert (replicas(replacing), status(replacing)["phase"]) == (0, "Restoring")


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
