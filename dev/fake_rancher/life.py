"""Rancher's controllers of a cluster, which work at each request and not in between."""

import hashlib
import time
from collections.abc import Callable
from datetime import timedelta

from .messages import Request
from .state import Binding, Cluster, State, User, now, random_name

DISPLAY_NAME = "provisioning.cattle.io/management-cluster-display-name"
CREATOR = "field.cattle.io/creatorId"
NO_CREATOR_RBAC = "field.cattle.io/no-creator-rbac"
# How long messages name a removed role: 7 s after it they did (delete-impkey-02-after-prov.json).
LEFTOVER_SECONDS = 60
# The user that Rancher gives a binding in every cluster, as to all administrators.
ADMINISTRATOR = "u-7lcdtjgr6m"

# Rancher keeps these kinds of steps apart by what their requests read.
COUNTED = {
    "clusterregistrationtokens": "crt",
    "provisioning.cattle.io.clusters": "prov",
    "management.cattle.io.clusters": "mgmt",
}


def count(state: State, user: User, request: Request) -> None:
    """Count a request for the lags of the clusters that its path names; a list is for all."""
    parts = {part.partition(":")[0] for part in request.segments}
    meant = [one for one in state.clusters if one.id in parts or one.name in parts]
    if user.admin or not (meant or request.method == "GET"):
        return
    kinds = {kind for text, kind in COUNTED.items() if text in request.path}
    for cluster in meant or state.clusters:
        cluster.touches.update({"any", *kinds})


def advance(state: State, cluster: Cluster, probe: Callable[[str], bool]) -> None:
    """Take every step that is due."""
    if cluster.deleting:
        _remove(state, cluster)
        return
    _provision(state, cluster)
    if not cluster.mgmt_exists:
        return
    _rotate(state, cluster)
    elapsed = time.monotonic() - cluster.probed
    if cluster.probed == 0 or elapsed >= state.behaviour.probe_every:
        cluster.agent = probe(cluster.id)
        cluster.probed = time.monotonic()
    if cluster.agent:
        _connect(state, cluster)
    else:
        _disconnect(state, cluster)
    _unbind(state, cluster)


def _unbind(state: State, cluster: Cluster) -> None:
    """Remove bindings; those in the virtual cluster stay until its agent is connected."""
    for name, binding in list(cluster.bindings.items()):
        held = binding.synced and not cluster.connected
        lag = state.behaviour.binding_removal
        stage = f"binding {binding.uid}"
        if binding.deleting and not held and cluster.reached(stage, lag):
            del cluster.bindings[name]
            del cluster.waits[stage]
        binding.leaving = binding.deleting is not None


def _provision(state: State, cluster: Cluster) -> None:
    """Take the steps of a creation; order and gaps: flow-impkey-timeline.json."""
    lags = state.behaviour
    if not cluster.named and cluster.reached("named", lags.cluster_name):
        _name(state, cluster)
    if not cluster.named:
        return
    cluster.checked = cluster.checked or cluster.reached("checked", lags.first_check)
    cluster.pending = cluster.pending or cluster.reached("pending", lags.pending, "mgmt")
    cluster.granted = cluster.granted or cluster.reached("granted", lags.rbac)
    if not cluster.granted or not cluster.reached("crt", lags.crt, "crt"):
        return
    if "default-token" not in cluster.tokens:
        state.new_registration_token(cluster, "default-token")
    filled = cluster.token_filled or cluster.reached("crt_empty", lags.crt_empty, "crt")
    cluster.token_filled = filled


def _name(state: State, cluster: Cluster) -> None:
    """Create the management cluster, with a copy of labels and annotations.

    Sources: flow-impkey-02-prov.json, flow-impkey-03-mgmt.json, flow-impkey-05-crtbs.json. In
    connect-mgmt.json the label that was patched onto the provisioning cluster is missing.
    """
    cluster.named = cluster.mgmt_exists = cluster.namespace_exists = True
    cluster.generation = 2
    cluster.mgmt_labels = {**cluster.labels, "objectset.rio.cattle.io/hash": random_name(40)}
    cluster.mgmt_annotations = {
        **cluster.annotations,
        "authz.management.cattle.io/initial-sync": "true",
        "objectset.rio.cattle.io/id": "cluster-create",
        "objectset.rio.cattle.io/owner-gvk": "provisioning.cattle.io/v1, Kind=Cluster",
        "objectset.rio.cattle.io/owner-name": cluster.name,
        "objectset.rio.cattle.io/owner-namespace": cluster.namespace,
        "provisioning.cattle.io/administrated": "false",
    }
    cluster.annotations[DISPLAY_NAME] = cluster.name
    cluster.desired_image = state.setting("agent-image")
    state.touch(cluster)
    if cluster.creator:
        subject = {"userName": cluster.creator, "userPrincipalName": f"local://{cluster.creator}"}
        binding = Binding("creator-cluster-owner", role="cluster-owner", subject=subject)
        binding.user = cluster.creator
        binding.annotations["authz.management.cattle.io/creator-owner-binding"] = "true"
        cluster.bindings[binding.name] = binding
        state.touch(binding)


