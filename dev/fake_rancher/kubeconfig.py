"""Kubeconfigs of virtual clusters, for the program."""

import base64
import tempfile
from pathlib import Path
from typing import Any

import yaml

from .agent import KubeApi
from .messages import Json


def read(file: Path) -> KubeApi:
    """Return address and credentials of the current context, or of the only one."""
    config = yaml.safe_load(file.read_text())
    contexts = _by_name(config, "context")
    context = contexts.get(config.get("current-context"), *contexts.values())
    cluster = _by_name(config, "cluster")[context["cluster"]]
    user = _by_name(config, "user")[context["user"]]
    ca = _data(cluster, "certificate-authority").decode()
    certificate = None
    if _data(user, "client-certificate"):
        folder = Path(tempfile.mkdtemp(prefix="fake-rancher-client-"))
        certificate = (folder / "tls.crt", folder / "tls.key")
        for one, key in zip(certificate, ("client-certificate", "client-key"), strict=True):
            one.write_bytes(_data(user, key))
    return KubeApi(cluster["server"].rstrip("/"), ca, user.get("token", ""), certificate)


def _by_name(config: Json, kind: str) -> dict[str, Any]:
    return {one["name"]: one[kind] for one in config[f"{kind}s"]}


def _data(entry: Json, key: str) -> bytes:
    if f"{key}-data" in entry:
        return base64.b64decode(entry[f"{key}-data"])
    return Path(entry[key]).read_bytes() if key in entry else b""
