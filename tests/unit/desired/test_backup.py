"""Backups: the Release, what the user reads, and how they end."""

import datetime as dt
import json
from dataclasses import replace
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta

from dev.scripts import life
from function import protobuf
from function.api.clock_mark import ANNOTATION
from function.commands.plan import simulate
from function.compose import compose
from function.desired import backup
from function.k8s.fieldpath import mapping
from function.observed.state import Condition, ObservedRelease, Request
from function.response import conditions
from function.response.response import Response
from jobs.bounded_api import Item
from jobs.clock import vclusters
from jobs.clock.marks import due_mark
from tests.support.factories import INPUT, at, changed, config, vcluster, wanted

TARGET: dict[str, Any] = {
    "s3": {
        "bucket": "vclusters",
        "endpoint": "https://s3.example.org:9000",
        "secretRef": {"name": "backup-s3"},
    }
}
PLATFORM: dict[str, Any] = {
    "backup": {
        "defaultTarget": "nightly",
        "targets": {"nightly": TARGET, "other": changed(TARGET, {"s3.bucket": "others"})},
        "tenant": {"backup": "Allowed", "targets": ["other"]},
    }
}
"""The least that `backup` of the Input says, with a second target."""

AGE = "backup.targets.nightly.s3.age"
RECIPIENT = "age1ek2p5nzrq3n0d2659thvfyw86xgmhw5m6wvavkpqwudx4lfm7eaq75ptus"
OTHER_RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
IDENTITY = {"name": "backup-age", "key": "keys.txt"}
VALUES = "spec.forProvider.values"
UID = "uid-of-kunde1"
NORTH = {"backup": {"defaultTarget": "north"}}
FORMER = "1cbfb5e6-3f7c-4a46-9a12-2d5c0f3c7b11"


def values(
    platform: dict[str, Any] | None = None, *, is_asleep: bool = False, **spec: Any
) -> dict[str, Any]:
    """Return the values of the Release for `spec.backup` on a platform."""
    found = config({**PLATFORM, **(platform or {})})
    asked = wanted(vcluster(backup=spec), found)
    release = backup.desired(asked, found, None, None, is_asleep=is_asleep)
    assert release is not None
    plain: dict[str, Any] = at(release, VALUES)
    return plain


def test_least() -> None:
    """The whole Release for `backup: {}`. No credentials are in it."""
    found = config(PLATFORM)
    release = backup.desired(wanted(vcluster(backup={}), found), found, None, None, is_asleep=False)
    assert release == {
        "apiVersion": "helm.m.crossplane.io/v1beta1",
        "kind": "Release",
        "metadata": {
            "name": "kunde1-backup",
            "namespace": "vcluster-system",
            "annotations": {"crossplane.io/external-name": "kunde1-backup"},
        },
        "spec": {
            "providerConfigRef": {"kind": "ClusterProviderConfig", "name": "default"},
            "rollbackLimit": 0,
            "forProvider": {
                "chart": {
                    "repository": "oci://ghcr.io/example/charts",
                    "name": "vcluster-backup",
                    "version": "0.1.0",
                },
                "namespace": "vcluster-system",
                "skipCreateNamespace": True,
                "maxHistory": 3,
                "values": {
                    "owner": {"name": "kunde1", "uid": UID},
                    "inputs": "e7b9ec98bc1102d6",
                    "vcluster": {
                        "namespace": "kunde1",
                        "release": "kunde1-vcluster",
                        "availability": "Single",
                        "chart": "0.36.1",
                        "kubernetes": "1.35.0",
                    },
                    "stateConfigMap": "kunde1-backup",
                    "schedule": "0 2 * * *",
                    "timeZone": "Etc/UTC",
                    "retention": {"count": 14, "days": 30},
                    "onDelete": "None",
                    "onFailure": "Block",
                    "timeout": "30m",
                    "deleteTimeout": "10m",
                    "power": "",
                    "target": {
                        "name": "nightly",
                        "bucket": "vclusters",
                        "endpoint": "https://s3.example.org:9000",
                        "region": "us-east-1",
                        "pathStyle": False,
                        "prefix": f"_/kunde1/{UID}",
                        "credentialsSecret": "backup-s3",
                        "caSecret": {},
                        "encryption": {"algorithm": "AES256", "kmsKeyId": ""},
                        "age": {},
                    },
                    "restore": {},
                    "rollback": {},
                    "image": "ghcr.io/example/function-vcluster:0.1.0",
                    "imagePullSecrets": [],
                },
            },
            "connectionDetails": [
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "name": "kunde1-backup",
                    "namespace": "vcluster-system",
                    "fieldPath": "data.report",
                    "toConnectionSecretKey": "backupReport",
                    "skipPartOfReleaseCheck": True,
                }
            ],
            "writeConnectionSecretToRef": {"name": "kunde1-backup-conn"},
        },
    }


