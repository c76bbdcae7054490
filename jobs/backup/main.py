"""The command line of `vcluster-backup`, which chart vcluster-backup runs."""

# Each command imports its own modules, so that `--help` starts fast.
# ruff: noqa: PLC0415

import sys
import zoneinfo
from typing import TYPE_CHECKING

import click

from jobs import hooks, logs
from jobs.errors import RancherImportError
from jobs.transport import ANSWER_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobs.backup.options import Environment
    from jobs.backup.places import Places
    from jobs.bounded_api import Api

GAVE_UP = 1

FIELD_MANAGER = "vcluster-backup"


@click.group()
def main() -> None:
    """Take, keep and restore backups of one virtual cluster.

    Options come from the environment and mounted files: chart vcluster-backup sets them.
    """
    logs.configure()
    # The time zones of the package that is pinned, on any base image.
    zoneinfo.reset_tzpath(to=())


@main.command()
def snapshot() -> None:
    """Take a snapshot, verify it, and remove archives beyond the retention.

    Run by a CronJob, and once for each change of the inputs with FIRST=true.
    """
    from jobs.backup import schedule, scheduled

    longest = schedule.LONGEST_DELAY.total_seconds()
    _run(lambda env, places, _: scheduled.run(env, places), "30m", longest)


@main.command()
def finish() -> None:
    """Take the final snapshot and remove requests; run before chart vcluster-backup is removed.

    With ON_DELETE=Snapshot and ON_FAILURE=Block it fails until there is one. With
    ON_FAILURE=Delete it ends well once DELETE_TIMEOUT is over since the first attempt.
    """
    from jobs.backup import final

    _run(final.run, "4m", final.REMOVAL_SECONDS)


@main.command()
def prepare() -> None:
    """Prepare a rollback: read the archive, look for newer volumes, and make a backup.

    The report says Prepared or Refused at the end, with the reason; nothing else is changed.
    """
    from jobs.backup import preparation

    _run(lambda env, places, _: preparation.run(env, places), "30m", preparation.REPORT_SECONDS)


@main.command()
def restore() -> None:
    """Restore an archive: into a new VCluster before it starts, or in place into a stopped one."""
    from jobs.backup import restored

    _run(lambda env, places, _: restored.run(env, places), "30m", restored.REPORT_SECONDS)


def _run(work: "Callable[[Environment, Places, Api], bool]", timeout: str, more: float) -> None:
    """Do the work of a command; exit with an error where it has to be done again."""
    from jobs.backup.clients import places
    from jobs.backup.options import environment
    from jobs.kubernetes import host_client

    env = environment()
    try:
        # The work ends by itself between two requests; one of them may hang.
        hooks.end_after(env.seconds("TIMEOUT", timeout) + more + ANSWER_SECONDS, GAVE_UP)
        hooks.end_on_sigterm()
        client = host_client(FIELD_MANAGER)
        done = work(env, places(env, client), client)
    except RancherImportError as error:
        click.echo(f"vcluster-backup: {error}", err=True)
        sys.exit(GAVE_UP)
    if not done:
        sys.exit(GAVE_UP)
