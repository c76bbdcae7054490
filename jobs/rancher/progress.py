"""Progress of an import, for people: in the state ConfigMap and in the log."""

from collections.abc import Mapping
from types import MappingProxyType

import structlog

from jobs.errors import RancherImportError
from jobs.rancher.actions import Wait
from jobs.rancher.host_cluster import HostCluster
from jobs.rancher.model import Goal

log = structlog.get_logger()


class Progress:
    """The reports of one run."""

    def __init__(self, host: HostCluster, goal: Goal) -> None:
        """Hold the host and the goal."""
        self._host = host
        self._goal = goal
        self.cluster_id = ""
        """Id of the management cluster, which a deregistration removes; "" while it is unknown."""
        self._last_report: Mapping[str, str] | None = None

    def report(
        self,
        phase: str,
        event: Wait | RancherImportError,
        extra: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Log an event, and write it into the state if it is not the last one."""
        log.info("progress", phase=phase, reason=event.reason, message=event.message)
        changes = {
            "phase": phase,
            "reason": event.reason,
            "message": event.message,
            "clusterName": self._goal.cluster_name,
            **({"clusterId": self.cluster_id} if self.cluster_id else {}),
            **extra,
        }
        if self._last_report == changes:
            return
        try:
            self._host.report(changes)
            self._last_report = changes
        except RancherImportError as error:
            log.warning("cannot write the state", reason=error.reason, message=error.message)

    def forget_cluster(self, event: Wait) -> None:
        """Report an event and remove the id of an earlier cluster from the state."""
        self.cluster_id = ""
        self.report("Importing", event, {"clusterId": ""})

    def finish(self, cluster_id: str) -> None:
        """Report the end of the import. Raises RancherImportError if that is refused."""
        self._host.report(
            {
                "phase": "Connected",
                "reason": "Connected",
                "message": "",
                "clusterName": self._goal.cluster_name,
                "clusterId": cluster_id,
                "observedInputs": self._goal.inputs,
            }
        )
        log.info("connected", cluster=self._goal.cluster_name, id=cluster_id)
