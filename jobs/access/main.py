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

    Run by a Job for each change of the inputs, and daily.
    """
    from jobs.access.apply_loop import Apply
    from jobs.access.host import Host
    from jobs.access.inside import FIELD_MANAGER
    from jobs.access.options import environment
    from jobs.kubernetes import host_client
    from jobs.state import StateConfigMap, Stored

    env = environment()
    try:
        timeout = env.seconds("TIMEOUT", "10m")
        # The run ends by itself between two requests; one of them may hang.
        hooks.end_after(timeout + ANSWER_SECONDS, GAVE_UP)
        # Every action leaves a state from which the next run continues.
        hooks.end_on_sigterm()
        client = host_client(FIELD_MANAGER)
        places = env.places()
        state = StateConfigMap(client, places.state_namespace, places.state, Stored)
        is_done = Apply(env.goal(), Host(client, places), state).run(timeout)
    except RancherImportError as error:
        click.echo(f"vcluster-access: {error}", err=True)
        sys.exit(GAVE_UP)
    if not is_done:
        sys.exit(GAVE_UP)
