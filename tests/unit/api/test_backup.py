"""Backups in the spec and the Input: what is refused, and in which words."""

from typing import Any

import pytest

from function.api import validate
from function.api.errors import InvalidError
from function.api.validate import Composite
from function.decision import tenant_limits
from tests.support.factories import changed, config, vcluster, wanted
from tests.unit.desired.test_backup import FORMER, PLATFORM

S3 = "backup.targets.nightly.s3"
RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
SECRET = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"


def refusal(spec: dict[str, Any] | None, platform: dict[str, Any] | None = None) -> str:
    """Return what is said to `spec.backup` of a new VCluster on a platform."""
    try:
        found = config(changed(PLATFORM, platform or {}))
        _admit(vcluster(backup=spec), found)
    except InvalidError as error:
        return str(error)
    return ""


def _admit(asked: Composite, found: Any) -> None:
    requested = wanted(asked, found)
    tenant_limits.check(asked.spec, requested, found, new=True)


@pytest.mark.parametrize(
    ("platform", "message"),
    [
        pytest.param(
            {"backup.defaultTarget": "none"},
            "input.backup: defaultTarget must be one of targets. Correct it.",
            id="default-target",
        ),
        pytest.param(
            {"backup.tenant.targets": ["none"]},
            "input.backup: every entry of tenant.targets must be one of targets. Correct it.",
            id="allowed-targets",
        ),
        pytest.param(
            {"backup.schedule": "* * * * *"},
            "input.backup: schedule must not fire more often than tenant.mostOften. Correct it.",
            id="default-schedule",
        ),
        pytest.param(
            {f"{S3}.endpoint": "http://s3.example.org"},
            f"input.{S3}.endpoint: must be https://, then host[:port] without path, user, "
            "password, ? and #. Correct it.",
            id="without-tls",
        ),
        pytest.param(
            {f"{S3}.endpoint": "https://s3.example.org:99999"},
            f"input.{S3}.endpoint: must be https://, a name or address, and maybe a port of 1 to "
            "65535. Correct it.",
            id="port",
        ),
        pytest.param(
            {f"{S3}.endpoint": "https://:443"},
            f"input.{S3}.endpoint: must be https://, a name or address, and maybe a port of 1 to "
            "65535. Correct it.",
            id="no-host",
        ),
        pytest.param(
            {f"{S3}.prefix": "/root"},
            f"input.{S3}.prefix: must be a path such as clusters/prod, without / at its ends. "
            "Correct it.",
            id="prefix",
        ),
        pytest.param(
            {f"{S3}.prefix": "a/../b"},
            f"input.{S3}.prefix: must be a path such as clusters/prod, without / at its ends. "
            "Correct it.",
            id="prefix-upwards",
        ),
        pytest.param(
            {f"{S3}.bucket": "UPPER"},
            f"input.{S3}.bucket: must be the name of a bucket: lower case letters, digits, dashes "
            "and dots. Correct it.",
            id="bucket",
        ),
        pytest.param(
            {f"{S3}.encryption": {"kmsKeyId": "alias/x"}},
            f"input.{S3}.encryption: kmsKeyId is for algorithm aws:kms. Correct it.",
            id="key-without-kms",
        ),
        pytest.param(
            {f"{S3}.age": {"recipients": []}},
            f"input.{S3}.age.recipients: must have at least 1 item after validation, not 0. "
            "Correct it.",
            id="no-recipient",
        ),
        pytest.param(
            {f"{S3}.age": {"recipients": [SECRET]}},
            f"input.{S3}.age.recipients[0]: must be a public key of age, as age-keygen prints it. "
            "Correct it.",
            id="identity-as-recipient",
        ),
        pytest.param(
            {f"{S3}.age": {"recipients": [RECIPIENT, f"{RECIPIENT[:-1]}q"]}},
            f"input.{S3}.age.recipients[1]: must be a public key of age, and its checksum is "
            "wrong. Correct it.",
            id="mistyped-recipient",
        ),
        pytest.param(
            {"hosts": {"local": {"backup": {"defaultTarget": "none"}}}},
            "input: hosts must name one of backup.targets in backup.defaultTarget. Correct it.",
            id="target-of-a-host",
        ),
        pytest.param(
            {"backup.timeout": "10s"},
            "input.backup.timeout: must be between 60 and 86400 seconds. Correct it.",
            id="timeout",
        ),
        pytest.param(
            {"backup.targets": {}},
            "input.backup.targets: must have at least 1 item after validation, not 0. Correct it.",
            id="no-target",
        ),
    ],
)
def test_bad_input(platform: dict[str, Any], message: str) -> None:
    """The field, the rule and the remedy."""
    assert refusal({}, platform) == message


