"""The import manifest: `/v3/import/<token>_<cluster id>.yaml`, without further authentication."""

import base64
import hashlib
from pathlib import Path
from string import Template

from .messages import INVISIBLE, Answer, Request, text_answer
from .state import Cluster, State

TEMPLATE = Template((Path(__file__).parent / "manifest.yaml.template").read_text())
# flow-impkey-10-manifest-bad.json
BAD_TOKEN = text_answer(400, "cluster not found or invalid token")


def answer(state: State, request: Request) -> Answer:
    """Answer GET, HEAD and POST alike: rancher-live.md, section 3, flow-impkey-10-manifest.json.

    A bearer is ignored (flow-impkey-10-manifest-with-bearer.json). The token is the part
    before the last underscore, so the literal `{token}` is a wrong token.
    """
    name = request.segments[2] if len(request.segments) > 2 else ""
    token, underscore, rest = name.rpartition("_")
    if (
        not underscore
        or not rest.endswith(".yaml")
        or request.method not in ("GET", "HEAD", "POST")
    ):
        return INVISIBLE
    cluster = state.by_id(rest.removesuffix(".yaml"))
    if cluster is None or not cluster.mgmt_exists or not cluster.token_filled:
        return BAD_TOKEN
    if not any(crt.accepts(token) for crt in cluster.tokens.values()):
        return BAD_TOKEN
    return text_answer(200, render(state, cluster, token))


def secret_name(url: str, token: str) -> str:
    """Return the name of the credentials (rancher-import.md section 2, checked by a recording)."""
    return f"cattle-credentials-{hashlib.sha256(f'{url}.{token}.'.encode()).hexdigest()[:10]}"


def checksum(cacerts: str) -> str:
    """Return CATTLE_CA_CHECKSUM, empty without the setting."""
    if not cacerts:
        return ""
    text = cacerts if cacerts.endswith("\n") else f"{cacerts}\n"
    return hashlib.sha256(text.encode()).hexdigest()


def render(state: State, cluster: Cluster, token: str) -> str:
    """Return the nine objects, in Rancher's order."""
    url = state.setting("server-url")
    return TEMPLATE.substitute(
        url=url,
        url_base64=base64.b64encode(url.encode()).decode(),
        token=base64.b64encode(token.encode()).decode(),
        secret=secret_name(url, token),
        checksum=checksum(state.setting("cacerts")),
        image=state.due_image(cluster),
    )
