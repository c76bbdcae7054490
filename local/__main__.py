"""The commands behind `make up` and `make down`."""

from __future__ import annotations

import sys
import time

import click

from local import charts, cluster, images, install, machine, node, packages, requirements
from local.command import LocalError

name_option = click.option(
    "--name", envvar="LOCAL", default="dev", show_default=True, help="which platform; LOCAL"
)


@click.group(help=__doc__)
def main() -> None:
    """Parse the command line."""


@main.command()
@name_option
def up(name: str) -> None:
    """Start a platform, or repair what died in one."""
    started = time.monotonic()

    def say(text: str) -> None:
        click.echo(f"up: {time.monotonic() - started:4.0f} s  {text}")

    try:
        requirements.check(say)
        built = images.build(say)
        charts.build(say)
        there = cluster.start(name, built, say)
        site = node.site(there)
        install.platform(site, packages.build(built, say), say)
    except LocalError as error:
        click.echo(f"up: {error}", err=True)
        sys.exit(1)
    say("ready")
    click.echo(install.hint(site))


@main.command()
@name_option
def down(name: str) -> None:
    """Remove a platform with everything that it made."""
    machine.remove(name)
    click.echo(f"down: {name}: nothing is left")


if __name__ == "__main__":
    main()
