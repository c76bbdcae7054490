"""All that a run reads and writes, with the clocks that tests replace."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field

from jobs.backoff import Clock
from jobs.backup.bucket import Bucket
from jobs.backup.control_plane import ControlPlane
from jobs.backup.model import Credentials, Target
from jobs.backup.restore_host import RestoreHost
from jobs.backup.state import State


def wall_time() -> dt.datetime:
    """Return the time of the node."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class Places:
    """State, control plane and bucket of one VCluster."""

    target: Target
    """The target with the prefix of the VCluster."""
    state: State
    control_plane: ControlPlane
    credentials: Callable[[], Credentials]
    """The credentials as they are now."""
    bucket: Callable[[Target, Credentials], Bucket]
    restore: RestoreHost
    clock: Clock = field(default_factory=Clock)
    now: Callable[[], dt.datetime] = wall_time

    def open_bucket(self, target: Target | None = None) -> Bucket:
        """Open the bucket of a target, the VCluster's by default, with the credentials of now."""
        return self.bucket(target or self.target, self.credentials())
