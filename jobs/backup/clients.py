"""Clients of the host and of the bucket, from the environment."""

from jobs.backup.bucket import Bucket
from jobs.backup.control_plane import ControlPlane
from jobs.backup.options import Environment
from jobs.backup.places import Places
from jobs.backup.restore_host import RestoreHost
from jobs.backup.state import State
from jobs.bounded_api import Api


def places(env: Environment, client: Api) -> Places:
    """Return all that a run reads and writes."""
    ca_file = env.ca_file
    return Places(
        target=env.target(),
        state=State(client, env.text("STATE_NAMESPACE"), env.text("STATE_CONFIG_MAP")),
        control_plane=ControlPlane(client, env.vcluster()),
        credentials=env.credentials,
        bucket=lambda target, credentials: Bucket(target, credentials, ca_file),
        restore=RestoreHost(client, env.vcluster()),
    )
