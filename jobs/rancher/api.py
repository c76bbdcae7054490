"""Rancher's API: Steve `/v1`, and Norman `/v3` for what Steve cannot do.

No official API imports a cluster; this is what Rancher's own dashboard uses. What could be missing
is read by `sight`: a cluster that a caller may not see answers 403, and 404 without a body means
that it has no right on the whole type, or that Rancher is starting.
"""

import base64
import functools
import os
import re
import ssl
from collections.abc import Callable, Generator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import httpx2

from jobs.backoff import Clock
from jobs.errors import RefusedError, TransientError
from jobs.rancher import agents, tls
from jobs.rancher.model import (
    MANAGED,
    MANAGED_LABELS,
    MANAGER,
    OWNER_NAME,
    OWNER_UID,
    PROOF,
    VCLUSTER_UID,
    Binding,
    Cluster,
    Management,
    Owner,
    Registration,
    SubjectKind,
    Wish,
)
from jobs.rancher.options import RancherOptions
from jobs.transport import RANCHER_BYTES, Transport

NAMESPACE = "fleet-default"
CLUSTERS = "/v1/provisioning.cattle.io.clusters"
MANAGEMENT = "/v1/management.cattle.io.clusters"
TOKENS = "/v1/management.cattle.io.clusterregistrationtokens"
BINDINGS = "/v1/management.cattle.io.clusterroletemplatebindings"

SETTINGS = "/v1/management.cattle.io.settings"
NORMAN_TOKENS = "/v3/tokens"
EXT_TOKENS = "/v1/ext.cattle.io.tokens"
EXT_PREFIX = "ext/"
TOKEN = re.compile(r"[!-~]+")

FORCE_DEPLOY = "io.cattle.agent.force.deploy"
REFRESHED = "caas.telekom.de/refreshed"
"""Annotation of a management cluster: another value each time it was changed to be changed."""

AUTHENTICATED = "X-Api-Cattle-Auth"
"""Header of every answer of Rancher's."""

STARTING_SECONDS = 60
"""How long a starting Rancher is believed to know no types; 3 to 8 s were seen."""

LONGEST_WORDS = 300

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
UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT, TOO_MANY = 401, 403, 404, 409, 429


