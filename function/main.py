"""The command line: flags and environment variables, and errors in one line."""

import dataclasses
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

# gRPC's C core reads it on import, and would print lines of its own beside our message.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import click
from crossplane.function import cli, logging

from function.api import xr
from function.api.errors import InvalidError
from function.commands import adopt, restore
from function.commands.files import fail, listed_images, one_input, proposal, read_all
from function.commands.plan import dry_run, report, requests
from function.server import grpc_server
from function.server.tls import Certificates

MEGABYTE = 1024 * 1024


@click.group(invoke_without_command=True)
@cli.standard_options
@click.option(
    "--metrics-address",
    envvar="METRICS_ADDRESS",
    default="",
    help="Address of /metrics, /healthz and /readyz, such as 0.0.0.0:8080. Default: none.",
)
@click.option(
    "--drain-delay",
    envvar="DRAIN_DELAY",
    type=click.FloatRange(0, 20),
    default=0,
    show_default=True,
    help="Keep serving this many seconds after SIGTERM, so that clients can reconnect.",
)
@click.version_option(package_name="function-vcluster")
@click.pass_context
def main(  # noqa: PLR0913  # the SDK's standard options
    context: click.Context,
    *,
    debug: bool,
    address: str,
    tls_certs_dir: str | None,
    insecure: bool,
    max_recv_message_size: int,
    max_send_message_size: int | None,
    metrics_address: str,
    drain_delay: float,
) -> None:
    """Serve the composition function that turns a VCluster into Releases.

    With a command, run the command instead.
    """
    if context.invoked_subcommand:
        return
    logging.configure(level=logging.Level.DEBUG if debug else logging.Level.INFO)
    certificates = None if insecure else _certificates(tls_certs_dir)
    options = _message_sizes(max_recv_message_size, max_send_message_size)
    try:
        credentials = certificates.credentials() if certificates else None
        grpc_server.serve(
            grpc_server.Options(address, credentials, options, metrics_address, drain_delay)
        )
    except OSError as error:
        fail(f"cannot serve metrics at {metrics_address}: {error.strerror}")
    except (RuntimeError, ValueError):
        fail(f"cannot serve at {address}: it is taken or no address, or the certificates are bad")


@main.command()
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option(
    "--output",
    "-o",
    type=click.Choice(["source", "pairs", "json"]),
    default="source",
    show_default=True,
    help="source: one image a line. pairs: image, tab, and its mirror by the Input's registries. "
    "json: a list of source and mirror.",
)
def images_command(file: TextIO, output: str) -> None:
    """Print every image that VClusters of the Input in FILE may run.

    FILE is a Composition with that Input, or the Input itself; - is standard input.
    """
    listed = listed_images(file)
    if output == "json":
        click.echo(json.dumps([{"source": e.source, "mirror": e.mirror} for e in listed], indent=2))
        return
    for each in listed:
        click.echo(each.source if output == "source" else f"{each.source}\t{each.mirror}")


@main.command()
@click.argument("vcluster", type=click.File(encoding="utf-8"))
@click.argument("composition", type=click.File(encoding="utf-8"))
@click.option(
    "--release",
    required=True,
    type=click.File(encoding="utf-8"),
    help="Output of `helm status RELEASE -n NAMESPACE -o json`; it may hold secrets.",
)
@click.option(
    "--output",
    "-o",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="text for people, or the complete result as JSON.",
)
def adopt_command(vcluster: TextIO, composition: TextIO, release: TextIO, output: str) -> None:
    """Check the adoption of a virtual cluster that was installed by hand, and print its steps.

    VCLUSTER is the VCluster, COMPOSITION a Composition with this function's Input, or the Input
    itself; - is standard input. Nothing is changed. The exit code is 1 if the adoption is
    impossible.
    """
    proposed = proposal(vcluster, composition, release)
    if output == "json":
        click.echo(json.dumps(dataclasses.asdict(proposed), indent=2))
    else:
        click.echo("\n".join(adopt.lines(proposed)))
    sys.exit(1 if proposed.hindrances else 0)