@pytest.mark.parametrize(
    ("spec", "platform", "message"),
    [
        pytest.param({}, {}, "", id="least"),
        pytest.param(
            {},
            {"backup.tenant.backup": "Refused"},
            "spec.backup: cannot be set on this platform. Leave it out, or ask the platform team "
            "to set backup.tenant.backup to Allowed.",
            id="refused-by-default",
        ),
        pytest.param(
            {},
            {"backup": None},
            "spec.backup: needs a target, and this platform has none. Leave it out.",
            id="no-targets",
        ),
        pytest.param({"target": "other"}, {}, "", id="allowed-target"),
        pytest.param(
            {"target": "other"},
            {"backup.tenant.targets": []},
            "spec.backup.target: is not a target that the platform allows. Choose one of: nightly.",
            id="target-for-others",
        ),
        pytest.param(
            {"target": "unknown"},
            {},
            "spec.backup.target: is not a target of the platform. Known: nightly, other.",
            id="unknown-target",
        ),
        pytest.param(
            {"schedule": "*/5 * * * *"},
            {},
            "spec.backup.schedule: must not fire more often than hourly. Name one minute, and one "
            "hour where it is daily.",
            id="too-often",
        ),
        pytest.param(
            {"schedule": "*/5 * * * *"}, {"backup.tenant.mostOften": "Minutely"}, "", id="minutely"
        ),
        pytest.param(
            {"schedule": "5 * * * *"},
            {"backup.tenant.mostOften": "Daily"},
            "spec.backup.schedule: must not fire more often than daily. Name one minute, and one "
            "hour where it is daily.",
            id="hourly-on-a-daily-platform",
        ),
        pytest.param(
            {"retention": {"count": 61, "days": 91}},
            {},
            "spec.backup.retention.count: must be at most 60. Ask for less, or ask the platform "
            "team to raise the limit. | spec.backup.retention.days: must be at most 90. Ask for "
            "less, or ask the platform team to raise the limit.",
            id="too-much",
        ),
        pytest.param({"restoreFrom": {"vcluster": FORMER}}, {}, "", id="restore"),
    ],
)
def test_limits(spec: dict[str, Any], platform: dict[str, Any], message: str) -> None:
    """The platform allows backups, and says where, how often and how many."""
    assert refusal(spec, platform) == message


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param(
            {"schedule": "0  2 * * *"},
            "must be five fields with one space between them, such as 0 2 * * *",
            id="two-spaces",
        ),
        pytest.param(
            {"schedule": "@daily"},
            "must be five fields with one space between them, such as 0 2 * * *",
            id="by-name",
        ),
        pytest.param({"schedule": "0 25 * * *"}, "has a malformed hour", id="hour"),
        pytest.param(
            {"timeZone": "no zone"},
            "must be a time zone of the IANA database such as Europe/Berlin",
            id="zone",
        ),
        pytest.param({"retention": {"count": 0}}, "greater than or equal to 1", id="count"),
        pytest.param({"restoreFrom": {"vcluster": ""}}, "must be a UID", id="no-uid"),
        pytest.param({"restoreFrom": {}}, "is required", id="uid-missing"),
        pytest.param(
            {"restoreFrom": {"vcluster": FORMER, "snapshot": "../x"}},
            "must be latest, or the name of a backup such as 20260101T020000Z",
            id="snapshot",
        ),
        pytest.param(
            {"restoreFrom": {"vcluster": FORMER, "name": "../x"}}, "must be a name", id="name"
        ),
        pytest.param(
            {"rollback": {"snapshot": "latest"}},
            "must be the name of a backup such as 20260101T020000Z",
            id="rollback-to-the-latest",
        ),
        pytest.param({"rollback": {"loseNewer": True}}, "is required", id="rollback-to-none"),
        pytest.param({"onDelete": "Maybe"}, "must be 'Snapshot' or 'None'", id="on-delete"),
    ],
)
def test_bad_spec(spec: dict[str, Any], message: str) -> None:
    """A malformed field is named."""
    metadata = {"name": "kunde1", "uid": "uid-of-kunde1"}
    with pytest.raises(InvalidError) as caught:
        validate.vcluster({"metadata": metadata, "spec": {"backup": spec}})
    assert str(caught.value).startswith("spec.backup.")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "platform",
    [
        pytest.param({}, id="restored"),
        pytest.param(
            {"adopted": {"kunde1": {"namespace": "old", "release": "old", "chart": "0.36.1"}}},
            id="adopted",
        ),
    ],
)
def test_no_restore_over_data(platform: dict[str, Any]) -> None:
    """A virtual cluster whose data exists takes none from a backup."""
    storage = {} if platform else {"restoreFrom": FORMER}
    asked = vcluster(storage=storage, backup={"restoreFrom": {"vcluster": FORMER}})
    with pytest.raises(InvalidError) as caught:
        _admit(asked, config({**PLATFORM, **platform}))
    assert str(caught.value) == (
        "spec.backup.restoreFrom: is for a new virtual cluster, and this one takes over data that "
        "exists. Leave it out, or leave out spec.storage.restoreFrom."
    )


def test_no_rollback_of_an_adopted_one() -> None:
    """The data of what was installed by hand may be elsewhere than the chart has it."""
    entry = {"namespace": "shop", "release": "shop", "chart": "0.36.1"}
    asked = vcluster(backup={"rollback": {"snapshot": "20260101T020000Z"}})
    with pytest.raises(InvalidError) as caught:
        _admit(asked, config({**PLATFORM, "adopted": {"kunde1": entry}}))
    assert str(caught.value) == (
        "spec.backup.rollback: is not for an adopted virtual cluster, whose data may be elsewhere. "
        "Leave it out, and restore the backup into a new one."
    )
