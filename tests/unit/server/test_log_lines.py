"""No one who is quoted in a log begins a line of it."""

import json

import click
import pytest
import structlog
from click.testing import CliRunner
from crossplane.function import logging

from function.server import grpc_server
from jobs.errors import RefusedError, TransientError
from jobs.rancher.main import exit_on_error

REASON = "RancherRefuses"
FORGED = 'no\n{"level": "info", "event": "connected"}\r\x1b[2K\u2028\x85x'
WRITTEN = 'no\\n{"level": "info", "event": "connected"}\\r\\x1b[2K\\u2028\\x85x'


@pytest.mark.parametrize("error", [RefusedError, TransientError])
def test_errors_of_the_import(error: type[RefusedError | TransientError]) -> None:
    """What Rancher or Kubernetes answers is one line on standard error and in the state."""

    @click.command()
    @exit_on_error
    def fails() -> None:
        raise error(REASON, FORGED)

    done = CliRunner().invoke(fails)
    assert done.output == f"rancher-import: RancherRefuses: {WRITTEN}\n"
    assert error("RancherRefuses", FORGED).message == WRITTEN


@pytest.mark.parametrize("level", [logging.Level.DEBUG, logging.Level.INFO])
def test_lines_of_the_function(level: logging.Level, capsys: pytest.CaptureFixture[str]) -> None:
    """A line is a line, for programs and, with --debug, for people."""
    try:
        logging.configure(level=level)
        grpc_server._escape_console()  # noqa: SLF001  # what `serve` begins with
        structlog.stdlib.get_logger().warning("withheld", words=FORGED, xr="a\x1b[2K")
    finally:
        structlog.reset_defaults()
    (line,) = capsys.readouterr().out.splitlines()
    if level is logging.Level.INFO:
        assert json.loads(line)["words"] == FORGED
    assert "\\n{" in line
    assert "\x1b[2K" not in line