@pytest.mark.parametrize(
    ("spec", "platform", "path", "expected"),
    [
        pytest.param({"schedule": "5 4 * * 1"}, {}, "schedule", "5 4 * * 1", id="schedule"),
        pytest.param({"timeZone": "Europe/Berlin"}, {}, "timeZone", "Europe/Berlin", id="zone"),
        pytest.param(
            {"retention": {"count": 3}}, {}, "retention", {"count": 3, "days": 30}, id="count"
        ),
        pytest.param(
            {},
            {"backup.tenant.maxCount": 5, "backup.tenant.maxDays": 7},
            "retention",
            {"count": 5, "days": 7},
            id="no-more-than-the-limits-by-default",
        ),
        pytest.param({"onFailure": "Delete"}, {}, "onFailure", "Delete", id="on-failure"),
        pytest.param({"target": "other"}, {}, "target.bucket", "others", id="target"),
        pytest.param(
            {},
            {"backup.targets.nightly.s3.prefix": "prod/north"},
            "target.prefix",
            f"prod/north/_/kunde1/{UID}",
            id="prefix",
        ),
        pytest.param({}, {"backup.schedule": "1 1 * * *"}, "schedule", "1 1 * * *", id="default"),
        pytest.param({}, {"backup.timeout": "1h"}, "timeout", "1h", id="timeout"),
        pytest.param(
            {},
            {"registries": {"ghcr.io": "mirror.example.org/ghcr"}, "pullSecret": "mirror"},
            "image",
            "mirror.example.org/ghcr/example/function-vcluster:0.1.0",
            id="mirror",
        ),
        pytest.param(
            {},
            {"backup.targets.nightly.s3.caSecretRef": {"name": "s3-ca", "key": "ca.crt"}},
            "target.caSecret",
            {"name": "s3-ca", "key": "ca.crt"},
            id="private-ca",
        ),
        pytest.param(
            {},
            {AGE: {"recipients": [OTHER_RECIPIENT, RECIPIENT, OTHER_RECIPIENT]}},
            "target.age",
            {"recipients": [RECIPIENT, OTHER_RECIPIENT], "identitySecret": {}},
            id="recipients",
        ),
        pytest.param(
            {},
            {AGE: {"recipients": [RECIPIENT], "identitySecretRef": IDENTITY}},
            "target.age",
            {"recipients": [RECIPIENT], "identitySecret": IDENTITY},
            id="identity",
        ),
    ],
)
def test_settings(
    spec: dict[str, Any], platform: dict[str, Any], path: str, expected: object
) -> None:
    """Each field of spec and Input reaches the Jobs."""
    assert at(values(changed(PLATFORM, platform), **spec), path) == expected


def test_a_tenants_prefix_begins_with_their_namespace() -> None:
    """No tenant can name the place of another one's backups, neither for theirs nor to restore."""
    found = config(PLATFORM)
    restore = {"vcluster": FORMER, "name": "other"}
    asked = wanted(replace(vcluster(backup={"restoreFrom": restore}), namespace="team-a"), found)
    assert asked.backup is not None
    assert asked.backup.prefix == f"team-a/kunde1/{UID}"
    assert asked.backup.restore is not None
    assert asked.backup.restore.prefix == f"team-a/other/{FORMER}"


@pytest.mark.parametrize(
    ("platform", "is_another"),
    [
        pytest.param({"backup.targets.nightly.s3.bucket": "moved"}, True, id="bucket"),
        pytest.param({"backup.targets.nightly.s3.prefix": "moved"}, True, id="prefix"),
        pytest.param(
            {"vcluster": {**INPUT["vcluster"], "chart": {"versions": ["0.35.3"]}}},
            False,
            id="chart",
        ),
        pytest.param({AGE: {"recipients": [RECIPIENT]}}, True, id="encryption"),
        pytest.param({"backup.timeout": "1h"}, False, id="timeout"),
        pytest.param({"backup.schedule": "1 1 * * *"}, False, id="schedule"),
    ],
)
def test_another_place_needs_a_first_backup(platform: dict[str, Any], *, is_another: bool) -> None:
    """What was proven in one place proves nothing in another; an upgrade is none."""
    assert (values(changed(PLATFORM, platform))["inputs"] != values()["inputs"]) is is_another


