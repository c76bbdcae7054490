"""Image archives: what is in them, and that the same files give the same bytes."""

import io
import json
import tarfile
from pathlib import Path

from dev.platform import archive
from dev.platform.archive import Config, Content


def made(folder: Path, name: str) -> tuple[Path, str]:
    """Write an image of a program, a folder and a link."""
    program = folder / "program"
    program.write_bytes(b"#!/bin/sh\n")
    program.chmod(0o700)
    data = folder / "data"
    data.mkdir(exist_ok=True)
    (data / "b").write_text("b")
    (data / "a").write_text("a")
    target = folder / f"{name}.tar"
    content = Content({"/bin/program": program, "/data": data}, {"/bin/sh": "program"}, ("/tmp",))  # noqa: S108
    config = Config(("/bin/program",), env={"A": "1"}, user="65532")
    return target, archive.write(target, "example.org/image:1", content, config)


def test_an_archive_is_what_docker_save_writes(tmp_path: Path) -> None:
    """A manifest names configuration, reference and layer; the layer has the files."""
    target, digest = made(tmp_path, "one")
    with tarfile.open(target) as tar:
        members = {each.name: tar.extractfile(each) for each in tar}
        contents = {name: file.read() for name, file in members.items() if file}
    assert json.loads(contents["manifest.json"]) == [
        {"Config": f"{digest}.json", "RepoTags": ["example.org/image:1"], "Layers": ["layer.tar"]}
    ]
    config = json.loads(contents[f"{digest}.json"])["config"]
    assert (config["Entrypoint"], config["User"], config["Env"]) == (
        ["/bin/program"],
        "65532",
        ["A=1"],
    )
    with tarfile.open(fileobj=io.BytesIO(contents["layer.tar"])) as layer:
        found = [(each.name, oct(each.mode), each.linkname) for each in layer]
    assert found == [
        ("tmp", "0o1777", ""),
        ("bin/program", "0o755", ""),
        ("data/a", "0o644", ""),
        ("data/b", "0o644", ""),
        ("bin/sh", "0o644", "program"),
    ]


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    """Neither the time of writing nor that of the files is in an archive."""
    first, digest = made(tmp_path, "one")
    second, again = made(tmp_path, "two")
    assert digest == again
    assert first.read_bytes() == second.read_bytes()
