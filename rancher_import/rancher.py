"""Rancher's API: Steve `/v1`, and Norman `/v3` for what Steve cannot do.

No official API imports a cluster; this is what Rancher's own dashboard uses. A caller with few
rights is not told what exists: a cluster that it may not see answers 403, or 404 without a body
where it has no right on the whole type, so neither means "gone" by itself.
"""

import base64
import functools
import ssl
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2

from rancher_import import agents, tls
from rancher_import.errors import RefusedError, TransientError
from rancher_import.model import (
    MANAGED,
    MANAGER,
    OWNER_NAME,
    OWNER_UID,
    VCLUSTER_UID,
    Binding,
    Cluster,
    Management,
    Owner,
    Registration,
    SubjectKind,
    Wish,
)
from rancher_import.options import RancherOptions

NAMESPACE = "fleet-default"
CLUSTERS = "/v1/provisioning.cattle.io.clusters"
MANAGEMENT = "/v1/management.cattle.io.clusters"
TOKENS = "/v1/management.cattle.io.clusterregistrationtokens"
AGENT_IMAGE = "/v1/management.cattle.io.settings/agent-image"
BINDINGS = "/v1/management.cattle.io.clusterroletemplatebindings"

FORCE_DEPLOY = "io.cattle.agent.force.deploy"

SUBJECT_EXISTS = "SubjectExists"
"""Condition of a role binding, since 2.11: False for a user that there is not."""

PLACEHOLDER = "{token}"

T = TypeVar("T")

_SUBJECT_FIELDS: dict[SubjectKind, str] = {
    "user": "userName",
    "userPrincipal": "userPrincipalName",
    "group": "groupPrincipalName",
}

OK, CREATED, GONE_AT_ONCE = 200, 201, 204
UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT = 401, 403, 404, 409


