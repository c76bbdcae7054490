"""The command line: flags and environment in, a serving function or one clear line out."""

import os
import sys

# gRPC's C core reads it on import and would print its own lines beside the one that we print.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import click
from crossplane.function import cli, logging, runtime

from function import fn

MEGABYTE = 1024 * 1024


@click.command()
@cli.standard_options
@click.version_option(package_name="function-vcluster")
def main(  # noqa: PLR0913  # the SDK's standard options
    *,
    debug: bool,
    address: str,
    tls_certs_dir: str | None,
    insecure: bool,
    max_recv_message_size: int,
    max_send_message_size: int | None,
) -> None:
    """Serve the composition function that turns a VCluster into Releases."""
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


def _fail(why: str) -> None:
    click.echo(f"function: {why}", err=True)
    sys.exit(1)