class _Token(httpx2.Auth):
    """Reads the token for every request, so that a rotated one is used at once."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> str:
        """Return the token."""
        try:
            token = self._file.read_text().strip()
        except (OSError, ValueError):
            message = f"{self._file} cannot be read: is the Secret with the token there?"
            raise RefusedError("NoToken", message) from None
        if not TOKEN.fullmatch(token):
            what = "holds more than a token" if token else "is empty"
            message = f"{self._file} {what}: put the token, and nothing else, into the Secret."
            raise RefusedError("NoToken", message)
        return token

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response]:
        request.headers["Authorization"] = f"Bearer {self.read()}"
        yield request


class Rancher:
    """A client of one Rancher. Redirects are never followed: they could carry the token away."""

    def __init__(
        self,
        options: RancherOptions,
        proxy: str | None = None,
        *,
        clock: Clock | None = None,
        answer_bytes: int = RANCHER_BYTES,
    ) -> None:
        """Prepare; nothing is sent yet. A proxy sees an encrypted tunnel, not the token."""
        self._options = options
        self._proxy = proxy
        self._token = _Token(options.token_file)
        self._clock = clock or Clock()
        self._typeless_since: float | None = None
        self._answer_bytes = answer_bytes

    @functools.cached_property
    def _client(self) -> httpx2.Client:
        """Connect late, because a pinned CA is asked of a Rancher that may be down."""
        return httpx2.Client(
            base_url=self._options.url,
            transport=Transport(
                tls.context(self._options, self._proxy),
                proxy=self._proxy,
                answer_bytes=self._answer_bytes,
            ),
            auth=self._token,
            timeout=tls.TIMEOUT_SECONDS,
            follow_redirects=False,
            trust_env=False,
            headers={"Accept": "application/json"},
        )

    def close(self) -> None:
        """Let the connections go."""
        if "_client" in self.__dict__:
            self._client.close()

    def create(self, wish: Wish, vcluster_uid: str) -> bool:
        """Create the cluster; tell whether it exists now. False: the name is taken, or leaves."""
        body = {
            "type": "provisioning.cattle.io.cluster",
            "metadata": {
                "namespace": NAMESPACE,
                "name": wish.cluster_name,
                "labels": {
                    **wish.labels,
                    OWNER_UID: wish.owner_uid,
                    OWNER_NAME: wish.owner_name,
                    VCLUSTER_UID: vcluster_uid,
                },
                # Rancher would upgrade the Kubernetes of a cluster that looks like k3s.
                "annotations": {
                    "rancher.io/imported-cluster-version-management": "false",
                    MANAGED_LABELS: _keys(wish.labels),
                },
            },
            "spec": _spec(_listed(wish.agent_variables), wish.agent_resources),
        }
        answer = self.call("POST", CLUSTERS, json=body)
        if answer.status_code == CREATED:
            return True
        _refuse_a_name_that_leaves(answer, "cluster")
        if answer.status_code == CONFLICT:
            return False
        raise self.refusal(answer, "create provisioning.cattle.io/clusters")

    def delete(self, name: str) -> None:
        """Ask for the removal of a cluster."""
        answer = self.call("DELETE", f"{CLUSTERS}/{NAMESPACE}/{name}")
        if answer.status_code not in (OK, GONE_AT_ONCE, FORBIDDEN, NOT_FOUND):
            raise self.refusal(answer, "delete provisioning.cattle.io/clusters")

    def adopt(self, name: str, vcluster_uid: str) -> None:
        """Note which virtual cluster is behind a cluster now."""
        self.label(name, {VCLUSTER_UID: vcluster_uid})

    def take_over(self, wish: Wish) -> None:
        """Note whose cluster it is now."""
        self.label(wish.cluster_name, {OWNER_UID: wish.owner_uid, OWNER_NAME: wish.owner_name})

    def label(self, name: str, labels: Mapping[str, str]) -> None:
        """Set labels of a cluster."""
        self._patch(name, {"metadata": {"labels": dict(labels)}})

    def set_agent(
        self, name: str, variables: Sequence[Mapping[str, Any]], resources: Mapping[str, str]
    ) -> None:
        """Set what the agent is run with, which Rancher deploys anew where it reaches it."""
        self._patch(name, {"spec": _spec(variables, resources)})

    def _patch(self, name: str, patch: Mapping[str, Any]) -> None:
        answer = self.call(
            "PATCH",
            f"{CLUSTERS}/{NAMESPACE}/{name}",
            json=patch,
            headers={"Content-Type": "application/merge-patch+json"},
        )
        if answer.status_code != OK:
            raise self.refusal(answer, "patch provisioning.cattle.io/clusters")

    def identity(self, cluster_id: str) -> str:
        """Return the identity of the virtual cluster behind a cluster, as Rancher reaches it."""
        path = f"/k8s/clusters/{cluster_id}/api/v1/namespaces/kube-system"
        right = "get the namespace kube-system in the cluster"
        return self.read(self.call("GET", path), right, _uid)

    def proof(self, cluster_id: str) -> str:
        """Return the nonce in the virtual cluster behind a cluster, as Rancher reaches it."""
        path = f"/k8s/clusters/{cluster_id}/api/v1/namespaces/kube-system/configmaps/{PROOF}"
        answer = self.call("GET", path)
        if answer.status_code == NOT_FOUND and not is_typeless(answer):
            return ""
        return self.read(answer, "get ConfigMaps in the cluster", _nonce)

    def registration(self, answer: httpx2.Response, cluster_id: str) -> Registration | None:
        """Return the registration token that an answer holds, or None while there is none."""
        right = "get management.cattle.io/clusterregistrationtokens"
        url, token, secret = self.read(answer, right, _token)
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
        answer = self.call("GET", f"/v1/secrets/{cluster_id}/{name}")
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
        body = self.read(self.call("GET", path), "get clusters", _deployed_again)
        self.read(self.call("PUT", path, json=body), "update clusters", _whatever)

    def set_labels(
        self, cluster_id: str, labels: Mapping[str, str], stale: AbstractSet[str]
    ) -> None:
        """Set labels of a cluster for Fleet to see, and take the stale ones away.

        Only Norman lets a cluster's owner change them on the management cluster, in an update that
        names all that shall stay.
        """
        path = f"/v3/clusters/{cluster_id}"
        name, before, annotations = self.read(
            self.call("GET", path), "get clusters", _norman_metadata
        )
        kept = {key: value for key, value in before.items() if key not in stale}
        body = {
            "name": name,
            "labels": {**kept, **labels},
            "annotations": {**annotations, MANAGED_LABELS: _keys(labels)},
        }
        self.read(self.call("PUT", path, json=body), "update clusters", _whatever)

    def agent_image(self) -> str:
        """Return the setting `agent-image`, or nothing where it may not be read."""
        return self._setting("agent-image")

    def _setting(self, name: str) -> str:
        answer = self.call("GET", f"{SETTINGS}/{name}")
        if answer.status_code in (FORBIDDEN, NOT_FOUND):
            return ""
        return self.read(answer, "get management.cattle.io/settings", _setting)

    def follow_agent_image(self, cluster_id: str, default: str) -> bool:
        """Have the agent's image follow Rancher's setting; return False if that is refused.

        Only Norman lets a cluster's owner do that. A value other than `default` is somebody's.
        """
        path = f"/v3/clusters/{cluster_id}"
        answer = self.call("GET", path)
        if answer.status_code in (FORBIDDEN, NOT_FOUND):
            return False
        name, desired = self.read(answer, "get clusters", _named_image)
        if desired != default:
            return True
        answer = self.call("PUT", path, json={"name": name, "desiredAgentImage": ""})
        if answer.status_code in (FORBIDDEN, NOT_FOUND):
            return False
        self.read(answer, "update clusters", _whatever)
        return True

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
        answer = self.call("POST", BINDINGS, json=body)
        _refuse_a_name_that_leaves(answer, "role binding")
        if answer.status_code not in (CREATED, CONFLICT):
            raise self.refusal(answer, f"bind {owner.role} to {owner.name}")

    def unbind(self, cluster_id: str, name: str) -> None:
        """Remove a role binding."""
        answer = self.call("DELETE", f"{BINDINGS}/{cluster_id}/{name}")
        if answer.status_code not in (OK, GONE_AT_ONCE, NOT_FOUND):
            raise self.refusal(answer, "delete management.cattle.io/clusterroletemplatebindings")

    def token_expiry(self) -> str | None:
        """Return when the token expires, "" if it never does, None if Rancher does not say.

        A filter for the current token is ignored, and no API key is ever current.
        """
        name, colon, _ = self._token.read().partition(":")
        if not colon:
            return None
        ext = name.removeprefix(EXT_PREFIX)
        path = f"{EXT_TOKENS if ext != name else NORMAN_TOKENS}/{quote(ext, safe='')}"
        answer = self.call("GET", path)
        return _read(answer, _expiry) if answer.status_code == OK else None

    def may_create(self) -> bool:
        """Return whether the token's user may create clusters, without creating one.

        Rancher's webhook does not write the creator into a dry run, and then misses it, unless the
        creator gets no role.
        """
        body = {
            "type": "provisioning.cattle.io.cluster",
            "metadata": {
                "namespace": NAMESPACE,
                "name": "vcluster-import-check",
                "annotations": {"field.cattle.io/no-creator-rbac": "true"},
            },
            "spec": {},
        }
        answer = self.call("POST", CLUSTERS, json=body, params={"dryRun": "All"})
        if answer.status_code not in (CREATED, CONFLICT, FORBIDDEN):
            raise self.refusal(answer, "create provisioning.cattle.io/clusters")
        return answer.status_code != FORBIDDEN

    def server_url(self) -> str:
        """Return the setting `server-url`, or nothing where it may not be read."""
        return self._setting("server-url")

    def refresh_registration(self, cluster_id: str) -> None:
        """Change the management cluster, upon which Rancher renews its registration tokens.

        A change that repeats the last one would be none.
        """
        path = f"/v3/clusters/{cluster_id}"
        found = self.read(self.call("GET", path), "get clusters", dict)
        body = _annotated(found, {REFRESHED: os.urandom(4).hex()})
        self.read(self.call("PUT", path, json=body), "update clusters", _whatever)

    def has_user(self, user_id: str) -> bool:
        """Return whether there is a user; for an administrator."""
        answer = self.call("GET", f"/v3/users/{user_id}")
        if answer.status_code == NOT_FOUND and answer.content:
            return False
        self.read(answer, "get users", _whatever)
        return True

    def unknown_owners(self) -> dict[str, list[str]]:
        """Return, by cluster id, the owners of ours that Rancher does not know."""
        answer = self.call("GET", BINDINGS)
        right = "list management.cattle.io/clusterroletemplatebindings"
        return self.read(answer, right, _unknown_owners)

    def ensure(self, path: str, name: str, body: Mapping[str, Any]) -> bool:
        """Create a Norman object unless one of that name exists; tell whether it was created."""
        answer = self.call("GET", path, params={"name": name})
        if name in self.read(answer, f"list {path}", _names):
            return False
        answer = self.call("POST", path, json=dict(body))
        if answer.status_code != CREATED:
            raise self.refusal(answer, f"create {path}")
        return True

    def call(self, method: str, path: str, **request: Any) -> httpx2.Response:  # noqa: ANN401
        """Send a request; return what may mean different things to different callers."""
        try:
            answer = self._client.request(method, path, **request)
        except httpx2.HTTPError as error:
            raise _network(error) from None
        if not is_typeless(answer):
            self._typeless_since = None
        if answer.is_client_error and not _is_ranchers(answer) and not _is_busy(answer):
            raise _bad_answer(answer)
        if answer.status_code == UNAUTHORIZED:
            message = (
                "Rancher does not accept the token: it is wrong, expired or for one cluster only."
            )
            raise RefusedError("TokenRejected", message)
        if answer.is_redirect:
            message = "Rancher's URL answers with a redirect: use the address that it points to."
            raise RefusedError("UrlRedirects", message)
        if answer.is_server_error or _is_busy(answer):
            words = _message(answer)[:LONGEST_WORDS]
            said = f"{answer.status_code}: {words}" if words else f"{answer.status_code}."
            raise TransientError("RancherFails", f"Rancher answers {said}")
        return answer

    def read(self, answer: httpx2.Response, right: str, read: Callable[[dict[str, Any]], T]) -> T:
        """Return what is read of an answer, which has to be a success."""
        if answer.status_code != OK:
            raise self.refusal(answer, right)
        return _read(answer, read)

    def refusal(self, answer: httpx2.Response, right: str) -> RefusedError | TransientError:
        """Return what an answer means that is neither success nor expected."""
        if is_typeless(answer):
            return self._typeless(right)
        if answer.status_code == FORBIDDEN:
            return RefusedError("MissingRight", f"The token's user may not {right}: see `setup`.")
        words = _message(answer)[:LONGEST_WORDS]
        return RefusedError("RancherRefuses", f"{right}: {answer.status_code} {words}".strip())

    def _typeless(self, right: str) -> RefusedError | TransientError:
        """Return what an answer means that knows no such type.

        Rancher gives it while it starts, for every type, and to a user without any right on the
        type for ever.
        """
        now = self._clock.now()
        if self._typeless_since is None:
            self._typeless_since = now
        if now - self._typeless_since > STARTING_SECONDS:
            return RefusedError("MissingRight", f"The token's user may not {right}: see `setup`.")
        message = f"Rancher is starting, or the token's user may not {right}: see `setup`."
        return TransientError("RancherStarting", message)


def _refuse_a_name_that_leaves(answer: httpx2.Response, what: str) -> None:
    """Refuse to take a conflict with what is being removed for one with what stays."""
    if answer.status_code == CONFLICT and "being deleted" in _message(answer):
        raise TransientError("BeingDeleted", f"Rancher still removes a {what} of this name.")


def is_typeless(answer: httpx2.Response) -> bool:
    """Return whether an answer says that there is no such type, rather than no such object."""
    return answer.status_code == NOT_FOUND and not answer.content


def _is_ranchers(answer: httpx2.Response) -> bool:
    """Return whether an error is Rancher's, and not that of another server or a proxy."""
    return AUTHENTICATED in answer.headers or bool(_message(answer))


