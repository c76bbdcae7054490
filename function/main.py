"""The command line: flags and environment in, a serving function or one clear line out."""

import dataclasses
import json
import os
import sys
from collections.abc import Iterator
from typing import NoReturn, TextIO

# gRPC's C core reads it on import and would print its own lines beside the one that we print.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import click
import yaml
from crossplane.function import cli, logging, runtime

from function import adopting, fn, listing, validate
from function.errors import InvalidError
from function.models import xr
from function.plain import at

MEGABYTE = 1024 * 1024


@click.group(invoke_without_command=True)
@cli.standard_options
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
) -> None:
    """Serve the composition function that turns a VCluster into Releases.

    With a command, do that instead.
    """
    if context.invoked_subcommand:
        return
    logging.configure(level=logging.Level.DEBUG if debug else logging.Level.INFO)
    if not insecure and tls_certs_dir is None:
        _fail("give --tls-server-certs-dir, or --insecure to serve without TLS")
    sent = max_recv_message_size if max_send_message_size is None else max_send_message_size
    if min(max_recv_message_size, sent) < 1:
        _fail("the message sizes are in MB and must be at least 1")
    options = [
        ("grpc.max_receive_message_length", max_recv_message_size * MEGABYTE),
        ("grpc.max_send_message_length", sent * MEGABYTE),
    ]
    try:
        credentials = None if insecure else runtime.load_credentials(str(tls_certs_dir))
        fn.serve(address, credentials, options=options)
    except OSError as error:
        _fail(f"cannot read {error.filename}: {error.strerror}")
    except (RuntimeError, ValueError):
        _fail(f"cannot serve at {address}: it is taken or no address, or the certificates are bad")


@main.command()
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option(
    "--output",
    "-o",
    type=click.Choice(["source", "pairs", "json"]),
    default="source",
    show_default=True,
    help="source: the image, one a line. pairs: the image, a tab, and where it is pulled from "
    "by the Input's registries. json: the same as a list of source and mirror.",
)
def images(file: TextIO, output: str) -> None:
    """Print every image that VClusters by the Input in FILE may run.

    FILE is a Composition with that Input, or the Input itself; - is standard input.
    """
    listed = _listed(file)
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
    help="What `helm status RELEASE -n NAMESPACE -o json` prints; it may hold secrets.",
)
@click.option(
    "--output",
    "-o",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="For people, or all of it as JSON.",
)
def adopt(vcluster: TextIO, composition: TextIO, release: TextIO, output: str) -> None:
    """Tell whether a virtual cluster that was installed by hand can come under VCLUSTER, and how.

    COMPOSITION is a Composition with this function's Input, or the Input itself; - is standard
    input. Nothing is changed. The exit code is 1 where something hinders it.
    """
    proposal = _proposal(vcluster, composition, release)
    if output == "json":
        click.echo(json.dumps(dataclasses.asdict(proposal), indent=2))
    else:
        click.echo("\n".join(_told(proposal)))
    sys.exit(1 if proposal.hindrances else 0)


def _proposal(vcluster: TextIO, composition: TextIO, release: TextIO) -> adopting.Proposal:
    composites = [one for one in _documents(vcluster) if at(one, "kind") == xr.KIND]
    inputs = [*listing.inputs(_documents(composition))]
    if len(composites) != 1 or not isinstance(composites[0], dict):
        _fail(f"{vcluster.name} must hold one {xr.KIND}")
    if len(inputs) != 1:
        _fail(f"{composition.name} must hold one Input of this function, or a Composition with it")
    try:
        status = json.load(release)
        objects = [*yaml.safe_load_all(str(at(status, "manifest") or ""))]
    except (ValueError, yaml.YAMLError):
        _fail(f"{release.name} is not what `{adopting.HELM_STATUS}` prints")
    try:
        found = adopting.helm_release(status, objects)
    except InvalidError as error:
        _fail(str(error))
    return adopting.propose(composites[0], inputs[0], found)


def _documents(file: TextIO) -> list[object]:
    try:
        return [*yaml.safe_load_all(file)]
    except (yaml.YAMLError, UnicodeDecodeError):
        _fail(f"{file.name} is not YAML")


def _told(proposal: adopting.Proposal) -> Iterator[str]:
    where = f"Helm release {proposal.entry['namespace']}/{proposal.entry['release']}"
    if proposal.hindrances:
        yield f"{where} cannot be adopted by VCluster {proposal.key}:"
        yield from (f"- {hindrance}" for hindrance in proposal.hindrances)
        return
    yield f"{where} can be adopted by VCluster {proposal.key}."
    yield "\n1. Run on the host:\n"
    yield from proposal.commands
    yield "\n2. Put into the Input, after a look for secrets, which do not belong there:\n"
    yield yaml.safe_dump({"adopted": {proposal.key: proposal.entry}}, sort_keys=False)
    yield "3. Create the VCluster. At once, and without a restart:\n"
    yield from (f"- {line}" for line in proposal.at_once)
    yield "\nOnce `values` leave the entry the control plane restarts, with other values at:\n"
    for what, paths in proposal.later.items():
        yield from (f"- {path} ({what})" for path in paths)


def _listed(file: TextIO) -> list[listing.Listed]:
    try:
        inputs = [*listing.inputs(yaml.safe_load_all(file))]
        if not inputs:
            _fail(f"{file.name} has no Input of this function, and no Composition with one")
        found = {each for one in inputs for each in listing.listed(validate.platform_input(one))}
    except (yaml.YAMLError, UnicodeDecodeError):
        _fail(f"{file.name} is not YAML")
    except InvalidError as error:
        _fail(str(error))
    return sorted(found)


def _fail(why: str) -> NoReturn:
    click.echo(f"function: {why}", err=True)
    sys.exit(1)
