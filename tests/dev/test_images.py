"""What the node's images are made of."""

import re

from dev.platform import images
from dev.platform.place import BIN, ROOT


def version(folder: str, module: str) -> str:
    """Return the version of a module that a folder of dev/tools/ pins."""
    text = (ROOT / "dev" / "tools" / folder / "go.mod").read_text()
    found = re.search(rf"\tgo\.etcd\.io/etcd/{module}/v3 (v\S+)", text)
    assert found
    return found[1]


def test_etcds_image_has_its_tools() -> None:
    """It saves and restores the snapshots of docs/backup.md, as upstream's does."""
    [etcd] = [one for one in images.recipes() if "/etcd:" in one.reference]
    assert etcd.content.files == {
        f"/usr/local/bin/{name}": BIN / name for name in ("etcd", "etcdctl", "etcdutl")
    }
    assert version("etcdctl", "etcdctl") == version("etcdctl", "etcdutl")
    assert version("etcdctl", "etcdctl") == version("etcd", "server")