class _Token(httpx2.Auth):
    """Reads the token for every request, so that a rotated one is used at once."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response]:
        try:
            token = self._file.read_text().strip()
        except OSError:
            message = f"{self._file} cannot be read: is the Secret with the token there?"
            raise RefusedError("NoToken", message) from None
        request.headers["Authorization"] = f"Bearer {token}"
        yield request


class Rancher:
    """A client of one Rancher. Redirects are never followed: they could carry the token away."""

    def __init__(self, options: RancherOptions, proxy: str | None = None) -> None:
        """Prepare; nothing is sent yet. A proxy sees an encrypted tunnel, not the token."""
        self._options = options
        self._proxy = proxy

    @functools.cached_property
    def _client(self) -> httpx2.Client:
        """Connect late, because a pinned CA is asked of a Rancher that may be down."""
        return httpx2.Client(
            base_url=self._options.url,
            verify=tls.context(self._options, self._proxy),
            auth=_Token(self._options.token_file),
            timeout=tls.TIMEOUT_SECONDS,
            follow_redirects=False,
            trust_env=False,
            proxy=self._proxy,
            headers={"Accept": "application/json"},
        )

    def close(self) -> None:
        """Let the connections go."""
        if "_client" in self.__dict__:
            self._client.close()

    def find(self, name: str) -> Cluster | None:
        """Return the cluster of a name, or None if there is none that we may see."""
        answer = self._call("GET", CLUSTERS, params={"filter": f"metadata.name={name}"})
        if answer.status_code in (FORBIDDEN, NOT_FOUND):
            return None
        return _read(answer, lambda found: _named(found, name))

    def owned(self) -> list[Cluster]:
        """Return all clusters that bear an owner of ours."""
        answer = self._call("GET", CLUSTERS)
        found = _ok(answer, "list provisioning.cattle.io/clusters", _clusters)
        return [cluster for cluster in found if OWNER_UID in cluster.labels]

    def create(self, wish: Wish, vcluster_uid: str) -> bool:
        """Create the cluster; tell whether it exists now. False: the name is taken, or leaves."""
        body = {
            "type": "provisioning.cattle.io.cluster",
            "metadata": {
                "namespace": NAMESPACE,
                "name": wish.cluster_name,
                "labels": {
                    OWNER_UID: wish.owner_uid,
                    OWNER_NAME: wish.owner_name,
                    VCLUSTER_UID: vcluster_uid,
                },
                # Rancher would upgrade the Kubernetes of a cluster that looks like k3s.
                "annotations": {"rancher.io/imported-cluster-version-management": "false"},
            },
            "spec": _spec(wish.agent_variables),
        }
        answer = self._call("POST", CLUSTERS, json=body)
        if answer.status_code == CREATED:
            return True
        if answer.status_code == CONFLICT:
            if "being deleted" in _message(answer):
                raise TransientError(
                    "BeingDeleted", "Rancher still removes a cluster of this name."
                )
            return False
        raise _unexpected(answer, "create provisioning.cattle.io/clusters")

    def delete(self, name: str) -> None:
        """Ask for the removal of a cluster."""
        answer = self._call("DELETE", f"{CLUSTERS}/{NAMESPACE}/{name}")
        if answer.status_code not in (OK, GONE_AT_ONCE, FORBIDDEN, NOT_FOUND):
            raise _unexpected(answer, "delete provisioning.cattle.io/clusters")

    def adopt(self, name: str, vcluster_uid: str) -> None:
        """Note which virtual cluster is behind a cluster now."""
        self.label(name, {VCLUSTER_UID: vcluster_uid})

    def take_over(self, wish: Wish) -> None:
        """Note whose cluster it is now."""
        self.label(wish.cluster_name, {OWNER_UID: wish.owner_uid, OWNER_NAME: wish.owner_name})

    def label(self, name: str, labels: Mapping[str, str]) -> None:
        """Set labels of a cluster."""
        self._patch(name, {"metadata": {"labels": dict(labels)}})

    def set_agent_variables(self, name: str, variables: Sequence[Mapping[str, Any]]) -> None:
        """Set the environment of the agent, which Rancher deploys anew where it reaches it."""
        self._patch(name, {"spec": {"agentEnvVars": list(variables)}})

    def _patch(self, name: str, patch: Mapping[str, Any]) -> None:
        answer = self._call(
            "PATCH",
            f"{CLUSTERS}/{NAMESPACE}/{name}",
            json=patch,
            headers={"Content-Type": "application/merge-patch+json"},
        )
        if answer.status_code != OK:
            raise _unexpected(answer, "patch provisioning.cattle.io/clusters")

    def management(self, cluster_id: str) -> Management | None:
        """Return the management cluster, or None while there is none that we may see."""
        answer = self._call("GET", f"{MANAGEMENT}/{cluster_id}")
        if answer.status_code in (FORBIDDEN, NOT_FOUND):
            return None
        return _ok(answer, "get management.cattle.io/clusters", read_management)

    def identity(self, cluster_id: str) -> str:
        """Return the identity of the virtual cluster behind a cluster, as Rancher reaches it."""
        path = f"/k8s/clusters/{cluster_id}/api/v1/namespaces/kube-system"
        right = "get the namespace kube-system in the cluster"
        return _ok(self._call("GET", path), right, _uid)

    def managed(self) -> dict[str, Management]:
        """Return all management clusters that we may see, by id: one call for the watcher.

        A refusal is an error and not an empty list, which would mean that all are gone.
        """
        answer = self._call("GET", MANAGEMENT)
        return _ok(answer, "list management.cattle.io/clusters", _managed)

    def registration(self, cluster_id: str) -> Registration | None:
        """Return the registration token, or None while Rancher has not made it."""
        answer = self._call("GET", f"{TOKENS}/{cluster_id}/default-token")
        if answer.status_code in (FORBIDDEN, NOT_FOUND):
            return None
        right = "get management.cattle.io/clusterregistrationtokens"
        url, token, secret = _ok(answer, right, _token)
        if token in ("", PLACEHOLDER) or PLACEHOLDER in url:
            token = self._token_in_secret(cluster_id, secret) or token
        if token in ("", PLACEHOLDER):
            return None
        return Registration(path=_path(url.replace(PLACEHOLDER, token)))

    def _token_in_secret(self, cluster_id: str, name: str) -> str:
        """Return the token from its Secret, where Rancher shows a placeholder in its place.

        So from 2.13.8, 2.14.4 and 2.15.0 on in all raw reads.
        """
        if not name:
            return ""
        answer = self._call("GET", f"/v1/secrets/{cluster_id}/{name}")
        if answer.status_code != OK:
            return ""
        return _read(answer, _decoded_token)

    def manifest(self, registration: Registration) -> str:
        """Fetch the import manifest, from the Rancher that we were told and without our token."""
        base = urlsplit(self._options.url)
        url = f"{base.scheme}://{base.netloc}{registration.path}"
        try:
            answer = self._client.get(url, auth=None)
        except httpx2.HTTPError as error:
            raise _network(error) from None
        if answer.status_code != OK:
            message = f"Rancher answers {answer.status_code} instead of its manifest."
            raise TransientError("ManifestRefused", message)
        return answer.text

    def force_deploy(self, cluster_id: str) -> None:
        """Make Rancher deploy its agent again; only Norman lets a cluster's owner do that."""
        path = f"/v3/clusters/{cluster_id}"
        body = _ok(self._call("GET", path), "get clusters", _deployed_again)
        _ok(self._call("PUT", path, json=body), "update clusters", _whatever)

    def agent_image(self) -> str:
        """Return the setting `agent-image`, or nothing where it may not be read."""
        answer = self._call("GET", AGENT_IMAGE)
        if answer.status_code in (FORBIDDEN, NOT_FOUND):
            return ""
        return _ok(answer, "get management.cattle.io/settings", _setting)

    def follow_agent_image(self, cluster_id: str, default: str) -> bool:
        """Have the agent's image follow Rancher's setting; return False if that is refused.

        Only Norman lets a cluster's owner do that. A value other than `default` is somebody's.
        """
        path = f"/v3/clusters/{cluster_id}"
        answer = self._call("GET", path)
        if answer.status_code in (FORBIDDEN, NOT_FOUND):
            return False
        name, desired = _ok(answer, "get clusters", _named_image)
        if desired != default:
            return True
        answer = self._call("PUT", path, json={"name": name, "desiredAgentImage": ""})
        if answer.status_code in (FORBIDDEN, NOT_FOUND):
            return False
        _ok(answer, "update clusters", _whatever)
        return True

    def bindings(self, cluster_id: str) -> tuple[Binding, ...] | None:
        """Return the role bindings in a cluster, or None while we may not see them."""
        answer = self._call("GET", f"{BINDINGS}/{cluster_id}")
        if answer.status_code in (FORBIDDEN, NOT_FOUND):
            return None
        return _ok(answer, "list management.cattle.io/clusterroletemplatebindings", _bindings)

    def bind(self, cluster_id: str, name: str, owner: Owner, *, managed: bool = True) -> None:
        """Bind a role. That somebody has it already, by whose binding ever, is fine.

        One that is not `managed` stays, whoever leaves the list of owners.
        """
        labels = {MANAGED: MANAGER} if managed else {}
        body = {
            "type": "management.cattle.io.clusterroletemplatebinding",
            "metadata": {"namespace": cluster_id, "name": name, "labels": labels},
            "clusterName": cluster_id,
            "roleTemplateName": owner.role,
            _SUBJECT_FIELDS[owner.kind]: owner.name,
        }
        answer = self._call("POST", BINDINGS, json=body)
        if answer.status_code not in (CREATED, CONFLICT):
            raise _unexpected(answer, f"bind {owner.role} to {owner.name}")

    def unbind(self, cluster_id: str, name: str) -> None:
        """Remove a role binding."""
        answer = self._call("DELETE", f"{BINDINGS}/{cluster_id}/{name}")
        if answer.status_code not in (OK, GONE_AT_ONCE, NOT_FOUND):
            raise _unexpected(answer, "delete management.cattle.io/clusterroletemplatebindings")

    def token_expiry(self) -> str:
        """Return when the token expires, or nothing where Rancher does not say."""
        answer = self._call("GET", "/v3/tokens", params={"current": "true"})
        if answer.status_code != OK:
            return ""
        return _read(answer, _expiry)

    def may_create(self) -> bool:
        """Tell whether the token's user may create clusters, without creating one."""
        body = {
            "type": "provisioning.cattle.io.cluster",
            "metadata": {"namespace": NAMESPACE, "name": "vcluster-import-check"},
            "spec": {},
        }
        answer = self._call("POST", CLUSTERS, json=body, params={"dryRun": "All"})
        return answer.status_code in (CREATED, CONFLICT)

    def has_user(self, user_id: str) -> bool:
        """Return whether there is a user; for an administrator."""
        answer = self._call("GET", f"/v3/users/{user_id}")
        if answer.status_code == NOT_FOUND and answer.content:
            return False
        _ok(answer, "get users", _whatever)
        return True

    def unknown_owners(self) -> dict[str, list[str]]:
        """Return, by cluster id, the owners of ours that Rancher does not know."""
        answer = self._call("GET", BINDINGS)
        right = "list management.cattle.io/clusterroletemplatebindings"
        return _ok(answer, right, _unknown_owners)

    def ensure(self, path: str, name: str, body: Mapping[str, Any]) -> bool:
        """Create a Norman object unless one of that name exists; tell whether it was created."""
        answer = self._call("GET", path, params={"name": name})
        if name in _ok(answer, f"list {path}", _names):
            return False
        answer = self._call("POST", path, json=dict(body))
        if answer.status_code != CREATED:
            raise _unexpected(answer, f"create {path}")
        return True

    def _call(self, method: str, path: str, **request: Any) -> httpx2.Response:  # noqa: ANN401
        try:
            answer = self._client.request(method, path, **request)
        except httpx2.HTTPError as error:
            raise _network(error) from None
        if answer.status_code == UNAUTHORIZED:
            message = (
                "Rancher does not accept the token: it is wrong, expired or for one cluster only."
            )
            raise RefusedError("TokenRejected", message)
        if answer.is_redirect:
            message = "Rancher's URL answers with a redirect: use the address that it points to."
            raise RefusedError("UrlRedirects", message)
        if answer.status_code >= 500 or answer.status_code == 429:  # noqa: PLR2004
            raise TransientError("RancherFails", f"Rancher answers {answer.status_code}.")
        return answer


