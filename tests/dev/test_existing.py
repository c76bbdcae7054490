"""The platform on other clusters, as far as it can be told without Docker."""

import base64
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dev.platform import existing
from dev.platform.place import ROOT


def test_charts_are_served_as_they_are() -> None:
    """What provider-helm pulls is what was packaged, from a pod with the least rights."""
    files = {"index.yaml": b"entries: {}", "a-1.tgz": bytes(range(256))}
    namespace, config, deployment, service = existing.charts_manifests(files, "image:1", "abc")
    assert namespace["metadata"]["name"] == "vcluster-charts"
    served = {name: base64.b64decode(data) for name, data in config["binaryData"].items()}
    assert served == files
    template = deployment["spec"]["template"]
    assert template["metadata"]["labels"] == service["spec"]["selector"]
    assert template["metadata"]["annotations"] == {"charts": "abc"}
    assert template["spec"]["securityContext"]["runAsNonRoot"]
    [container] = template["spec"]["containers"]
    assert container["command"] == [
        *("python", "-m", "http.server", "8080", "--directory", "/charts")
    ]  # fmt: skip
    assert service["spec"]["ports"] == [{"port": 8080}]


@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        (["--cluster", "kind"], {}, "up: docker is missing: https://docs.docker.com/"),
        (["--cluster", "existing"], {}, "up: for an existing cluster set KUBECONFIG"),
        (["--cluster", "existing"], {"KUBECONFIG": "k"}, "and REGISTRY to a registry"),
        (
            ["--cluster", "existing", "--registry", "ghcr.io/me"],
            {"KUBECONFIG": "k"},
            "up: docker is missing",
        ),
    ],
    ids=["kind", "nothing set", "no registry", "no Docker"],
)
def test_what_is_missing_is_said(arguments: list[str], settings: dict[str, str], said: str) -> None:
    """Before anything is made."""
    done = subprocess.run(
        [sys.executable, "-m", "dev.platform", "up", "--name", "none", *arguments],
        cwd=ROOT,
        env={"PATH": "", **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert not (ROOT / ".local" / "none").exists()


def test_kind_is_asked_for_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry that exists is used again, and trusted by its address."""
    for name in ("kind", "docker"):
        program = tmp_path / name
        program.write_text(PROGRAM)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert existing.kind_registry("mine") == ("127.0.0.1:32768", "172.18.0.3:5000")
    existing.trust_registry("vcluster-mine", "172.18.0.3:5000")
    asked = (tmp_path / "asked").read_text()
    assert "docker run" not in asked
    folder = "/etc/containerd/certs.d/172.18.0.3:5000"
    trusted = f"sh -c mkdir -p {folder} && cat >{folder}/hosts.toml"
    node = "vcluster-mine-control-plane"
    assert asked.endswith(
        f'docker exec --interactive {node} {trusted}\n[host."http://172.18.0.3:5000"]\n'
    )


PROGRAM = """#!/bin/sh
here=$(dirname "$0")
name=$(basename "$0")
echo "$name $*" >>"$here/asked"
case "$name $1" in
"docker ps") echo vcluster-mine-registry ;;
"docker port") echo 127.0.0.1:32768 ;;
"docker inspect") echo 172.18.0.3 ;;
"docker exec") cat >>"$here/asked" ;;
"kind get") echo vcluster-mine-control-plane ;;
esac
"""