def _is_busy(answer: httpx2.Response) -> bool:
    return answer.status_code == TOO_MANY


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
        labels=_texts(found["metadata"].get("labels")),
        managed_labels=_managed_labels(found["metadata"].get("annotations")),
    )


def read_managed(found: Mapping[str, Any]) -> dict[str, Management]:
    """Return management clusters by their ids."""
    return {_text(one["metadata"]["name"]): read_management(one) for one in found.get("data") or ()}


def read_cluster(found: Mapping[str, Any]) -> Cluster:
    """Return a provisioning cluster."""
    metadata = found["metadata"]
    labels = (metadata.get("labels") or {}).items()
    return Cluster(
        name=_text(metadata["name"]),
        namespace=_text(metadata["namespace"]),
        uid=_text(metadata["uid"]),
        labels={key: _text(value) for key, value in labels},
        cluster_id=_text((found.get("status") or {}).get("clusterName") or ""),
        terminating="deletionTimestamp" in metadata,
        agent_variables=_variables(found),
        agent_resources=_resources(found),
    )


def _variables(found: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    return tuple({**variable} for variable in (found.get("spec") or {}).get("agentEnvVars") or ())


def _listed(variables: Mapping[str, str]) -> list[Mapping[str, Any]]:
    return [{"name": name, "value": value} for name, value in variables.items()]


def _spec(variables: Sequence[Mapping[str, Any]], resources: Mapping[str, str]) -> dict[str, Any]:
    """Return what the spec of a cluster that Rancher imports says of its agent."""
    spec: dict[str, Any] = {"agentEnvVars": list(variables)} if variables else {}
    if resources:
        nested: dict[str, dict[str, str]] = {}
        for name, amount in resources.items():
            kind, _, resource = name.partition(".")
            nested.setdefault(kind, {})[resource] = amount
        spec["clusterAgentDeploymentCustomization"] = {"overrideResourceRequirements": nested}
    return spec


def _resources(found: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    given = (found.get("spec") or {}).get("clusterAgentDeploymentCustomization") or {}
    return {**(given.get("overrideResourceRequirements") or {})}


def _uid(found: Mapping[str, Any]) -> str:
    return _text((found.get("metadata") or {}).get("uid") or "")


def _nonce(found: Mapping[str, Any]) -> str:
    return _text((found.get("data") or {}).get("nonce") or "")


def _token(found: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return URL and token of a registration, and the name of the Secret with the token."""
    status = found.get("status") or {}
    url, token, secret = (status.get(key) for key in ("manifestUrl", "token", "tokenSecretName"))
    return _text(url or ""), _text(token or ""), _text(secret or "")


def _decoded_token(found: Mapping[str, Any]) -> str:
    return base64.b64decode((found.get("data") or {}).get("token") or "").decode()


def _path(url: str) -> str:
    """Return the path of a URL, whose host is not asked: it is not the one that we were told.

    There is no URL while Rancher has no server-url.
    """
    if not url:
        return ""
    try:
        path = urlsplit(url).path
    except ValueError:
        path = ""
    if not path.startswith("/"):
        message = "Rancher's URL of the import manifest has no path: is its server-url a URL?"
        raise TransientError("BadAnswer", message)
    return path


def _deployed_again(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what makes Rancher deploy its agent."""
    return _annotated(found, {FORCE_DEPLOY: "true"})


def _annotated(found: Mapping[str, Any], annotations: Mapping[str, str]) -> dict[str, Any]:
    """Return an update that adds annotations; it has to name all, or Norman removes them."""
    kept = found.get("annotations") or {}
    return {"name": found.get("name"), "annotations": {**kept, **annotations}}


def read_bindings(found: Mapping[str, Any]) -> tuple[Binding, ...]:
    """Return the role bindings of a list."""
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
        terminating="deletionTimestamp" in metadata,
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
    """Return when a token expires: one of ext.cattle.io has it in its status."""
    return _text((found.get("status") or found).get("expiresAt") or "")


def _names(found: Mapping[str, Any]) -> list[str]:
    return [_text(one.get("name") or "") for one in found.get("data") or ()]


def _setting(found: Mapping[str, Any]) -> str:
    return _text(found.get("value") or found.get("default") or "")


def _named_image(found: Mapping[str, Any]) -> tuple[str, str]:
    return _text(found["name"]), _text(found.get("desiredAgentImage") or "")


def _norman_metadata(found: Mapping[str, Any]) -> tuple[str, dict[str, str], dict[str, str]]:
    return _text(found["name"]), _texts(found.get("labels")), _texts(found.get("annotations"))


def _managed_labels(annotations: Mapping[str, Any] | None) -> frozenset[str]:
    keys = _texts(annotations).get(MANAGED_LABELS, "")
    return frozenset(key for key in keys.split(",") if key)


def _keys(labels: Mapping[str, str]) -> str:
    return ",".join(sorted(labels))


def _texts(found: Mapping[str, Any] | None) -> dict[str, str]:
    return {key: _text(value) for key, value in (found or {}).items()}


def _whatever(_: Mapping[str, Any]) -> None:
    """Read nothing of an answer."""


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _read(answer: httpx2.Response, read: Callable[[dict[str, Any]], T]) -> T:
    """Return what is read of an answer, which somebody in between may have given."""
    try:
        return read(answer.json())
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise _bad_answer(answer) from None


def _bad_answer(answer: httpx2.Response) -> TransientError:
    path = answer.request.url.path
    message = f"What is answered to {path} is not what Rancher answers: is RANCHER_URL right?"
    return TransientError("BadAnswer", message)


def _message(answer: httpx2.Response) -> str:
    try:
        body = answer.json()
        return str(body.get("message") or body.get("Message") or "")
    except (ValueError, AttributeError, RecursionError):
        return ""


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