def test_an_identity_changes_no_backup() -> None:
    """What decrypts backups is for restores, so no first backup is made because of it."""
    recipients = {"recipients": [RECIPIENT]}
    before = values(changed(PLATFORM, {AGE: recipients}))
    after = values(changed(PLATFORM, {AGE: {**recipients, "identitySecretRef": IDENTITY}}))
    assert before["inputs"] == after["inputs"]


def ready(example: str = "backup", state: str = "ready", **spec: Any) -> Request:
    """Return the request of an example in a state, with other fields in its spec."""
    req = protobuf.decode(life.request(example, state))
    composite = {**req.composite, "spec": {**mapping(req.composite["spec"]), **spec}}
    return replace(req, composite=composite)


def reported(req: Request, **parts: object) -> Request:
    """Return a request with other parts in the report on backups."""
    seen = req.observed.backup
    assert seen is not None
    report = {**json.loads(seen.details["backupReport"]), **parts}
    other = replace(seen, details={"backupReport": json.dumps(report)})
    return with_backup(req, other)


def with_backup(req: Request, release: ObservedRelease | None) -> Request:
    """Return a request with this Release of the backups."""
    return replace(req, observed=replace(req.observed, backup=release))


def condition(answer: Response, kind: str = "BackedUp") -> Condition | None:
    """Return a condition."""
    return next((each for each in answer.conditions if each.type == kind), None)


def shown(answer: Response, kind: str = "BackedUp") -> tuple[str, str, str] | None:
    """Return status, reason and message of a condition."""
    found = condition(answer, kind)
    return found and (found.status, found.reason, found.message)


def without_backup(req: Request) -> Request:
    """Return a request whose spec has no backup."""
    spec = {key: value for key, value in mapping(req.composite["spec"]).items() if key != "backup"}
    return replace(req, composite={**req.composite, "spec": spec})


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        pytest.param({}, ("True", "Completed", ""), id="completed"),
        pytest.param(
            {"reason": "ArchivesNotRemoved", "message": "The bucket refuses."},
            ("True", "Completed", ""),
            id="completed-with-a-note",
        ),
        pytest.param(
            {"phase": "Failed", "reason": "BucketFull", "message": "No space."},
            ("False", "BucketFull", "No space."),
            id="failed",
        ),
        pytest.param(
            {"phase": "Failed", "reason": "no reason", "message": "Words."},
            ("False", "Failed", "Words."),
            id="failed-without-a-reason",
        ),
        pytest.param(
            {"phase": "Pending", "last": ""},
            ("Unknown", "NeverRun", "No backup has been made yet."),
            id="pending",
        ),
        pytest.param(
            {"phase": "Running", "last": ""},
            ("Unknown", "NeverRun", "No backup has been made yet."),
            id="running",
        ),
        pytest.param(
            {"observedInputs": "0123456789abcdef"},
            (
                "Unknown",
                "NeverRun",
                "No backup has been made yet in the place that applies now.",
            ),
            id="of-another-place",
        ),
        pytest.param(
            {"phase": "Failed", "observedInputs": "0123456789abcdef", "last": ""},
            ("Unknown", "NeverRun", "No backup has been made yet."),
            id="a-failure-in-another-place",
        ),
        pytest.param(
            {"phase": "Unsupported", "reason": "UnknownChart", "message": "Chart 0.99 is new."},
            ("Unknown", "UnknownChart", "Chart 0.99 is new."),
            id="unsupported",
        ),
    ],
)
def test_condition(report: dict[str, object], expected: tuple[str, str, str]) -> None:
    """True only with a backup in the place that applies, and READY does not wait for it."""
    answer = compose(reported(ready(), **report))
    assert shown(answer) == expected
    assert answer.ready


@pytest.mark.parametrize("report", ["", "{", "[]", '{"phase": 7, "last": []}', "[" * 100_000])
def test_a_malformed_report_is_none(report: str) -> None:
    """What is no report says nothing, and fails nothing."""
    seen = ready().observed.backup
    assert seen is not None
    other = replace(seen, details={"backupReport": report})
    assert shown(compose(with_backup(ready(), other))) == (
        "Unknown",
        "NeverRun",
        "No backup has been made yet.",
    )


