"""Image archives as `docker save` writes them, from files: the same files give the same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

EXECUTABLE = 0o755
BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Config:
    """The start of an image's containers."""

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    workdir: str = "/"


@dataclass(frozen=True, slots=True)
class Content:
    """The files of an image, by their path in it."""

    files: Mapping[str, Path] = field(default_factory=dict)
    """Files and whole folders of this machine; executable files become executable for all users."""
    links: Mapping[str, str] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    """Empty folders that all users may write to."""


def write(archive: Path, reference: str, content: Content, config: Config) -> str:
    """Write an archive, and return the digest of its configuration, which names the image."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    layer = archive.with_suffix(".layer")
    _write_layer(layer, content)
    described = json.dumps(
        {
            "architecture": _architecture(),
            "os": "linux",
            "config": {
                "Entrypoint": list(config.entrypoint),
                "Cmd": list(config.command),
                "Env": [f"{key}={value}" for key, value in config.env.items()],
                "User": config.user,
                "WorkingDir": config.workdir,
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_digest(layer)}"]},
        },
        sort_keys=True,
    ).encode()
    digest = hashlib.sha256(described).hexdigest()
    manifest = [{"Config": f"{digest}.json", "RepoTags": [reference], "Layers": ["layer.tar"]}]
    # An interrupted run must not leave something that passes for complete.
    unfinished = archive.with_suffix(".unfinished")
    with tarfile.open(unfinished, "w") as tar:
        _add_bytes(tar, f"{digest}.json", described)
        _add_bytes(tar, "manifest.json", json.dumps(manifest).encode())
        _add_file(tar, "layer.tar", layer)
    layer.unlink()
    unfinished.replace(archive)
    return digest


def _write_layer(path: Path, content: Content) -> None:
    with tarfile.open(path, "w") as tar:
        for name in content.folders:
            info = tarfile.TarInfo(name.lstrip("/"))
            info.type, info.mode = tarfile.DIRTYPE, 0o1777
            tar.addfile(info)
        for name, source in content.files.items():
            if source.is_dir():
                for each in sorted(source.rglob("*")):
                    if each.is_file():
                        _add_file(tar, f"{name}/{each.relative_to(source)}".lstrip("/"), each)
            else:
                _add_file(tar, name.lstrip("/"), source)
        for name, target in content.links.items():
            info = tarfile.TarInfo(name.lstrip("/"))
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)


def _add_file(tar: tarfile.TarFile, name: str, source: Path) -> None:
    status = source.stat()
    info = tarfile.TarInfo(name)
    info.size = status.st_size
    info.mode = EXECUTABLE if status.st_mode & 0o100 else 0o644
    with source.open("rb") as file:
        tar.addfile(info, file)


def _add_bytes(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _architecture() -> str:
    import platform  # noqa: PLC0415 -- the name is needed once

    return {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
