"""One attempt at the import: look, plan and act, until it is done or the time is up."""

import secrets
from dataclasses import replace

import structlog

from jobs.backoff import Clock
from jobs.errors import RefusedError, TransientError
from jobs.rancher import manifest
from jobs.rancher.actions import (
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
)
from jobs.rancher.api import Rancher
from jobs.rancher.host_cluster import HostCluster
from jobs.rancher.import_plan import name_conflict, plan
from jobs.rancher.kubeconfig_secret import KubeconfigSecret
from jobs.rancher.model import OWNER_UID, Cluster, Goal, Snapshot, State, VirtualClusterState
from jobs.rancher.pace import Pace
from jobs.rancher.progress import Progress
from jobs.rancher.sight import Sight, look
from jobs.rancher.virtual_cluster import VirtualCluster

PERMISSION_LAG_SECONDS = 60
"""Time in which Rancher may hide a new object from its creator."""

log = structlog.get_logger()


class Import:
    """The import of one virtual cluster."""

    def __init__(  # noqa: PLR0913  # its collaborators
        self,
        goal: Goal,
        host: HostCluster,
        rancher: Rancher,
        secret: KubeconfigSecret,
        *,
        timeout: float,
        clock: Clock | None = None,
    ) -> None:
        """Hold the goal and the clients."""
        self._goal = goal
        self._host = host
        self._progress = Progress(host, goal)
        self._rancher = rancher
        self._secret = secret
        self._timeout = timeout
        self._clock = clock or Clock()
        self._pace = Pace(self._clock)
        self._virtual_cluster: VirtualCluster | None = None
        self._sight: Sight | None = None
        self._hidden_since: float | None = None
        self._image_cluster_id = ""
        """Id of the cluster whose agent image has been made to follow Rancher's setting."""

    def run(self) -> bool:
        """Return True when done or superseded, False when the time is up.

        Raises RefusedError, after reporting it, when only a person can help.
        """
        try:
            return self._run(self._clock.now() + self._timeout)
        finally:
            if self._virtual_cluster is not None:
                self._virtual_cluster.close()

    def _run(self, deadline: float) -> bool:
        last: Action | None = None
        while self._clock.now() < deadline:
            reason = ""
            try:
                action = plan(self._goal, self._look())
                if isinstance(action, Superseded):
                    log.info("superseded by newer inputs, leaving the import to their Job")
                    return True
                if isinstance(action, Done):
                    self._progress.finish(action.cluster_id)
                    return True
                # An action that is planned again had no effect yet: repeat it after a pause.
                waiting, last = self._act(action) or action == last, action
                reason = action.reason if isinstance(action, Wait) else ""
            except TransientError as error:
                self._progress.report("Importing", error)
                waiting = True
            except RefusedError as error:
                self._progress.report("Failed", error)
                raise
            if not waiting:
                self._pace.advance()
            elif reason == "WaitingForKubeconfig":
                self._pace.watch(self._secret.wait, deadline)
            else:
                self._pace.pause(reason)
        log.warning("the time is up, the next attempt goes on from here")
        return False

    def _look(self) -> Snapshot:
        """Return a snapshot, no larger than the next action needs."""
        state = self._host.state()
        if state.desired_inputs != self._goal.inputs:
            return Snapshot(state)
        virtual_cluster = self._look_inside()
        if virtual_cluster is None:
            return Snapshot(state, has_kubeconfig=self._virtual_cluster is not None)
        self._sight = look(self._rancher, self._goal.cluster_name)
        cluster = self._sight.cluster
        if cluster is None:
            return Snapshot(
                state, virtual_cluster, has_kubeconfig=True, name_taken=self._is_name_taken()
            )
        self._hidden_since = None
        if cluster.labels.get(OWNER_UID) == self._goal.owner_uid:
            self._progress.cluster_id = cluster.cluster_id
        return self._look_at(state, virtual_cluster, cluster, self._sight)

    def _look_at(
        self, state: State, virtual_cluster: VirtualClusterState, cluster: Cluster, sight: Sight
    ) -> Snapshot:
        if not cluster.cluster_id or cluster.terminating:
            return Snapshot(state, virtual_cluster, has_kubeconfig=True, cluster=cluster)
        management = sight.management(cluster.cluster_id)
        if management and cluster.cluster_id == self._image_cluster_id:
            management = replace(management, images=replace(management.images, default=""))
        connected = management is not None and management.connected
        registration = None if connected else sight.registration(cluster.cluster_id)
        unset = registration is not None and not registration.path
        return Snapshot(
            state,
            virtual_cluster,
            has_kubeconfig=True,
            cluster=cluster,
            management=management,
            bindings=sight.bindings(cluster.cluster_id),
            registration=registration,
            server_url=self._rancher.server_url() if unset else "",
        )

    def _look_inside(self) -> VirtualClusterState | None:
        """Return the state of the virtual cluster; reread the kubeconfig if it does not answer."""
        if self._virtual_cluster is None:
            self._virtual_cluster = self._secret.open(self._pace.connect_seconds)
        if self._virtual_cluster is None:
            self._pace.expect()
            return None
        virtual_cluster = self._virtual_cluster.look()
        if virtual_cluster is None:
            self._virtual_cluster.close()
            self._virtual_cluster = self._secret.open(self._pace.connect_seconds)
        return virtual_cluster

    def _is_name_taken(self) -> bool:
        """Return whether an existing cluster has been hidden for too long to be ours."""
        since = self._hidden_since
        return since is not None and self._clock.now() - since > PERMISSION_LAG_SECONDS

    def _act(self, action: Action) -> bool:
        """Execute an action; return whether to wait before the next look."""
        if isinstance(action, Wait):
            self._progress.report(action.phase, action)
            return True
        log.info("acting", action=type(action).__name__)
        match action:
            case CreateCluster():
                return self._create(action)
            case WriteMarker() | RemoveAgent() | ApplyManifest():
                self._act_inside(action)
            case Superseded() | Done():
                pass  # the end, handled by `run`
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
                self._rancher.delete(self._goal.cluster_name)
                return True
            case RefreshRegistration():
                self._rancher.refresh_registration(action.cluster_id)
                return True
            case Bind():
                name = action.owner.binding_name(self._goal.owner_uid)
                self._rancher.bind(action.cluster_id, name, action.owner)
            case Unbind():
                self._rancher.unbind(action.cluster_id, action.binding.name)
            case Label() | FollowAgentImage() | ForceDeploy() | SetAgent():
                return self._change_cluster(action)
            case TakeOver():
                self._take_over(action)
        return False

    def _set_agent(self, action: SetAgent) -> None:
        """Change the agent's settings in Rancher, before the next manifest is made from them."""
        self._rancher.set_agent(self._goal.cluster_name, action.variables, action.resources)
        if action.anew and self._virtual_cluster:
            self._virtual_cluster.remove_agent()

    def _change_cluster(self, action: Label | FollowAgentImage | ForceDeploy | SetAgent) -> bool:
        """Change the cluster in Rancher; return whether to wait before the next look.

        The image is changed once: Rancher's lists may lag behind, and the watcher repeats it.
        """
        match action:
            case Label():
                self._rancher.set_labels(action.cluster_id, action.labels, action.stale)
            case SetAgent():
                self._set_agent(action)
            case ForceDeploy():
                self._rancher.force_deploy(action.cluster_id)
                self._rancher.adopt(self._goal.cluster_name, action.vcluster_uid)
            case FollowAgentImage():
                if not self._rancher.follow_agent_image(action.cluster_id, action.default):
                    log.warning("the agent's image cannot follow Rancher's setting: see `setup`")
                self._image_cluster_id = action.cluster_id
        return isinstance(action, SetAgent)

    def _take_over(self, action: TakeOver) -> None:
        """Take the cluster over if a nonce in the virtual cluster is read back through Rancher.

        The identity alone proves nothing: with an APIService of `v1.` a tenant can forge it.
        """
        if self._virtual_cluster is None:
            return
        nonce = secrets.token_hex(16)
        self._virtual_cluster.write_proof(nonce)
        try:
            proof = self._rancher.proof(action.cluster_id)
        finally:
            self._virtual_cluster.remove_proof()
        if proof != nonce:
            raise RefusedError("NameTaken", name_conflict(self._goal))
        self._rancher.take_over(self._goal)

    def _create(self, action: CreateCluster) -> bool:
        # Before the request, so that a deregistration knows of it and forgets an earlier cluster.
        creation = Wait("Importing", "Creating", "Creates the cluster in Rancher.")
        self._progress.forget_cluster(creation)
        if self._rancher.create(self._goal, action.vcluster_uid):
            return False
        if self._hidden_since is None:
            self._hidden_since = self._clock.now()
        message = (
            f"Rancher does not yet show the cluster {self._goal.cluster_name} to the importer."
        )
        self._progress.report("Importing", Wait("Importing", "WaitingForPermissions", message))
        return True

    def _act_inside(self, action: WriteMarker | RemoveAgent | ApplyManifest) -> None:
        virtual_cluster = self._virtual_cluster
        if virtual_cluster is None:
            return
        match action:
            case WriteMarker():
                if action.first:
                    virtual_cluster.remove_rights()
                virtual_cluster.write_marker(action.marker)
            case RemoveAgent():
                virtual_cluster.remove_agent()
            case ApplyManifest():
                self._apply(virtual_cluster, action)

    def _apply(self, virtual_cluster: VirtualCluster, action: ApplyManifest) -> None:
        sight = self._sight
        registration = sight.registration(action.cluster_id) if sight else None
        if registration is None or not registration.path:
            return
        virtual_cluster.create_absent(manifest.read(self._rancher.manifest(registration)))
        state = virtual_cluster.look()
        if state and state.marker:
            virtual_cluster.write_marker(replace(state.marker, applied=True))