@pytest.mark.parametrize("part", ["size", "count"])
@pytest.mark.parametrize("number", [-1, True, "5", 1.5, 10**400])
def test_numbers_that_are_none(part: str, number: object) -> None:
    """A number that cannot be one is left out of the status, and fails nothing."""
    answer = compose(reported(ready(), **{part: number}))
    assert answer.status is not None
    assert part not in answer.status["backup"]
    protobuf.encode(life.request("backup", "ready"), answer)


def marked(req: Request, *passed: str) -> Request:
    """Return a request with a mark of the clock: these times are past."""
    annotations = {ANNOTATION: json.dumps({"passed": [*passed]})}
    metadata = {**mapping(req.composite["metadata"]), "annotations": annotations}
    return replace(req, composite={**req.composite, "metadata": metadata})


OVERDUE_AT = "2026-01-02T00:45:00Z"


def test_overdue() -> None:
    """The clock says that the time of the next backup is past: nothing else knows the time."""
    overdue = compose(marked(ready(), OVERDUE_AT))
    assert shown(overdue) == (
        "False",
        "Overdue",
        "The last backup is of 2026-01-01T00:00:00Z, and the next was due at 2026-01-02T00:00:00Z.",
    )
    assert [(event.reason, event.warning) for event in overdue.events][-1] == ("BackedUp", True)
    assert shown(compose(marked(ready(), "2026-01-01T00:45:00Z"))) == ("True", "Completed", "")


def test_the_clock_reads_the_status() -> None:
    """The time that the function writes is the one that the clock marks, and that it reads back."""
    answer = compose(ready())
    metadata = ObjectMeta(name="kunde5", uid="u-1", resourceVersion="7")
    found = vclusters.read(Item(metadata=metadata, spec={"backup": {}}, status=answer.status))
    late = dt.datetime(2026, 1, 2, 0, 45, tzinfo=dt.UTC)
    assert due_mark(found, {}, late - dt.timedelta(seconds=1)) is None
    passed = json.loads(due_mark(found, {}, late) or "")["passed"]
    assert (shown(compose(marked(ready(), *passed))) or ())[:2] == ("False", "Overdue")


def test_asleep_nothing_is_overdue() -> None:
    """The CronJob is suspended, no time is in the status, and the mark of before does not count."""
    answer = compose(marked(ready(power="Sleeping"), OVERDUE_AT))
    assert at(answer.resources["backup"].resource, VALUES)["power"] == "Sleeping"
    assert shown(answer) == ("True", "Completed", "")
    assert answer.status is not None
    assert answer.status["backup"] == {
        "target": "nightly",
        "last": "2026-01-01T00:00:00Z",
        "size": "5Mi",
        "location": "00000000-0000-0000-0000-000000000000/20260101T000000Z",
        "count": 1,
    }


def test_status() -> None:
    """The status says where the last backup is, how large, and when the next one comes."""
    answer = compose(ready())
    assert answer.status is not None
    assert answer.status["backup"] == {
        "target": "nightly",
        "last": "2026-01-01T00:00:00Z",
        "size": "5Mi",
        "location": "00000000-0000-0000-0000-000000000000/20260101T000000Z",
        "count": 1,
        "next": "2026-01-02T00:00:00Z",
        "overdueAt": OVERDUE_AT,
    }


def test_the_final_backup_begins_with_the_first_report() -> None:
    """A first installation that fails is uninstalled, which must not wait for a backup.

    A report that is lost later takes the final backup from nobody.
    """
    first = compose(ready(state="deploying"))
    assert at(first.resources["backup"].resource, VALUES)["onDelete"] == "None"
    later = ready()
    assert at(compose(later).resources["backup"].resource, VALUES)["onDelete"] == "Snapshot"
    seen = later.observed.backup
    assert seen is not None
    lost = with_backup(later, replace(seen, details={}))
    assert at(compose(lost).resources["backup"].resource, VALUES)["onDelete"] == "Snapshot"


