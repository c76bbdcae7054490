"""The API server's file of issuers, and its mount.

The file is made of escaped literals alone, so no name in it can keep the API server from starting,
or admit another person. It is JSON, which is YAML, and has ASCII characters only.
https://kubernetes.io/docs/reference/access-authn-authz/authentication/#using-authentication-configuration
"""

import json
import string
from collections.abc import Iterable
from typing import Any

from function.decision.access import ResolvedAccess, ResolvedIssuer
from function.k8s import versions
from function.k8s.helm_values import Values
from function.observed.current import ISSUER_FILE

CONFIG_MAP = "vcluster-authentication"
"""ConfigMap of the namespace's chart with the file, at key config.yaml."""

_FOLDER = "/authentication"

MOUNT: Values = {
    "controlPlane": {
        "distro": {"k8s": {"apiServer": {"extraArgs": [ISSUER_FILE]}}},
        "statefulSet": {
            "persistence": {
                "addVolumes": [{"name": CONFIG_MAP, "configMap": {"name": CONFIG_MAP}}],
                "addVolumeMounts": [{"name": CONFIG_MAP, "mountPath": _FOLDER, "readOnly": True}],
            }
        },
    }
}
"""Values of a virtual cluster whose API server reads the file. The folder is mounted, and no file
of it alone: a change would not show in that."""

FIRST_STABLE = (1, 35)
"""The first Kubernetes that gets version v1 of the file. 1.34 reads both versions, as those after
it do, so pods of both sides of an upgrade read the same file."""

STRANGER = "this user and none of their groups may log in to this virtual cluster"


def render(access: ResolvedAccess | None, kubernetes: str) -> str:
    """Return the file; without issuers it admits no one beside the certificates and accounts."""
    is_stable = (
        versions.is_comparable(kubernetes) and versions.order(kubernetes)[:2] >= FIRST_STABLE
    )
    issuers = access.issuers if access else ()
    content = {
        "apiVersion": f"apiserver.config.k8s.io/{'v1' if is_stable else 'v1beta1'}",
        "kind": "AuthenticationConfiguration",
        "jwt": [_authenticator(each) for each in issuers],
    }
    return json.dumps(content, indent=1) + "\n"


def _authenticator(resolved: ResolvedIssuer) -> dict[str, Any]:
    issuer = resolved.issuer
    authority = issuer.certificateAuthority
    return {
        "issuer": {
            "url": issuer.url,
            "audiences": [resolved.audience],
            **({"certificateAuthority": authority} if authority else {}),
        },
        "claimMappings": {
            "username": {"claim": issuer.usernameClaim, "prefix": issuer.prefix},
            "groups": {"claim": issuer.groupsClaim, "prefix": issuer.prefix},
        },
        "userValidationRules": [{"expression": _admission(resolved), "message": STRANGER}],
    }


def _admission(resolved: ResolvedIssuer) -> str:
    """Return the expression that is true for the people of the issuer.

    Errors of one side, as of a user without groups, do not matter if the other one is true.
    https://github.com/google/cel-spec/blob/master/doc/langdef.md#logical-operators
    """
    users = {grant.name for grant in resolved.grants if grant.kind == "User"}
    groups = {grant.name for grant in resolved.grants if grant.kind == "Group"}
    rules = []
    if users:
        rules.append(f"user.username in {_list(users)}")
    if groups:
        rules.append(f"user.groups.exists(group, group in {_list(groups)})")
    return " || ".join(rules) or "false"


def _list(texts: Iterable[str]) -> str:
    return f"[{', '.join(literal(each) for each in sorted(texts))}]"


_PLAIN = frozenset(string.ascii_letters + string.digits + " -_.,:/@+=")


def literal(text: str) -> str:
    """Return a text as a literal of CEL: no character of it can end it, or the file."""
    return '"' + "".join(c if c in _PLAIN else f"\\U{ord(c):08x}" for c in text) + '"'
