"""The function's image by the steps of the project's own Dockerfile, and the test Rancher's on top.

buildah takes the steps. The base image is a Debian root file system with the Python of the
Dockerfile's default, made by debootstrap, because no registry is needed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tomllib
from typing import TYPE_CHECKING

from dev.platform.command import PlatformError, run
from dev.platform.place import ROOT, TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    Say = Callable[[str], None]
    Built = tuple[str, Path, str]

SUITE = "trixie"
BASE = "localhost/python:local"
STORE = TOOLS / "buildah"
SOURCES = (
    "Dockerfile",
    "requirements/runtime.lock",
    "requirements/build.lock",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "function",
    "jobs",
)
RANCHER = "dev/fake_rancher"
TEST_RANCHER = "localhost/test-rancher:0.1.0"
AGENT = "docker.io/rancher/rancher-agent:v2.15.0"


def version() -> str:
    """Return the project's version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return str(project["version"])


def reference() -> str:
    """Return the name of the function's image."""
    return f"ghcr.io/example/function-vcluster:{version()}"


def test_rancher_dockerfiles() -> dict[str, str]:
    """Return the Dockerfiles of the test Rancher's images, by name."""
    program = [
        f"FROM {reference()}",
        f"COPY . /app/{RANCHER}",
        "WORKDIR /app",
        f"ENTRYPOINT {_entrypoint()}",
    ]
    # Rancher's manifest mounts the credentials for root alone.
    return {
        TEST_RANCHER: "\n".join(program),
        AGENT: "\n".join([*program, "USER 0:0"]),
    }


def _entrypoint() -> str:
    return json.dumps(["python", "-m", RANCHER.replace("/", ".")])


def build(folder: Path, say: Say) -> tuple[Built, ...]:
    """Build both images if their sources have changed."""
    function_inputs = _digest(SOURCES)
    rancher_inputs = _digest((*SOURCES, RANCHER))
    function, test_rancher, agent = (
        folder / f"{name}.tar" for name in ("function", "test-rancher", "rancher-agent")
    )
    if not _is_current(function, function_inputs):
        _base(say)
        say(f"building {reference()} by the Dockerfile")
        certificates = "/etc/ssl/certs"
        _buildah(
            *("bud", "--quiet", "--network=host", f"--build-arg=PYTHON_IMAGE={BASE}"),
            *(f"--build-arg=VERSION={version()}", f"--volume={certificates}:{certificates}:ro"),
            *("--tag", reference(), str(ROOT)),
        )
        _save(reference(), function, function_inputs)
    if not _is_current(agent, rancher_inputs):
        say(f"building {TEST_RANCHER}")
        container = _buildah("from", reference()).strip()
        _buildah("copy", container, str(ROOT / RANCHER), f"/app/{RANCHER}")
        _buildah("config", "--workingdir=/app", f"--entrypoint={_entrypoint()}", container)
        _buildah("commit", "--quiet", container, TEST_RANCHER)
        _save(TEST_RANCHER, test_rancher, rancher_inputs)
        # Rancher's manifest mounts the credentials for root alone.
        _buildah("config", "--user=0:0", container)
        _buildah("commit", "--quiet", "--rm", container, AGENT)
        _save(AGENT, agent, rancher_inputs)
    return (
        (reference(), function, function_inputs),
        (TEST_RANCHER, test_rancher, rancher_inputs),
        (AGENT, agent, rancher_inputs),
    )


def _base(say: Say) -> None:
    if BASE in _buildah("images", "--format", "{{.Name}}:{{.Tag}}"):
        return
    root = STORE / SUITE
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    say(f"making a root file system of Debian {SUITE}")
    run(
        "debootstrap",
        *("--variant=minbase", "--include=python3,python3-venv,ca-certificates"),
        *(SUITE, str(root), _mirror()),
    )
    # Debian's own packages of Python must not stand in the way of what pip installs.
    run("chroot", str(root), "python3", "-m", "venv", "/usr/local")
    for unneeded in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale"):
        shutil.rmtree(root / unneeded)
        (root / unneeded).mkdir()
    container = _buildah("from", "scratch").strip()
    _buildah("add", container, str(root), "/")
    _buildah("config", "--env", "PATH=/usr/local/bin:/usr/bin:/bin", container)
    _buildah("commit", "--quiet", "--rm", container, BASE)
    shutil.rmtree(root)


def _mirror() -> str:
    """Return the mirror of this machine's Debian packages."""
    sites = run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages")
    for line in sites.splitlines():
        if "security" not in line:
            return line.strip()
    msg = "apt-get names no repository of Debian: see /etc/apt/sources.list"
    raise PlatformError(msg)


def _save(image: str, target: Path, inputs: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    _buildah("push", "--quiet", image, f"docker-archive:{unfinished}:{image}")
    unfinished.replace(target)
    target.with_suffix(".json").write_text(json.dumps({"inputs": inputs}))


def _is_current(target: Path, inputs: str) -> bool:
    note = target.with_suffix(".json")
    return (
        target.exists() and note.exists() and bool(json.loads(note.read_text())["inputs"] == inputs)
    )


def _digest(names: Iterable[str]) -> str:
    digest = hashlib.sha256(SUITE.encode())
    for name in names:
        path = ROOT / name
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        for each in files:
            if each.is_file() and "__pycache__" not in each.parts:
                digest.update(f"{each.relative_to(ROOT)}\0".encode())
                digest.update(each.read_bytes())
    return digest.hexdigest()


def _buildah(*words: str) -> str:
    places = (f"--root={STORE / 'storage'}", f"--runroot={STORE / 'run'}", "--storage-driver=vfs")
    return run("buildah", *places, *words, env={"BUILDAH_ISOLATION": "chroot"})