def test_switched_off_in_two_steps() -> None:
    """Without `spec.backup` the Release first learns to make no final backup, then it is left out.

    The control plane's Usage stays until it is gone; the rest of the answer is that of a VCluster
    that never had backups.
    """
    req = without_backup(ready())
    first = compose(req)
    before = at(compose(ready()).resources["backup"].resource, VALUES)
    assert at(first.resources["backup"].resource, VALUES) == {**before, "onDelete": "None"}
    assert condition(first) is None
    pending = simulate.following(req, first)
    seen = pending.observed.backup
    assert seen is not None
    unsure = with_backup(pending, replace(seen, state="failed"))
    assert "backup" in compose(unsure).resources
    second = compose(pending)
    assert "backup" not in second.resources
    assert "vcluster-by-backup" in second.resources
    going = with_backup(pending, replace(seen, terminating=True))
    assert compose(going).resources.keys() == second.resources.keys()
    last = compose(simulate.following(pending, second))
    assert "vcluster-by-backup" not in last.resources
    assert last.status is not None
    assert "backup" not in last.status


def test_switched_on_and_off_again() -> None:
    """A spec that takes it back before the Release is gone has backups as before."""
    req = without_backup(ready())
    pending = simulate.following(req, compose(req))
    again = replace(pending, composite=ready().composite)
    assert at(compose(again).resources["backup"].resource, VALUES)["onDelete"] == "Snapshot"


def test_deleted_before_the_control_plane() -> None:
    """The Usage is composed with the Release, and keeps the control plane until it is gone."""
    answer = compose(ready())
    assert answer.resources["vcluster-by-backup"].resource == {
        "apiVersion": "protection.crossplane.io/v1beta1",
        "kind": "Usage",
        "metadata": {
            "name": "kunde5-vcluster-by-backup",
            "namespace": "vcluster-system",
            "annotations": {"caas.telekom.de/observed": "true"},
        },
        "spec": {
            "replayDeletion": True,
            "of": {
                "apiVersion": "helm.m.crossplane.io/v1beta1",
                "kind": "Release",
                "resourceRef": {"name": "kunde5-vcluster"},
            },
            "by": {
                "apiVersion": "helm.m.crossplane.io/v1beta1",
                "kind": "Release",
                "resourceRef": {"name": "kunde5-backup"},
            },
        },
    }


@pytest.mark.parametrize(
    "example", [each for each in life.names() if each not in ("backup", "restored")]
)
@pytest.mark.parametrize("state", life.LIFE)
def test_without_backup_nothing_changes(example: str, state: str) -> None:
    """A VCluster without backups gets the same bytes on a platform with backups and without."""
    req = life.request(example, state)
    other = life.request(example, state)
    assert "backup" in other.input.fields
    del other.input.fields["backup"]
    answers = [
        protobuf.serialize(protobuf.encode(each, compose(protobuf.decode(each))))
        for each in (req, other)
    ]
    assert answers[0] == answers[1]
    assert b"backup" not in answers[0].lower()


def test_the_port_is_opened() -> None:
    """Control planes with backups may reach the port of the S3 server, others may not."""
    policy = at(compose(ready()).resources["namespace"].resource, VALUES)["networkPolicy"]
    assert policy["backupPort"] == 443
    other = compose(ready("kunde1")).resources["namespace"].resource
    assert "backupPort" not in at(other, VALUES)["networkPolicy"]


def test_a_host_has_a_target_of_its_own() -> None:
    """Data may have to stay in the country of its host."""
    plain = {**mapping(ready().input)}
    offer = mapping(plain["backup"])
    other = changed(mapping(mapping(offer["targets"])["nightly"]), {"s3.bucket": "north"})
    hosts = {"local": {**mapping(mapping(plain["hosts"])["local"]), **NORTH}}
    found = {**offer, "targets": {**mapping(offer["targets"]), "north": other}}
    answer = compose(replace(ready(), input={**plain, "backup": found, "hosts": hosts}))
    assert at(answer.resources["backup"].resource, VALUES)["target"]["bucket"] == "north"


@pytest.mark.parametrize(
    ("phase", "message"),
    [
        pytest.param(
            Condition("BackedUp", "False", "BucketMissing", "s3.internal: no bucket vclusters"),
            "The last backup failed. The platform team finds the cause in the log of the function.",
            id="failed",
        ),
        pytest.param(
            Condition("BackedUp", "False", "Overdue", "The last one is old."),
            "The last one is old.",
            id="overdue",
        ),
        pytest.param(
            Condition("BackedUp", "Unknown", "NeverRun", "None yet."), "None yet.", id="none-yet"
        ),
        pytest.param(
            Condition("ControlPlaneReady", "False", "RestoreFailed", "s3.internal: refused"),
            "The restore from a backup failed. The platform team finds the cause in the log of the "
            "function.",
            id="restore",
        ),
    ],
)
def test_tenants_read_no_words_of_the_host(phase: Condition, message: str) -> None:
    """In scope Namespaced a failure names neither bucket nor server; the log has both."""
    (shown_to_them,), withheld = conditions.for_reader([phase], "team-a")
    assert shown_to_them.message == message
    assert withheld == (() if message == phase.message else (phase,))
    assert conditions.for_reader([phase], "")[0] == (phase,)