def read_management(found: Mapping[str, Any]) -> Management:
    """Return whether Rancher reaches a cluster.

    The provisioning cluster's `ready` would not do: it never returns to false.
    """
    conditions = {c["type"]: c for c in (found.get("status") or {}).get("conditions") or ()}
    states = [conditions.get(typ, {}) for typ in ("Connected", "Ready")]
    return Management(
        connected=all(state.get("status") == "True" for state in states),
        terminating="deletionTimestamp" in found["metadata"],
        message=next((_text(s["message"]) for s in states if s.get("message")), ""),
        images=agents.read(found),
    )


def _managed(found: Mapping[str, Any]) -> dict[str, Management]:
    return {_text(one["metadata"]["name"]): read_management(one) for one in found.get("data") or ()}


def _clusters(found: Mapping[str, Any]) -> list[Cluster]:
    return [_cluster(one) for one in found.get("data") or ()]


def _named(found: Mapping[str, Any], name: str) -> Cluster | None:
    """Return the cluster of a name; older Ranchers answer all that have it as a part of theirs."""
    for one in found.get("data") or ():
        metadata = one["metadata"]
        if (metadata["name"], metadata["namespace"]) == (name, NAMESPACE):
            return _cluster(one)
    return None


def _cluster(found: Mapping[str, Any]) -> Cluster:
    metadata = found["metadata"]
    labels = (metadata.get("labels") or {}).items()
    return Cluster(
        name=_text(metadata["name"]),
        uid=_text(metadata["uid"]),
        labels={key: _text(value) for key, value in labels},
        cluster_id=_text((found.get("status") or {}).get("clusterName") or ""),
        terminating="deletionTimestamp" in metadata,
        agent_variables=_variables(found),
    )


