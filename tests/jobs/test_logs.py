"""The log of the programs."""

import json

import pytest
import structlog

from jobs import logs


def test_a_line_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    """A line has level, time and what the program adds."""
    try:
        logs.configure()
        structlog.get_logger().warning("look failed", reason="TokenRejected")
    finally:
        structlog.reset_defaults()
    line = json.loads(capsys.readouterr().out)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "look failed", "level": "warning", "reason": "TokenRejected"}
