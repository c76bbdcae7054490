"""The kubeconfig for people, which has no secret: kubectl starts a plugin that lets them log in.

The plugin is kubelogin: https://github.com/int128/kubelogin/blob/master/docs/usage.md.
"""

import base64
from typing import Any

import yaml

from jobs.access.model import Connection, Issuer, Login

INSTALL_HINT = (
    "The plugin kubelogin is missing. Install it by `kubectl krew install oidc-login`, or from "
    "https://github.com/int128/kubelogin/releases as kubectl-oidc_login."
)


def kubeconfig(login: Login, connection: Connection) -> str:
    """Return a kubeconfig with a context for each issuer, the first one's as the current."""
    cluster: dict[str, Any] = {"server": login.server or connection.server}
    if connection.certificate_authority:
        cluster["certificate-authority-data"] = connection.certificate_authority
    contexts = {
        login.context if number == 0 else f"{login.context}-{issuer.name}": issuer
        for number, issuer in enumerate(login.issuers)
    }
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": login.context, "cluster": cluster}],
        "users": [
            {"name": name, "user": {"exec": _command(issuer)}} for name, issuer in contexts.items()
        ],
        "contexts": [
            {"name": name, "context": {"cluster": login.context, "user": name}} for name in contexts
        ],
        "current-context": login.context,
    }
    return yaml.safe_dump(document, sort_keys=False)


def _command(issuer: Issuer) -> dict[str, Any]:
    arguments = [
        "oidc-login",
        "get-token",
        f"--oidc-issuer-url={issuer.url}",
        f"--oidc-client-id={issuer.client_id}",
        *(f"--oidc-extra-scope={scope}" for scope in issuer.scopes),
    ]
    if issuer.certificate_authority:
        encoded = base64.b64encode(issuer.certificate_authority.encode()).decode()
        arguments.append(f"--certificate-authority-data={encoded}")
    return {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "kubectl",
        "args": arguments,
        "installHint": INSTALL_HINT,
        "interactiveMode": "IfAvailable",
        "provideClusterInfo": False,
    }
