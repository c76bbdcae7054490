"""Kubernetes objects of tokens, made from the state."""

import base64

from .kinds import EXT_TOKEN, SECRET, TOKEN
from .messages import Json
from .shapes import kubernetes_object
from .state import BearerToken, Cluster, Object, RegistrationToken, State, stamp

# flow-impkey-04-crt.json
FINALIZERS = ["wrangler.cattle.io/cluster-registration-token-cleanup"]
COMMANDS = (
    "command",
    "insecureCommand",
    "nodeCommand",
    "insecureNodeCommand",
    "windowsNodeCommand",
    "insecureWindowsNodeCommand",
)
PLACEHOLDER = "{token}"


def commands(state: State, cluster: Cluster, crt: RegistrationToken, *, raw: bool) -> Json:
    """Return the status of a CRT.

    Complete: flow-impkey-04-crt.json. Not yet filled, without server-url, and the placeholder in
    raw reads: rancher-live.md section 3, rancher-import.md section 0.
    """
    status = dict.fromkeys((*COMMANDS, "manifestUrl", "token"), "")
    if not cluster.token_filled:
        return status
    hidden = raw or state.behaviour.placeholder_in_steve
    token, server = (PLACEHOLDER if hidden else crt.token), crt.server_url
    status["token"] = "" if hidden else token
    status["tokenSecretName"] = f"crt-token-{crt.name}"
    status["expiresAt"] = stamp(crt.expires)
    if crt.replaced:
        status["gracePeriodExpiresAt"] = stamp(max(crt.replaced.values()))
    if not server:
        return status
    url = f"{server}/v3/import/{token}_{cluster.id}.yaml"
    node = f"-fL {server}/system-agent-install.sh | sudo  sh -s - --server {server} "
    node += f"--label 'cattle.io/os=linux' --token {token}"
    windows = f"-fL {server}/wins-agent-install.ps1 -o install.ps1; Set-ExecutionPolicy Bypass "
    windows += f"-Scope Process -Force; ./install.ps1 -Server {server} "
    windows += f"-Label 'cattle.io/os=windows' -Token {token} -Worker"
    return status | {
        "manifestUrl": url,
        "command": f"kubectl apply -f {url}",
        "insecureCommand": f"curl --insecure -sfL {url} | kubectl apply -f -",
        "nodeCommand": f"curl {node}",
        "insecureNodeCommand": f"curl --insecure {node}",
        "windowsNodeCommand": f"curl.exe {windows}",
        "insecureWindowsNodeCommand": f"curl.exe --insecure {windows}",
    }


def registration_token(
    state: State, cluster: Cluster, crt: RegistrationToken, *, raw: bool = False
) -> Json:
    """Return a ClusterRegistrationToken."""
    made = kubernetes_object(TOKEN, crt, cluster.id, finalizers=FINALIZERS)
    if crt.name == "system":  # connect-crts.json
        made["metadata"]["labels"] = {"cattle.io/creator": "norman"}
    made["spec"] = {"clusterName": cluster.id}
    made["status"] = commands(state, cluster, crt, raw=raw)
    return made


def secret(cluster: Cluster, crt: RegistrationToken) -> Json:
    """Return the Secret with the token of a CRT (flow-impkey-05-raw-secret-k8s-proxy.json)."""
    made = kubernetes_object(SECRET, crt, cluster.id)
    owner = {"apiVersion": TOKEN.api_version, "kind": TOKEN.name, "name": crt.name, "uid": crt.uid}
    made["metadata"] |= {"name": f"crt-token-{crt.name}", "ownerReferences": [owner]}
    del made["metadata"]["generation"]
    values = {"expiresAt": stamp(crt.expires), "token": crt.token}
    made["data"] = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    return made | {"type": "Opaque"}


def ext_token(one: BearerToken) -> Json:
    """Return a token of ext.cattle.io: not recorded, after rancher-live.md, second visit."""
    made = kubernetes_object(EXT_TOKEN, Object(one.name, created=one.created, uid=one.uid))
    made["spec"] = {"description": one.description, "kind": "", "userID": one.user.id}
    expired = not one.valid
    made["status"] = {"current": False, "expired": expired, "expiresAt": one.expires_at}
    return made