def _variables(found: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    return tuple({**variable} for variable in (found.get("spec") or {}).get("agentEnvVars") or ())


def _spec(variables: Mapping[str, str]) -> dict[str, Any]:
    """Return the spec of a cluster that Rancher imports."""
    listed = [{"name": name, "value": value} for name, value in variables.items()]
    return {"agentEnvVars": listed} if listed else {}


def _uid(found: Mapping[str, Any]) -> str:
    return _text((found.get("metadata") or {}).get("uid") or "")


def _token(found: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return URL and token of a registration, and the name of the Secret with the token."""
    status = found.get("status") or {}
    url, token, secret = (status.get(key) for key in ("manifestUrl", "token", "tokenSecretName"))
    return _text(url or ""), _text(token or ""), _text(secret or "")


def _decoded_token(found: Mapping[str, Any]) -> str:
    return base64.b64decode((found.get("data") or {}).get("token") or "").decode()


def _path(url: str) -> str:
    """Return the path of a URL, whose host is not asked: it is not the one that we were told."""
    try:
        path = urlsplit(url).path
    except ValueError:
        path = ""
    if not path.startswith("/"):
        message = "Rancher names no URL for the import manifest: is its server-url set?"
        raise TransientError("BadAnswer", message)
    return path


def _deployed_again(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes Rancher deploy its agent, in an update that has to name all."""
    annotations = {**(found.get("annotations") or {}), FORCE_DEPLOY: "true"}
    return {"name": found.get("name"), "annotations": annotations}


def _bindings(found: Mapping[str, Any]) -> tuple[Binding, ...]:
    return tuple(_binding(one) for one in found.get("data") or ())


def _binding(found: Mapping[str, Any]) -> Binding:
    metadata = found["metadata"]
    return Binding(
        name=_text(metadata["name"]),
        role=_text(found.get("roleTemplateName") or ""),
        subjects=frozenset(
            (kind, _text(found[field]))
            for kind, field in _SUBJECT_FIELDS.items()
            if found.get(field)
        ),
        ours=(metadata.get("labels") or {}).get(MANAGED) == MANAGER,
    )


def _unknown_owners(found: Mapping[str, Any]) -> dict[str, list[str]]:
    unknown: dict[str, list[str]] = {}
    for one in found.get("data") or ():
        subjects = sorted(name for _, name in _binding(one).subjects)
        conditions = (one.get("status") or {}).get("localConditions") or ()
        missing = any(c["type"] == SUBJECT_EXISTS and c["status"] == "False" for c in conditions)
        if missing and _binding(one).ours:
            unknown.setdefault(_text(one["clusterName"]), []).extend(subjects)
    return {cluster: sorted(names) for cluster, names in unknown.items()}


def _expiry(found: Mapping[str, Any]) -> str:
    tokens = found.get("data") or ()
    return next((_text(one.get("expiresAt") or "") for one in tokens if one.get("current")), "")


def _names(found: Mapping[str, Any]) -> list[str]:
    return [_text(one.get("name") or "") for one in found.get("data") or ()]


def _setting(found: Mapping[str, Any]) -> str:
    return _text(found.get("value") or found.get("default") or "")


def _named_image(found: Mapping[str, Any]) -> tuple[str, str]:
    return _text(found["name"]), _text(found.get("desiredAgentImage") or "")


def _whatever(_: Mapping[str, Any]) -> None:
    """Read nothing of an answer."""


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _ok(answer: httpx2.Response, right: str, read: Callable[[dict[str, Any]], T]) -> T:
    if answer.status_code != OK:
        raise _unexpected(answer, right)
    return _read(answer, read)


def _read(answer: httpx2.Response, read: Callable[[dict[str, Any]], T]) -> T:
    """Return what is read of an answer, which somebody in between may have given."""
    try:
        return read(answer.json())
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        path = answer.request.url.path
        message = f"What is answered to {path} is not what Rancher answers: is RANCHER_URL right?"
        raise TransientError("BadAnswer", message) from None


def _message(answer: httpx2.Response) -> str:
    try:
        return str(answer.json().get("message", ""))
    except (ValueError, AttributeError, RecursionError):
        return ""


def _unexpected(answer: httpx2.Response, right: str) -> RefusedError:
    """Return what an answer means that is neither success nor expected.

    A 404 without a body is Rancher's way to say that we have no right on the type at all.
    """
    nameless = answer.status_code == NOT_FOUND and not answer.content
    if answer.status_code == FORBIDDEN or nameless:
        return RefusedError("MissingRight", f"The token's user may not {right}: see `setup`.")
    words = _message(answer)
    return RefusedError("RancherRefuses", f"{right}: {answer.status_code} {words}".strip())


def _network(error: httpx2.HTTPError) -> RefusedError | TransientError:
    """Tell an untrusted certificate from a Rancher that cannot be reached."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = cause.verify_message.rstrip(".")
            message = f"Rancher's certificate is not trusted: {why}."
            return RefusedError("TlsNotTrusted", message)
        cause = cause.__cause__ or cause.__context__
    kind = type(error).__name__
    return TransientError("RancherUnreachable", f"Rancher cannot be reached ({kind}).")