@main.command()
@click.argument("files", nargs=-1, type=click.File(encoding="utf-8"))
@click.option(
    "--input",
    "platform",
    required=True,
    type=click.File(encoding="utf-8"),
    help="The Composition with this function's Input, or the Input itself.",
)
@click.option(
    "--observed",
    multiple=True,
    type=click.File(encoding="utf-8"),
    help="Existing composed resources, connection Secrets and VClusters as YAML, also as lists of "
    "kubectl. Default: none exist.",
)
@click.option(
    "--kubeconfig",
    type=click.Path(exists=True, dir_okay=False),
    help="Read the existing objects from this control plane instead.",
)
@click.option("--context", help="Context of the kubeconfig; default the current one.")
@click.option(
    "--output",
    "-o",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="text for people, json for programs.",
)
@click.option("--show-values", is_flag=True, help="Show all values; some may be secret.")
@click.option("--exit-code", is_flag=True, help="Exit with 2 if something changes.")
def plan_command(  # noqa: PLR0913  # the command's options
    *,
    files: tuple[TextIO, ...],
    platform: TextIO,
    observed: tuple[TextIO, ...],
    kubeconfig: str | None,
    context: str | None,
    output: str,
    show_values: bool,
    exit_code: bool,
) -> None:
    """Print the changes that the VClusters in FILES would cause, in order; change nothing.

    Without FILES, print those of all existing VClusters. The exit code is 1 if something is
    refused.
    """
    config = one_input(platform)
    composites = [each for file in files for each in read_all(file)]
    existing = [each for file in observed for each in read_all(file)]
    if kubeconfig:
        existing += _live(kubeconfig, context)
    plans = [dry_run.plan(each) for each in requests.build_requests(composites, existing, config)]
    if not plans:
        fail(f"there is no {xr.KIND}: name a file with one, or say where they exist")
    if output == "json":
        click.echo(report.as_json(plans, show=show_values))
    else:
        click.echo("\n".join(report.text(plans, show=show_values)))
    if any(plan.is_refused for plan in plans):
        sys.exit(1)
    sys.exit(2 if exit_code and any(plan.steps for plan in plans) else 0)


@main.command()
@click.argument("file", type=click.File(encoding="utf-8"))
def restore_command(file: TextIO) -> None:
    """Print the VClusters that restore those in FILE on a new control plane.

    FILE is a backup that `kubectl get vclusters.caas.telekom.de --all-namespaces -o json` printed;
    - is standard input. The output is a List for `kubectl create -f -`. Nothing is changed.
    """
    try:
        click.echo(json.dumps(restore.restored(read_all(file)), indent=2))
    except InvalidError as error:
        fail(str(error))


@main.command()
@click.argument("name")
@click.option("--for", "period", default="1h", show_default=True, help="Validity, as 30m or 2h.")
@click.option("--namespace", "-n", help="Namespace of the VCluster, where they have one.")
@click.option("--kubeconfig", envvar="KUBECONFIG", help="Of the control plane. KUBECONFIG.")
@click.option("--context", help="Context of the control plane; default the current one.")
@click.option("--host-context", help="Context of the host, if it is another cluster.")
@click.option("--server", help="URL at which you reach the API server of the virtual cluster.")
@click.option("--revoke", is_flag=True, help="End all that were issued, and issue none.")
def kubeconfig_command(*, name: str, period: str, revoke: bool, **places: str | None) -> None:
    """Print a kubeconfig with which a platform's administrator is let into the VCluster NAME.

    It ends by itself. The VCluster gets an Event that says who asked, and until when it is valid.
    """
    # Imported here: the server does not need the client, and starts faster without.
    from function.commands import kubeconfig  # noqa: PLC0415

    try:
        options = kubeconfig.Options(name, period, **places)
        click.echo(kubeconfig.revoke(options) if revoke else kubeconfig.issue(options), nl=False)
    except kubeconfig.UnavailableError as error:
        fail(str(error))


def _certificates(folder: str | None) -> Certificates:
    if folder is None:
        fail("give --tls-server-certs-dir, or --insecure to serve without TLS")
    try:
        return Certificates(Path(folder))
    except OSError as error:
        fail(f"cannot read {error.filename}: {error.strerror}")


def _message_sizes(receive: int, send: int | None) -> list[tuple[str, int]]:
    """Return gRPC's options for the sizes in MB; that of responses defaults to that of requests."""
    response = receive if send is None else send
    if min(receive, response) < 1:
        fail("the message sizes are in MB and must be at least 1")
    return [
        ("grpc.max_receive_message_length", receive * MEGABYTE),
        ("grpc.max_send_message_length", response * MEGABYTE),
    ]


def _live(kubeconfig: str, context: str | None) -> list[Mapping[str, object]]:
    # Imported here: the server does not need the client, and starts faster without.
    from function.commands.plan import cluster  # noqa: PLC0415

    try:
        return [*cluster.documents(kubeconfig, context)]
    except cluster.UnreadableError as error:
        fail(f"cannot read the control plane: {error}")
