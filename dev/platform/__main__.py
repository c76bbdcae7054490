"""The commands behind `make up` and `make down`."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dev.platform import (
    charts,
    cluster,
    existing,
    images,
    install,
    machine,
    node,
    packages,
    requirements,
)
from dev.platform.command import PlatformError

if TYPE_CHECKING:
    from dev.platform.site import Site

name_option = click.option(
    "--name", envvar="LOCAL", default="dev", show_default=True, help="which platform; LOCAL"
)
cluster_option = click.option(
    "--cluster",
    "where",
    type=click.Choice(["node", "kind", "existing"]),
    envvar="CLUSTER",
    default="node",
    show_default=True,
    help="where: a node on this machine, kind, or the cluster of KUBECONFIG; CLUSTER",
)


@click.group(help=__doc__)
def main() -> None:
    """Parse the command line."""


@main.command()
@name_option
@cluster_option
@click.option("--registry", envvar="REGISTRY", help="for an existing cluster; REGISTRY")
def up(name: str, where: str, registry: str | None) -> None:
    """Start a platform, or restart its dead programs."""
    started = time.monotonic()

    def say(text: str) -> None:
        click.echo(f"up: {time.monotonic() - started:4.0f} s  {text}")

    try:
        site, built = _prepare(name, where, registry, say)
        install.platform(site, built, say)
    except PlatformError as error:
        click.echo(f"up: {error}", err=True)
        sys.exit(1)
    say("ready")
    click.echo(install.hint(site))


def _prepare(
    name: str, where: str, registry: str | None, say: install.Say
) -> tuple[Site, tuple[packages.Package, ...]]:
    """Return the cluster, and the packages to push."""
    if where == "kind":
        site, function = existing.kind(name, say)
        return site, (function,)
    if where == "existing":
        config = os.environ.get("KUBECONFIG")
        if not config or not registry:
            msg = (
                "for an existing cluster set KUBECONFIG to its kubeconfig, and REGISTRY to a "
                "registry that you may push to and it can pull from, such as ghcr.io/me"
            )
            raise PlatformError(msg)
        site, function = existing.prepare_cluster(name, Path(config), registry, say)
        return site, (function,)
    requirements.check(say)
    built = images.build(say)
    charts.build(say)
    there = cluster.start(name, built, say)
    return node.site(there), packages.build(built, say)


@main.command()
@name_option
@cluster_option
def down(name: str, where: str) -> None:
    """Remove a platform and all its files."""
    if where == "existing":
        click.echo("down: what is installed on a cluster of yours is yours to remove", err=True)
        sys.exit(1)
    if where == "kind":
        existing.remove_kind(name)
    else:
        machine.remove(name)
    click.echo(f"down: {name}: nothing is left")


if __name__ == "__main__":
    main()
