"""One attempt at the import: look, plan, act, until it is done or the time is up."""

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

import structlog

from jobs.backoff import Backoff, Clock
from jobs.errors import RancherImportError, RefusedError, TransientError
from jobs.rancher import manifest
from jobs.rancher.api import Rancher
from jobs.rancher.import_plan import (
    Action,
    ApplyManifest,
    Bind,
    CreateCluster,
    DeleteCluster,
    Done,
    FollowAgentImage,
    ForceDeploy,
    Label,
    RefreshRegistration,
    RemoveAgent,
    SetAgent,
    Superseded,
    TakeOver,
    Unbind,
    Wait,
    WriteMarker,
    plan,
    taken,
)
from jobs.rancher.kubernetes import Host, Tenant
from jobs.rancher.model import OWNER_UID, Cluster, Found, Inside, Owner, State, Wish
from jobs.rancher.sight import Sight, look

PERMISSION_LAG_SECONDS = 60
"""How long after a creation Rancher may hide from its creator what was created."""

log = structlog.get_logger()


class Import:
    """The import of one virtual cluster."""

    def __init__(  # noqa: PLR0913  # what it works with
        self,
        wish: Wish,
        host: Host,
        rancher: Rancher,
        open_tenant: Callable[[], Tenant | None],
        *,
        timeout: float,
        clock: Clock | None = None,
    ) -> None:
        """Remember what to bring about and by what."""
        self._wish = wish
        self._host = host
        self._rancher = rancher
        self._open_tenant = open_tenant
        self._timeout = timeout
        self._clock = clock or Clock()
        self._tenant: Tenant | None = None
        self._sight: Sight | None = None
        self._hidden_since: float | None = None
        self._cluster_id = ""
        self._followed = ""
        self._last_told: Mapping[str, str] | None = None

    def run(self) -> bool:
        """Return True once all is done or superseded, False when the time is up.

        Raises RefusedError, after writing it down, when only a person can help.
        """
        try:
            return self._run(self._clock.now() + self._timeout)
        finally:
            if self._tenant is not None:
                self._tenant.close()

    def _run(self, deadline: float) -> bool:
        backoff = Backoff(self._clock)
        last: Action | None = None
        while self._clock.now() < deadline:
            try:
                action = plan(self._wish, self._look())
                if isinstance(action, Superseded):
                    log.info("newer inputs are wanted, leaving the import to their job")
                    return True
                if isinstance(action, Done):
                    self._finish(action)
                    return True
                # What is planned again had no effect yet: it is not repeated without a pause.
                waiting, last = self._act(action) or action == last, action
            except TransientError as error:
                self._tell("Importing", error)
                waiting = True
            except RefusedError as error:
                self._tell("Failed", error)
                raise
            if waiting:
                backoff.wait()
            else:
                backoff.reset()
        log.warning("the time is up, the next attempt goes on from here")
        return False

    def _look(self) -> Found:
        """Find out as much as the plan needs for its next step."""
        state = self._host.state()
        if state.desired_inputs != self._wish.inputs:
            return Found(state)
        inside = self._look_inside()
        if inside is None:
            return Found(state, has_kubeconfig=self._tenant is not None)
        self._sight = look(self._rancher, self._wish.cluster_name)
        cluster = self._sight.cluster
        if cluster is None:
            return Found(state, inside, has_kubeconfig=True, name_taken=self._is_name_taken())
        self._hidden_since = None
        if cluster.labels.get(OWNER_UID) == self._wish.owner_uid:
            self._cluster_id = cluster.cluster_id
        return self._look_at(state, inside, cluster, self._sight)

    def _look_at(self, state: State, inside: Inside, cluster: Cluster, sight: Sight) -> Found:
        if not cluster.cluster_id or cluster.terminating:
            return Found(state, inside, has_kubeconfig=True, cluster=cluster)
        management = sight.management(cluster.cluster_id)
        if management and cluster.cluster_id == self._followed:
            management = replace(management, images=replace(management.images, default=""))
        connected = management is not None and management.connected
        registration = None if connected else sight.registration(cluster.cluster_id)
        unset = registration is not None and not registration.path
        return Found(
            state,
            inside,
            has_kubeconfig=True,
            cluster=cluster,
            management=management,
            bindings=sight.bindings(cluster.cluster_id),
            registration=registration,
            server_url=self._rancher.server_url() if unset else "",
        )

    def _look_inside(self) -> Inside | None:
        """Look into the virtual cluster, with its newest kubeconfig if the last one failed."""
        if self._tenant is None:
            self._tenant = self._open_tenant()
        if self._tenant is None:
            return None
        inside = self._tenant.look()
        if inside is None:
            self._tenant.close()
            self._tenant = self._open_tenant()
        return inside

    def _is_name_taken(self) -> bool:
        """Tell whether a name that exists has been hidden from us for too long to be ours."""
        since = self._hidden_since
        return since is not None and self._clock.now() - since > PERMISSION_LAG_SECONDS

    def _act(self, action: Action) -> bool:
        """Do what was planned; tell whether to wait before the next look."""
        if isinstance(action, Wait):
            self._tell(action.phase, action)
            return True
        log.info("acting", action=type(action).__name__)
        match action:
            case CreateCluster():
                return self._create(action)
            case WriteMarker() | RemoveAgent() | ApplyManifest():
                self._act_inside(action)
            case Superseded() | Done():
                pass  # the end, which `run` sees to
            case _:
                return self._act_in_rancher(action)
        return False

    def _act_in_rancher(
        self,
        action: DeleteCluster
        | Bind
        | Unbind
        | FollowAgentImage
        | ForceDeploy
        | SetAgent
        | TakeOver
        | RefreshRegistration
        | Label,
    ) -> bool:
        match action:
            case DeleteCluster():
                self._rancher.delete(self._wish.cluster_name)
                return True
            case RefreshRegistration():
                self._rancher.refresh_registration(action.cluster_id)
                return True
            case Bind():
                name = binding_name(self._wish.owner_uid, action.owner)
                self._rancher.bind(action.cluster_id, name, action.owner)
            case Unbind():
                self._rancher.unbind(action.cluster_id, action.binding.name)
            case Label() | FollowAgentImage() | ForceDeploy() | SetAgent():
                return self._change_cluster(action)
            case TakeOver():
                self._take_over(action)
        return False

    def _set_agent(self, action: SetAgent) -> None:
        """Change Rancher's record first: the manifest that is applied next is made from it."""
        self._rancher.set_agent(self._wish.cluster_name, action.variables, action.resources)
        if action.anew and self._tenant:
            self._tenant.remove_agent()

    def _change_cluster(self, action: Label | FollowAgentImage | ForceDeploy | SetAgent) -> bool:
        """Change the cluster in Rancher; tell whether to wait before the next look.

        The image is tried once: Rancher's lists may lag behind, and the watcher does it as well.
        """
        match action:
            case Label():
                self._rancher.set_labels(action.cluster_id, action.labels, action.stale)
            case SetAgent():
                self._set_agent(action)
            case ForceDeploy():
                self._rancher.force_deploy(action.cluster_id)
                self._rancher.adopt(self._wish.cluster_name, action.vcluster_uid)
            case FollowAgentImage():
                if not self._rancher.follow_agent_image(action.cluster_id, action.default):
                    log.warning("the agent's image cannot follow Rancher's setting: see `setup`")
                self._followed = action.cluster_id
        return isinstance(action, SetAgent)

    def _take_over(self, action: TakeOver) -> None:
        """Take the cluster over if what is written here is read there, through Rancher.

        What the virtual cluster says of itself proves nothing: by an APIService of `v1.` a tenant
        serves whatever identity they like.
        """
        if self._tenant is None:
            return
        nonce = secrets.token_hex(16)
        self._tenant.write_proof(nonce)
        try:
            proof = self._rancher.proof(action.cluster_id)
        finally:
            self._tenant.remove_proof()
        if proof != nonce:
            raise RefusedError("NameTaken", taken(self._wish))
        self._rancher.take_over(self._wish)

    def _create(self, action: CreateCluster) -> bool:
        # Before the request, so that a deregistration never takes it for not begun, nor the one
        # that was there before for the one that is made now.
        self._cluster_id = ""
        self._tell(
            "Importing",
            Wait("Importing", "Creating", "Creates the cluster in Rancher."),
            {"clusterId": ""},
        )
        if self._rancher.create(self._wish, action.vcluster_uid):
            return False
        if self._hidden_since is None:
            self._hidden_since = self._clock.now()
        message = f"Rancher has a cluster {self._wish.cluster_name} that it does not show us yet."
        self._tell("Importing", Wait("Importing", "WaitingForPermissions", message))
        return True

    def _act_inside(self, action: WriteMarker | RemoveAgent | ApplyManifest) -> None:
        tenant = self._tenant
        if tenant is None:
            return
        match action:
            case WriteMarker():
                if action.first:
                    tenant.remove_rights()
                tenant.write_marker(action.marker)
            case RemoveAgent():
                tenant.remove_agent()
            case ApplyManifest():
                self._apply(tenant, action)

    def _apply(self, tenant: Tenant, action: ApplyManifest) -> None:
        sight = self._sight
        registration = sight.registration(action.cluster_id) if sight else None
        if registration is None or not registration.path:
            return
        tenant.create_absent(manifest.read(self._rancher.manifest(registration)))
        inside = tenant.look()
        if inside and inside.marker:
            tenant.write_marker(replace(inside.marker, applied=True))

    def _finish(self, action: Done) -> None:
        self._host.report(
            {
                "phase": "Connected",
                "reason": "Connected",
                "message": "",
                "clusterName": self._wish.cluster_name,
                "clusterId": action.cluster_id,
                "observedInputs": self._wish.inputs,
            }
        )
        log.info("connected", cluster=self._wish.cluster_name, id=action.cluster_id)

    def _tell(
        self,
        phase: str,
        what: Wait | RancherImportError,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Write phase, reason and message down when they change, and log them each time.

        An id that is known stays until there is another one: it is what a deregistration removes.
        """
        log.info("progress", phase=phase, reason=what.reason, message=what.message)
        changes = {
            "phase": phase,
            "reason": what.reason,
            "message": what.message,
            "clusterName": self._wish.cluster_name,
            **({"clusterId": self._cluster_id} if self._cluster_id else {}),
            **more,
        }
        if self._last_told == changes:
            return
        try:
            self._host.report(changes)
            self._last_told = changes
        except RancherImportError as error:
            log.warning("cannot write the state", reason=error.reason, message=error.message)


def binding_name(owner_uid: str, owner: Owner) -> str:
    """Return the name of an owner's binding, the same in every run."""
    text = f"{owner_uid}\0{owner.kind}\0{owner.name}\0{owner.role}"
    return f"vc-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
