"""Access of the platform's administrators to a virtual cluster, for a time and by their name.

Each access is a ServiceAccount in the virtual cluster, bound to cluster-admin, and a token for it
that ends by itself. A token needs no controller, and ends at once with its account; a certificate
would need the controller that signs it, and nothing revokes one. Accounts whose time is over are
removed with the next access.
"""

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import yaml

from function.api import xr
from function.api.errors import InvalidError, Problem
from function.api.fields import duration_seconds
from function.k8s.fieldpath import get, sequence, text

NAMESPACE = "kube-system"
OWNED: Mapping[str, str] = {"caas.telekom.de/owned-by": "break-glass"}
"""The label of accounts and bindings."""

ASKED_BY, UNTIL = "caas.telekom.de/asked-by", "caas.telekom.de/until"
ADMIN = "cluster-admin"
COMPONENT = "function-kubeconfig"
ISSUE, REVOCATION = "BreakGlass", "BreakGlassRevoked"
"""Reasons of the Events."""

CLUSTER_SCOPED = "default"
"""Namespace of the Events of cluster-scoped objects."""

LONGEST_SLUG = 40
SHORTEST, LONGEST = 600, 24 * 3600
"""Bounds of the validity in seconds; the API server makes no token of less."""


@dataclass(frozen=True, slots=True)
class Access:
    """An access, by name of the user and end."""

    who: str
    until: dt.datetime

    @property
    def slug(self) -> str:
        """The part of the user's name that fits into that of an account."""
        return re.sub("[^a-z0-9]+", "-", self.who.lower()).strip("-")[:LONGEST_SLUG].strip("-")

    @property
    def metadata(self) -> dict[str, object]:
        """Labels and annotations by which an access is found again."""
        annotations = {ASKED_BY: self.who, UNTIL: stamp(self.until)}
        return {"labels": dict(OWNED), "annotations": annotations}


@dataclass(frozen=True, slots=True)
class Reach:
    """A virtual cluster's API server, and the credentials of the platform for it."""

    server: str
    authority: str
    """The CA, in Base64."""
    certificate: str = ""
    key: str = ""
    token: str = ""


def seconds(period: str) -> int:
    """Return a validity in seconds. Raises `InvalidError`."""
    remedy = "Give a time such as 30m or 1h."
    if not re.fullmatch("[1-9][0-9]{0,4}[smh]", period):
        raise InvalidError(Problem("--for", "must be a number with s, m or h", remedy))
    value = duration_seconds(period)
    if not SHORTEST <= value <= LONGEST:
        raise InvalidError(Problem("--for", "must be from 10m to 24h", remedy))
    return value


def stamp(when: dt.datetime) -> str:
    """Return a time in UTC, as annotations have it."""
    return when.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def secret_of(vcluster: Mapping[str, object]) -> tuple[str, str]:
    """Return namespace and name of the Secret with the platform's kubeconfig, on the host.

    The status may name another one, which is for the tenant. Raises `InvalidError`.
    """
    namespace, release = (text(get(vcluster, "status", key)) for key in ("namespace", "release"))
    if not namespace or not release:
        rule = "has no virtual cluster yet"
        raise InvalidError(Problem("The VCluster", rule, "Wait until it is READY."))
    return namespace, f"vc-{release}"


def reach(kubeconfig: str, server: str = "") -> Reach:
    """Return how a virtual cluster is reached; `server` replaces its address.

    A compromised control plane can write the Secret. Of what it says, only inline credentials are
    used: a program that it names would run on the administrator's machine. Raises `InvalidError`.
    """
    try:
        plain = yaml.safe_load(kubeconfig)
    except yaml.YAMLError:
        plain = None
    current = _named(plain, "contexts", "context", text(get(plain, "current-context")))
    cluster = _named(plain, "clusters", "cluster", text(get(current, "cluster")))
    user = _named(plain, "users", "user", text(get(current, "user")))
    result = Reach(
        server=server or text(get(cluster, "server")),
        authority=text(get(cluster, "certificate-authority-data")),
        certificate=text(get(user, "client-certificate-data")),
        key=text(get(user, "client-key-data")),
        token=text(get(user, "token")),
    )
    if urlsplit(result.server).scheme != "https":
        raise InvalidError(Problem("The server", "must be a URL with https", "Give --server."))
    if not result.authority or not (result.token or (result.certificate and result.key)):
        rule = "has no CA with a client certificate or a token in it"
        remedy = "See whether it was changed; the control plane writes it anew when it starts."
        raise InvalidError(Problem("The kubeconfig Secret", rule, remedy))
    return result


def account(access: Access) -> dict[str, object]:
    """Return the account; the API server completes its name."""
    name = f"break-glass-{access.slug}-" if access.slug else "break-glass-"
    metadata = {"generateName": name, "namespace": NAMESPACE, **access.metadata}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}


def binding(access: Access, name: str) -> dict[str, object]:
    """Return the binding of an account, under its name."""
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name, **access.metadata},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": ADMIN},
        "subjects": [{"kind": "ServiceAccount", "namespace": NAMESPACE, "name": name}],
    }


def event(
    vcluster: Mapping[str, object], reason: str, message: str, now: dt.datetime
) -> dict[str, object]:
    """Return the Event on a VCluster."""
    metadata = {key: text(get(vcluster, "metadata", key)) for key in ("name", "namespace", "uid")}
    namespace = metadata["namespace"] or CLUSTER_SCOPED
    when = stamp(now)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{metadata['name']}.", "namespace": namespace},
        "involvedObject": {
            "apiVersion": xr.API_VERSION,
            "kind": xr.KIND,
            **{key: value for key, value in metadata.items() if value},
        },
        "type": "Warning",
        "reason": reason,
        "message": message,
        "count": 1,
        "firstTimestamp": when,
        "lastTimestamp": when,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
    }


def asked(access: Access) -> str:
    """Return the message of the Event of an access."""
    until = stamp(access.until)
    return f"{access.who} asked for a kubeconfig with the rights of {ADMIN} until {until}."


def revoked(who: str) -> str:
    """Return the message of the Event of a revocation."""
    return f"{who} revoked all kubeconfigs that administrators asked for."


def over(objects: Iterable[object], now: dt.datetime | None) -> list[str]:
    """Return the names of the accesses whose time is over; all of them without a time.

    One whose time cannot be read is over, too: it was not made here.
    """
    return sorted(
        text(get(each, "metadata", "name"))
        for each in objects
        if now is None or not _is_later(get(each, "metadata", "annotations", UNTIL), now)
    )


def kubeconfig(where: Reach, vcluster: str, user: str, token: str) -> str:
    """Return the kubeconfig of an access: its token is the only secret."""
    cluster = {"server": where.server, "certificate-authority-data": where.authority}
    context = {"cluster": vcluster, "user": user}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": vcluster,
        "contexts": [{"name": vcluster, "context": context}],
        "clusters": [{"name": vcluster, "cluster": cluster}],
        "users": [{"name": user, "user": {"token": token}}],
    }
    written: str = yaml.safe_dump(content, sort_keys=False)
    return written


def _named(plain: object, group: str, key: str, name: str) -> object:
    """Return the entry of a kubeconfig's list that has a name."""
    entries = sequence(get(plain, group))
    return next((get(each, key) for each in entries if get(each, "name") == name), None)


def _is_later(value: object, now: dt.datetime) -> bool:
    try:
        return dt.datetime.fromisoformat(text(value)) > now
    except (ValueError, TypeError):
        return False