def _connect(state: State, cluster: Cluster) -> None:
    """Take the steps of a connection: connect-timeline.json, rancher-live.md section 4."""
    lags = state.behaviour
    cluster.waits.pop("disconnected", None)
    before = (cluster.tunnel, cluster.deployed, cluster.connected, cluster.ready)
    steps = (
        ("tunnel", lags.tunnel, "any"),
        ("deployed", lags.agent_deployed, "any"),
        ("connected", lags.connected, "any"),
        ("ready", lags.ready, "mgmt"),
    )
    for stage, lag, counted in steps:
        if not getattr(cluster, stage) and not cluster.reached(stage, lag, counted):
            break
        setattr(cluster, stage, True)
    if cluster.deployed and "system" not in cluster.tokens:
        state.new_registration_token(cluster, "system")
    if cluster.deployed:
        _upgrade(state, cluster)
    if cluster.connected:
        _sync(state, cluster)
    cluster.prov_ready = cluster.prov_ready or cluster.connected
    cluster.was_ready = cluster.was_ready or cluster.ready
    if before != (cluster.tunnel, cluster.deployed, cluster.connected, cluster.ready):
        cluster.connections += cluster.connected and not before[2]
        state.management_changed(cluster)


def _upgrade(state: State, cluster: Cluster) -> None:
    """Run the agent with the due image (rancher-live.md, second visit)."""
    due = state.due_image(cluster)
    if due == cluster.agent_image:
        cluster.waits.pop("upgrade", None)
        return
    first = not cluster.agent_image
    if first or cluster.reached("upgrade", state.behaviour.agent_upgrade):
        cluster.agent_image = due
        if not first:
            cluster.agent_restarts.append(time.monotonic())
        state.management_changed(cluster)


def _sync(state: State, cluster: Cluster) -> None:
    """Bring the bindings into the cluster, with Rancher's own.

    Rancher's own: crtb-list-deleting.json.
    """
    system = f"system://provisioning/{cluster.namespace}/{cluster.name}"
    made = {
        f"{cluster.id}-fleet-default-owner": (user_of(system), system),
        f"{ADMINISTRATOR}-admin": (ADMINISTRATOR, f"local://{ADMINISTRATOR}"),
    }
    for name, (user, principal) in made.items():
        if name not in cluster.bindings:
            subject = {"userName": user, "userPrincipalName": principal}
            binding = Binding(name, role="cluster-owner", subject=subject, user=user)
            cluster.bindings[name] = binding
    cluster.bindings[f"{ADMINISTRATOR}-admin"].labels["cattle.io/creator"] = "norman"
    provisioned = cluster.bindings[f"{cluster.id}-fleet-default-owner"]
    sets = "objectset.rio.cattle.io/"
    provisioned.labels[f"{sets}hash"] = cluster.mgmt_labels[f"{sets}hash"]
    shared = {k: v for k, v in cluster.mgmt_annotations.items() if k.startswith(sets)}
    provisioned.annotations |= shared
    provisioned.whole = True
    for binding in cluster.bindings.values():
        if not binding.synced and not binding.deleting:
            binding.synced = True
            state.touch(binding)


def _disconnect(state: State, cluster: Cluster) -> None:
    """Drop Connected and Ready; the provisioning cluster stays ready (disconnect-prov.json)."""
    if cluster.tunnel and cluster.reached("disconnected", state.behaviour.disconnected):
        for stage in ("tunnel", "connected", "ready"):
            cluster.waits.pop(stage, None)
        if cluster.connected or cluster.ready:
            cluster.connected = cluster.ready = False
            state.management_changed(cluster)


def _rotate(state: State, cluster: Cluster) -> None:
    """Replace old tokens, when the setting is on as in 2.15 (rancher-live.md, section 3)."""
    if state.setting("crt-token-ttl-rotation") != "true":
        return
    for token in cluster.tokens.values():
        if now() >= token.expires:
            rotate(state, cluster, token.name)


def rotate(state: State, cluster: Cluster, name: str = "default-token") -> None:
    """Give a CRT a new token; the old one is good for the period of grace."""
    token = cluster.tokens[name]
    grace = timedelta(seconds=state.behaviour.crt_grace_seconds)
    token.replaced[token.token] = now() + grace
    token.token = random_name(54)
    token.expires = now() + timedelta(seconds=state.behaviour.crt_ttl_seconds)
    state.touch(token)


def delete(state: State, cluster: Cluster) -> None:
    """Start the removal of a cluster: delete-impkey-01-delete.json."""
    if cluster.deleting is None:
        cluster.deleting = now()
        cluster.generation += 1
        state.touch(cluster)


def _remove(state: State, cluster: Cluster) -> None:
    """Take the steps of a removal; order and gaps: delete-impkey-timeline.json."""
    lags = state.behaviour
    if lags.hold_removal or not cluster.reached("prov_removal", lags.prov_removal, "prov"):
        return
    cluster.prov_exists = False
    held = lags.hold_management_removal
    if held or not cluster.reached("mgmt_removal", lags.mgmt_removal, "mgmt"):
        return
    lost = cluster.was_ready and not cluster.connected
    if lost and not cluster.reached("lost_removal", lags.lost_removal, "mgmt"):
        return
    if cluster.mgmt_exists:
        cluster.mgmt_exists = False
        until = time.monotonic() + LEFTOVER_SECONDS
        state.leftovers[cluster.creator] = (cluster.id, until)
    if cluster.reached("namespace_removal", lags.namespace_removal, "crt"):
        cluster.namespace_exists = False
        state.clusters.remove(cluster)


def user_of(principal: str) -> str:
    """Return the user that Rancher ensures for a principal (flow-impkey-08-crtb-get.json)."""
    provider, _, name = principal.partition("://")
    if provider == "local":
        return name
    digest = hashlib.sha256(principal.encode()).hexdigest()
    return f"u-{digest[:10]}"
