"""The program `vcluster-access`, as its Job starts it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.access.model import Goal, Grant, Issuer, Login, Subject
from jobs.access.options import Environment
from jobs.errors import RefusedError
from tests.jobs.access.world import ADMINS, CORP, World, rights

SECRET = "not-to-be-shown"


def start(world: World, folder: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run the program on the real server."""
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(world.api.kubeconfig))
    return subprocess.run(
        [sys.executable, "-m", "jobs.access", "apply"],
        env={**os.environ, **world.env, "KUBECONFIG": str(kubeconfig), **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_apply(world: World, tmp_path: Path) -> None:
    """The program ends well when all is as the spec says."""
    world.want([ADMINS])
    done = start(world, tmp_path)
    assert done.returncode == 0, done.stderr
    assert world.rights() == rights(ADMINS)


def test_the_time_is_up(world: World, tmp_path: Path) -> None:
    """The Job begins again after a run that could not do all, and the log has no secret."""
    world.write_kubeconfig(token=SECRET)
    done = start(world, tmp_path, TIMEOUT="2s")
    assert done.returncode == 1
    assert "WaitingForApi" in done.stdout
    for text in (done.stdout, done.stderr, json.dumps(world.report())):
        assert SECRET not in text


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("BINDINGS", "[{}]", "BINDINGS must be a JSON list of {kind, name, clusterRole"),
        ("BINDINGS", "{", "BINDINGS must be a JSON list of objects."),
        (
            "BINDINGS",
            '[{"kind": "ServiceAccount", "name": "x", "clusterRole": "view"}]',
            "BINDINGS must be a JSON list of {kind",
        ),
        ("BINDINGS", '[{"kind": "User", "name": 1, "clusterRole": "view"}]', "BINDINGS must be"),
        ("LOGIN_ISSUERS", "[1]", "LOGIN_ISSUERS must be a JSON list of objects."),
        ("LOGIN_ISSUERS", '[{"name": "x"}]', "LOGIN_ISSUERS must be a JSON list of {name, url"),
        ("LOGIN_SECRET", "", "LOGIN_SECRET is not set."),
        ("ROTATE", "-1", "ROTATE must be a number."),
        ("ROTATE", "1", "RELEASE is not set."),
        ("INPUTS", "", "INPUTS is not set."),
    ],
)
def test_options_that_are_wrong(
    world: World, tmp_path: Path, name: str, value: str, error: str
) -> None:
    """An option that is wrong is named, in one line."""
    done = start(world, tmp_path, **{name: value})
    assert done.returncode == 1
    assert done.stderr.startswith(f"vcluster-access: BadOptions: {error}")
    assert done.stderr.count("\n") == 1


def test_options() -> None:
    """Subjects of one role are one grant, and issuers keep their order."""
    env = Environment(
        {
            "INPUTS": "in-1",
            "BINDINGS": json.dumps(
                [
                    {"kind": "User", "name": "b", "clusterRole": "view"},
                    {"kind": "User", "name": "a", "clusterRole": "view"},
                    {"kind": "Group", "name": "a", "clusterRole": "view", "namespace": "shop"},
                ]
            ),
            "LOGIN_SECRET": "login",
            "LOGIN_CONTEXT": "kunde1",
            "LOGIN_ISSUERS": json.dumps([CORP, {**CORP, "name": "a"}]),
        }
    )
    issuer = Issuer(
        "corp", "https://login.example.org/corp", "vcluster-kunde1", ("email", "groups")
    )
    assert env.goal() == Goal(
        "in-1",
        {
            Grant("view"): frozenset([Subject("User", "a"), Subject("User", "b")]),
            Grant("view", "shop"): frozenset([Subject("Group", "a")]),
        },
        Login("kunde1", (issuer, Issuer("a", *list(vars(issuer).values())[1:]))),
    )
    with pytest.raises(RefusedError, match="KUBECONFIG_NAMESPACE"):
        env.places()
