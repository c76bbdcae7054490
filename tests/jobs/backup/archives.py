"""Archives as a control plane writes them."""

import gzip
import io
import tarfile
from collections.abc import Mapping

KEYS = {
    "/vcluster/snapshot/request/v1beta1": b"{}",
    "/registry/configmaps/default/one": b"k8s\x00one",
    "/registry/secrets/kube-system/" + "long" * 60: b"k8s\x00" + b"s" * 3000,
}


def archive(keys: Mapping[str, bytes] | None = None) -> bytes:
    """Return an archive of some keys."""
    file = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=file, mode="wb", compresslevel=3, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as entries,
    ):
        for key, value in (KEYS if keys is None else keys).items():
            entry = tarfile.TarInfo(key)
            entry.size = len(value)
            entries.addfile(entry, io.BytesIO(value))
    return file.getvalue()


def keys(content: bytes) -> dict[str, bytes]:
    """Return the keys of an archive, as the control plane reads them."""
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as entries:
        files = ((entry.name, entries.extractfile(entry)) for entry in entries)
        return {name: file.read() for name, file in files if file}