def test_a_refusal_of_everything_keeps_the_condition() -> None:
    """Crossplane drops a condition that an answer leaves out."""
    req = refused(None)
    entry = {"type": "BackedUp", "status": "False", "reason": "BucketFull"}
    told = replace(req, composite={**req.composite, "status": {"conditions": [entry]}})
    assert shown(compose(told)) == ("False", "BucketFull", "")
    assert shown(compose(req)) is None


def refused(platform: dict[str, Any] | None) -> Request:
    """Return the request of a VCluster with backups on another platform."""
    req = ready()
    plain = {**mapping(req.input)}
    plain.pop("backup")
    return replace(req, input={**plain, **({"backup": platform} if platform else {})})


def test_a_target_in_use_may_not_leave_the_input() -> None:
    """Nothing is touched: the backups in it would be unreachable."""
    answer = compose(refused(None))
    assert answer.fatal.startswith("input.backup: is missing while this VCluster has backups.")
    other = {"defaultTarget": "other", "targets": {"other": TARGET}}
    moved = replace(refused(other), composite=ready(backup={"target": "nightly"}).composite)
    assert compose(moved).fatal.startswith(
        "input.backup.targets: has no nightly, where this VCluster has its backups."
    )


@pytest.mark.parametrize(
    ("platform", "spec", "expected"),
    [
        pytest.param(
            None, {}, "input.backup: is missing while this VCluster has backups.", id="all"
        ),
        pytest.param(
            {"defaultTarget": "other", "targets": {"other": TARGET}},
            {"backup": {"target": "nightly"}},
            "input.backup.targets: has no nightly, where this VCluster has its backups.",
            id="target",
        ),
    ],
)
def test_another_wrong_field_hides_no_lost_target(
    platform: dict[str, Any] | None, spec: dict[str, Any], expected: str
) -> None:
    """A typing error in the spec does not turn the platform's mistake into the end of backups."""
    asked = ready(plan="typo", **spec).composite
    assert compose(replace(refused(platform), composite=asked)).fatal.startswith(expected)


def test_what_the_platform_refuses_later_ends_the_backups() -> None:
    """Its limits win; the condition Accepted says so, and the ways of the end are the same."""
    plain = {**mapping(ready().input)}
    limits = {**mapping(mapping(plain["backup"])), "tenant": {"backup": "Refused"}}
    answer = compose(replace(ready(), input={**plain, "backup": limits}))
    accepted = condition(answer, "Accepted")
    assert accepted is not None
    assert accepted.message.startswith("spec.backup: cannot be set on this platform.")
    assert at(answer.resources["backup"].resource, VALUES)["onDelete"] == "None"


def test_a_schedule_that_is_refused_later_becomes_the_default() -> None:
    """Backups go on: only the field beyond the limit is taken back, even if it was the only one."""
    plain = {**mapping(ready().input)}
    limits = {"backup": "Allowed", "mostOften": "Daily"}
    offer = {**mapping(plain["backup"]), "tenant": limits}
    req = ready(backup={"schedule": "5 * * * *"})
    answer = compose(replace(req, input={**plain, "backup": offer}))
    assert at(answer.resources["backup"].resource, VALUES)["schedule"] == "30 1 * * *"
    record = replace(req.observed.namespace, record="")  # type: ignore[type-var]
    unrecorded = replace(req, observed=replace(req.observed, namespace=record))
    answer = compose(replace(unrecorded, input={**plain, "backup": offer}))
    assert at(answer.resources["backup"].resource, VALUES)["schedule"] == "0 2 * * *"
    assert not answer.fatal


def test_looks() -> None:
    """A first backup is awaited, a failure is not: the next one comes by the schedule."""

    def interval(req: Request) -> str:
        found = compose(req).resources["backup"].resource["metadata"]["annotations"]
        return str(found["crossplane.io/poll-interval"])

    first = reported(ready(), phase="Pending", last="")
    assert interval(ready()) == "1m"
    assert interval(first) == "2s"
    assert interval(reported(ready(), phase="Failed", reason="BucketFull")) == "1m"
    assert compose(first).pause == 30
    assert compose(ready()).pause == 120
