"""Provisioning clusters: the rules of the API server and of Rancher's webhook."""

import copy
import re
from typing import Any

from . import life
from .kinds import PROVISIONING
from .merge import patched
from .messages import Json, Refusal, Request
from .rights import require
from .shapes import provisioning
from .state import Cluster, State, User, random_name

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
ADMITTED = re.compile(r"(?!c-[a-z0-9]{5}$)(?!local$)[^-][-a-z0-9]{1,62}")
LABEL = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
LABEL_KEY = re.compile(r"([a-z0-9][-a-z0-9.]*/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
LONGEST_LABEL = 63

# webhook-prov-create-name-trailing-hyphen.json
BAD_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
# create-name-invalid-webhook.json
BAD_NAME = (
    "cluster name must be between 2 and 63 characters, must not begin with a hyphen, cannot be "
    '"local" nor of the form "c-xxxxx", and can only contain lowercase alphanumeric characters '
    "or ' - '"
)
BAD_CREATOR = "creatorID annotation does not match user"
# webhook-prov-create-bad-noproxy.json
BAD_NO_PROXY = (
    "Malformed NO_PROXY environment variable value format: detected whitespace in value. Value "
    "must be a comma-delimited string with no spaces containing one or more IP address prefixes "
    "(1.2.3.4, 1.2.3.4:80), IP address prefixes in CIDR notation (1.2.3.4/8), domain names, or "
    "special DNS labels (*)"
)
BAD_LABEL = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  "
    "or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)


def create(state: State, user: User, body: Json, namespace: str = "", *, dry: bool) -> Json:
    """Create a cluster and return it as flow-impkey-01-create.json does.

    Order: parsing and namespace, API server, webhook, storage. Sources: the cases of
    rancher-live.md, section 2, create-missing-namespace-obj.json, webhook-prov-create-*.json.
    """
    metadata = body.get("metadata") or {}
    namespace = metadata.get("namespace") or namespace
    if not namespace:
        message = "metadata.namespace or apiOp.namespace are required"
        raise Refusal(422, "InvalidBodyContent", message)
    if namespace not in state.namespaces:
        raise Refusal(404, "NotFound", f'namespaces "{namespace}" not found')
    name = metadata.get("name") or f"{metadata.get('generateName') or 'p-'}{random_name(5)}"
    spec = body.get("spec") or {}
    admit(name, metadata, spec)
    annotations = _annotations(user, metadata)
    rbac = life.CREATOR in annotations
    if dry and rbac:  # dryrun-create.json: the webhook changes no dry run, and still checks it
        raise PROVISIONING.denied(422, "Invalid", BAD_CREATOR)
    existing = state.provisioning(namespace, name)
    if existing:
        raise PROVISIONING.already_exists(name, deleting=existing.deleting is not None)
    cluster = Cluster(
        name,
        namespace=namespace,
        spec=spec,
        creator=annotations.get(life.CREATOR, ""),
        labels=dict(metadata.get("labels") or {}),
        annotations=annotations,
    )
    if not dry:
        state.touch(cluster)
        state.clusters.append(cluster)
    made = provisioning(cluster, fresh=True)
    if dry:  # dryrun-create-no-creator-rbac.json
        del made["metadata"]["resourceVersion"]
    return made


def _annotations(user: User, metadata: Json) -> Json:
    """Return the annotations of a new cluster, with the creator that the webhook writes.

    webhook-prov-create-foreign-creatorid.json, webhook-prov-create-no-creator-rbac.json
    """
    annotations = dict(metadata.get("annotations") or {})
    annotations.pop(life.CREATOR, None)
    if annotations.get(life.NO_CREATOR_RBAC) != "true":
        annotations[life.CREATOR] = user.id
    return annotations


def admit(name: str, metadata: Json, spec: Any) -> None:
    """Refuse a bad name, label or spec."""
    if not SUBDOMAIN.fullmatch(name):
        text = f'metadata.name: Invalid value: "{name}": {BAD_SUBDOMAIN}'
        raise PROVISIONING.invalid(name, text)
    admit_labels(name, metadata)
    if not isinstance(spec, dict):
        kind = type(spec).__name__
        text = f'spec: Invalid value: "{kind}": spec in body must be of type object: "{kind}"'
        raise PROVISIONING.invalid(name, text)
    for variable in spec.get("agentEnvVars") or []:
        if variable.get("name") == "NO_PROXY" and re.search(r"\s", variable.get("value", "")):
            raise PROVISIONING.denied(400, "BadRequest", BAD_NO_PROXY)
    if not ADMITTED.fullmatch(name):
        raise PROVISIONING.denied(422, "Invalid", BAD_NAME)


def admit_labels(name: str, metadata: Json) -> None:
    """Refuse labels that Kubernetes refuses, and values that are no strings."""
    for place in ("labels", "annotations"):
        for key, value in (metadata.get(place) or {}).items():
            if not isinstance(value, str):
                text = f"metadata.{place}: Invalid value: {value!r}: must be a string"
                raise PROVISIONING.invalid(name, text)
            label = len(value) <= LONGEST_LABEL and LABEL.fullmatch(value)
            if not LABEL_KEY.fullmatch(key) or (place == "labels" and not label):
                text = f'metadata.{place}: Invalid value: "{value}": {BAD_LABEL}'
                raise PROVISIONING.invalid(name, text)


def find(state: State, user: User, method: str, place: tuple[str, str]) -> Cluster:
    """Return a cluster on which the user may use the verb, or refuse."""
    require(state, user, PROVISIONING, method, place)
    cluster = state.provisioning(*place)
    if cluster is None:
        raise PROVISIONING.not_found(place[1])
    return cluster


def change(state: State, cluster: Cluster, request: Request) -> Json:
    """Carry out a PUT or PATCH: rancher-live.md section 2, webhook-prov-put-*.json."""
    old = provisioning(cluster)
    if request.method == "PATCH":
        new = patched(copy.deepcopy(old), request)
    else:
        new = request.json()
        if not (new.get("metadata") or {}).get("resourceVersion"):
            message = "metadata.resourceVersion is required for update"
            raise Refusal(500, "ServerError", message)
    metadata = new.get("metadata") or {}
    if metadata.get("resourceVersion", str(cluster.version)) != str(cluster.version):
        raise PROVISIONING.conflict(cluster.name)
    admit_labels(cluster.name, metadata)
    annotations = dict(metadata.get("annotations") or {})
    creator = cluster.annotations.get(life.CREATOR)
    if annotations.get(life.CREATOR, creator) != creator:
        raise PROVISIONING.denied(422, "Invalid", "creatorID annotation cannot be changed")
    labels, spec = dict(metadata.get("labels") or {}), dict(new.get("spec") or {})
    if spec != old["spec"]:
        cluster.generation = max(2, cluster.generation) + 1
    if (labels, annotations, spec) != (cluster.labels, cluster.annotations, old["spec"]):
        cluster.labels, cluster.annotations, cluster.spec = labels, annotations, spec
        state.touch(cluster)
    return provisioning(cluster)
