"""Options of the program, from the environment and the mounted files."""

import datetime as dt
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from jobs import environment as options
from jobs.backup import schedule
from jobs.backup.model import (
    Availability,
    Credentials,
    Goal,
    Purpose,
    Retention,
    Target,
    VirtualCluster,
)
from jobs.backup.restore_plan import LATEST, RestoreGoal, Source
from jobs.backup.rollback import Rollback
from jobs.errors import RefusedError

CREDENTIALS_DIR = "/run/secrets/backup"
CA_FILE = "/run/secrets/backup-ca/ca.crt"
IDENTITY_FILE = "/run/secrets/backup-identity/identity"

ON_DELETE = ("Snapshot", "None")
ON_FAILURE = ("Block", "Delete")
AVAILABILITIES = ("Single", "HA")
ALGORITHMS = ("AES256", "aws:kms", "None")

LONGEST_FILE = 64 * 1024
"""Maximum bytes of a mounted file."""


@dataclass(frozen=True)
class Schedule:
    """The times of the snapshots."""

    fields: str
    zone: str
    timeout: dt.timedelta

    def next(self, now: dt.datetime) -> dt.datetime | None:
        """Return the next time after an instant."""
        return schedule.next_time(self.fields, self.zone, now)

    def overdue_at(self, now: dt.datetime) -> dt.datetime | None:
        """Return the time at which the report of the next snapshot is overdue."""
        return schedule.overdue_at(self.fields, self.zone, now, self.timeout)

    def delay(self, uid: str, now: dt.datetime) -> dt.timedelta:
        """Return the delay of a VCluster after the time of its schedule."""
        return schedule.delay(self.fields, self.zone, uid, now)


class Environment(options.Environment):
    """The options of the backups of one VCluster."""

    def number(self, name: str) -> int:
        """Return a variable with a whole number from 1 on."""
        text = self.text(name)
        if not (text.isascii() and text.isdigit() and 0 < int(text) < 100_000):  # noqa: PLR2004
            raise RefusedError("BadOptions", f"{name} must be a number from 1 to 99999.")
        return int(text)

    def flag(self, name: str) -> bool:
        """Return a variable that is true or false."""
        return self.choice(name, ("true", "false"), "false") == "true"

    def vcluster(self) -> VirtualCluster:
        """Return the virtual cluster."""
        availability = self.choice("VCLUSTER_AVAILABILITY", AVAILABILITIES, "Single")
        return VirtualCluster(
            name=self.text("OWNER_NAME"),
            uid=self.text("OWNER_UID"),
            namespace=self.text("VCLUSTER_NAMESPACE"),
            release=self.text("VCLUSTER_RELEASE"),
            chart=self.text("VCLUSTER_CHART"),
            kubernetes=self.text("VCLUSTER_KUBERNETES"),
            availability=cast("Availability", availability),
        )

    def target(self) -> Target:
        """Return the target, whose endpoint must use TLS."""
        endpoint = self.text("S3_ENDPOINT").rstrip("/")
        if not endpoint.startswith("https://"):
            message = "S3_ENDPOINT must begin with https://: archives hold keys and Secrets."
            raise RefusedError("BadOptions", message)
        algorithm = self.choice("S3_ENCRYPTION", ALGORITHMS, "AES256")
        return Target(
            name=self.text("TARGET_NAME"),
            bucket=self.text("S3_BUCKET"),
            endpoint=endpoint,
            region=self.text("S3_REGION", "us-east-1"),
            path_style=self.flag("S3_PATH_STYLE"),
            prefix=self.text("S3_PREFIX").strip("/"),
            algorithm="" if algorithm == "None" else algorithm,
            kms_key_id=self.values.get("S3_KMS_KEY_ID", ""),
            recipients=tuple(filter(None, self.values.get("AGE_RECIPIENTS", "").split(","))),
        )

    def source(self) -> Source | None:
        """Return the archive to restore, None without one."""
        prefix = self.values.get("RESTORE_PREFIX", "").strip("/")
        if not prefix:
            return None
        request = self.text("ROLLBACK_REQUEST") if self.flag("RESTORE_IN_PLACE") else ""
        return Source(prefix, self.text("RESTORE_SNAPSHOT", LATEST), request)

    def rollback_goal(self) -> Rollback:
        """Return the rollback to prepare, to an archive of this VCluster."""
        source = Source(
            self.target().prefix, self.text("ROLLBACK_SNAPSHOT"), self.text("ROLLBACK_REQUEST")
        )
        return Rollback(self.vcluster(), source, self.flag("LOSE_NEWER"))

    def schedule(self) -> Schedule:
        """Return the schedule; a malformed one is refused."""
        fields, zone = self.text("SCHEDULE"), self.text("TIME_ZONE", "Etc/UTC")
        schedule.next_time(fields, zone, dt.datetime.now(dt.UTC))
        return Schedule(fields, zone, self.duration("TIMEOUT", "30m"))

    def duration(self, name: str, default: str | None = None) -> dt.timedelta:
        """Return a variable such as `15m`."""
        return dt.timedelta(seconds=self.seconds(name, default))

    def goal(self, purpose: Purpose) -> Goal:
        """Return the snapshot to take."""
        return Goal(
            run=f"{purpose.lower()}-{secrets.token_hex(8)}",
            vcluster=self.vcluster(),
            target=self.target(),
            inputs=self.text("INPUTS"),
            purpose=purpose,
            retention=Retention(self.number("RETENTION_COUNT"), self.number("RETENTION_DAYS")),
            timeout=self.duration("TIMEOUT", "30m"),
            protected=self.values.get("ROLLBACK_SNAPSHOT", ""),
        )

    def restore_goal(self) -> RestoreGoal:
        """Return the restoration to do."""
        source = self.source()
        if source is None:
            raise RefusedError("BadOptions", "RESTORE_PREFIX is not set.")
        run, loses_newer = f"restore-{secrets.token_hex(8)}", self.flag("LOSE_NEWER")
        return RestoreGoal(run, self.vcluster(), source, loses_newer)

    @property
    def ca_file(self) -> str:
        """The file with the private CA, "" without one."""
        file = self.text("S3_CA_FILE", CA_FILE)
        return file if Path(file).exists() else ""

    def credentials(self) -> Credentials:
        """Return the credentials as they are now, because Secrets change while they are mounted."""
        folder = Path(self.text("S3_CREDENTIALS_DIR", CREDENTIALS_DIR))
        return Credentials(
            access_key_id=_read(folder / "accessKeyId"),
            secret_access_key=_read(folder / "secretAccessKey"),
            session_token=_read(folder / "sessionToken", optional=True),
            identities=_read(Path(self.text("AGE_IDENTITY_FILE", IDENTITY_FILE)), optional=True),
            ca=_read(Path(self.ca_file)) if self.ca_file else "",
        )


def environment() -> Environment:
    """Return the process's environment."""
    return Environment(os.environ)


def _read(path: Path, *, optional: bool = False) -> str:
    """Return the text of a mounted file. Its name may be shown, never its content."""
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST_FILE).decode().strip()
    except FileNotFoundError:
        content = ""
    except (OSError, ValueError):
        message = f"{path.name} of the target's Secret cannot be read as text."
        raise RefusedError("CredentialsMissing", message) from None
    if not content and not optional:
        message = f"{path.name} is missing in the Secret of the backup target."
        raise RefusedError("CredentialsMissing", message)
    return content
