"""The command line of `vcluster-access`, which chart vcluster-access runs."""

# The command imports its own modules, so that `--help` starts fast.
# ruff: noqa: PLC0415

import sys

import click

from jobs import hooks, logs
from jobs.errors import RancherImportError
from jobs.transport import ANSWER_SECONDS

GAVE_UP = 1


@click.group()
def main() -> None:
    """Make the rights in one virtual cluster, and the kubeconfig by which people log in.

    Options come from the environment: chart vcluster-access sets them.
    """
    logs.configure()


@main.command()
def apply() -> None:
    """Make and remove bindings, write the kubeconfig for people, and report certificates' dates.

    Before, make CA and certificates anew where that is asked for.

    Run by a Job for each change of the inputs, and daily.
    """
    from jobs.access.apply_loop import Apply
    from jobs.access.host import Host
    from jobs.access.inside import FIELD_MANAGER
    from jobs.access.options import environment
    from jobs.access.rotation_host import RotationHost
    from jobs.access.rotation_loop import Rotation
    from jobs.kubernetes import host_client
    from jobs.state import StateConfigMap, Stored

    env = environment()
    try:
        timeout = env.seconds("TIMEOUT", "10m")
        rotation = env.rotation()
        # The run ends by itself between two requests; one of them may hang.
        hooks.end_after(timeout * (2 if rotation else 1) + ANSWER_SECONDS, GAVE_UP)
        # Every action leaves a state from which the next run continues.
        hooks.end_on_sigterm()
        client = host_client(FIELD_MANAGER)
        places = env.places()
        state = StateConfigMap(client, places.state_namespace, places.state, Stored)
        host = Host(client, places)
        is_rotated = True
        if rotation:
            pods = RotationHost(client, places.namespace, env.text("RELEASE"))
            is_rotated = Rotation(rotation, host, pods, state).run(timeout)
        is_done = is_rotated and Apply(env.goal(), host, state).run(timeout)
    except RancherImportError as error:
        click.echo(f"vcluster-access: {error}", err=True)
        sys.exit(GAVE_UP)
    if not is_done:
        sys.exit(GAVE_UP)
