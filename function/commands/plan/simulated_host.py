"""A simulated host: what provider-helm reports of Releases on it.

`plan`, the examples, the benchmark and the model of a host in the tests share it. The tests hold it
to Releases recorded from provider-helm.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from function.k8s.fieldpath import document, get, mapping, sequence
from function.observed import access, backup, current, exposure, rancher, stamp, vcluster
from function.observed.release import EXTERNAL_NAME

CLOCK = "2026-01-01T00:00:00Z"
"""The time on the simulated host, which stands still."""

KUBECONFIG = "apiVersion: v1\nkind: Config\nclusters: []  # an example, no credentials\n"
_EXTERNAL_KUBECONFIG = "apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n    server: {}\n"
_ADDRESS = "map[ingress:[map[ip:192.0.2.20]]]"

BACKUP_REPORT: Mapping[str, object] = {
    "phase": "Completed",
    "reason": "Completed",
    "message": "",
    "last": "2026-01-01T00:00:00Z",
    "size": 4_500_000,
    "location": "00000000-0000-0000-0000-000000000000/20260101T000000Z",
    "count": 1,
    "next": "2026-01-02T00:00:00Z",
    "overdueAt": "2026-01-02T00:45:00Z",
}
"""Report of the Jobs of backups after the first one."""

_SAVED, _ROLLED_BACK_AT = "20260101T120000Z", "2026-01-01T12:05:00Z"
"""Backup before a rollback, and time of its end."""

ACCESS_REPORT: Mapping[str, object] = {
    "phase": "Applied",
    "reason": "Applied",
    "message": "",
    "expiry": {
        "ca": "2036-01-01T00:00:00Z",
        "server": "2027-01-01T00:00:00Z",
        "client": "2027-01-01T00:00:00Z",
    },
}
"""Report of the Job of a login that is in force."""

IMPORT_STATES = {
    "Pending": ("WaitingForKubeconfig", "The virtual cluster has no kubeconfig yet."),
    "Importing": ("WaitingForRancher", "Rancher has not processed the cluster yet."),
    "Registered": ("AgentStarting", "Rancher's agent starts in the virtual cluster."),
    "Connected": ("Connected", ""),
}
"""Reason and message of the import into Rancher, by phase."""


@dataclass(frozen=True)
class Report:
    """provider-helm's latest look at a Release, by default at a healthy one."""

    state: str = "deployed"
    """Helm's state; empty without a Helm release."""
    revision: int = 1
    version: str = ""
    """Installed chart version; empty for that of the Release."""
    is_current: bool = True
    """True if the Helm release has the chart and the values of the Release."""
    error: str = ""
    """Error of provider-helm, which quotes Helm."""
    details: Mapping[str, str] = field(default_factory=dict)
    """Connection details that differ from those of a healthy installation."""

    @property
    def is_ready(self) -> bool:
        """True if provider-helm sets Ready and writes the connection details."""
        return self.state == "deployed" and self.is_current


_NO_PODS = "map[availableReplicas:0 observedGeneration:1 replicas:1 updatedReplicas:1]"
HEALTHY = Report()
STARTING = Report(
    details={
        vcluster.WORKLOAD: _NO_PODS,
        vcluster.ETCD_WORKLOAD: _NO_PODS,
        exposure.INGRESS: "map[]",
    }
)
"""Report on a control plane without a running pod."""


def importing(phase: str, cluster_id: str = "") -> Report:
    """Return the report on an import into Rancher in a phase."""
    return Report(details={**import_state(phase), "clusterId": cluster_id})


def import_state(phase: str) -> dict[str, str]:
    """Return phase, reason and message of an import, as its Job writes them."""
    reason, message = IMPORT_STATES[phase]
    return {"phase": phase, "reason": reason, "message": message}


def backed_up(**parts: object) -> Report:
    """Return the report on backups, with other parts of their Jobs' report."""
    return Report(details={backup.REPORT: json.dumps({**BACKUP_REPORT, **parts})})


def logged_in(**parts: object) -> Report:
    """Return the report on a login, with other parts of its Job's report."""
    return Report(details={access.REPORT: json.dumps({**ACCESS_REPORT, **parts})})


def remembered(details: Mapping[str, str]) -> Report:
    """Return the report of a host that knows what it has restored, from its former details."""
    report = mapping(document(details.get(backup.REPORT, "")))
    known = {part: report[part] for part in ("restored", "rolledBack") if report.get(part)}
    return backed_up(**known) if known else HEALTHY


def release_status(release: Mapping[str, Any], report: Report = HEALTHY) -> dict[str, Any]:
    """Return the status of a Release; without a Helm release its last one stays there."""
    helm = {**mapping(get(release, "status", "atProvider"))}
    if report.state:
        helm = {
            "revision": report.revision,
            "state": report.state,
            "releaseDescription": _description(report),
            "version": report.version or release["spec"]["forProvider"]["chart"]["version"],
        }
    status = {
        "atProvider": helm,
        "conditions": [_readiness(release, report), _synced(release, report.error)],
    }
    return {**status, "synced": True} if report.is_ready else status


def unobserved_status(release: Mapping[str, Any], error: str) -> dict[str, Any]:
    """Return the status after a failed observation, which changes only the condition Synced."""
    before = mapping(get(release, "status"))
    others = [each for each in sequence(before.get("conditions")) if get(each, "type") != "Synced"]
    return {**before, "conditions": [*others, _synced(release, error)]}


def usage_status() -> dict[str, Any]:
    """Return the status of a Usage."""
    return {"conditions": [_condition("Ready", "True", "Available")]}


def connection_details(release: Mapping[str, Any], report: Report = HEALTHY) -> dict[str, str]:
    """Return the connection details of a Release, as far as it requests them."""
    if not report.is_ready:
        return {}
    details = {**_healthy_details(release), **report.details}
    details[rancher.REPORT] = json.dumps({part: details[part] for part in rancher.STATE_KEYS})
    details[backup.REPORT] = _backup_report(release, details[backup.REPORT])
    details[access.REPORT] = _access_report(release, details[access.REPORT])
    keys = [
        entry["toConnectionSecretKey"] for entry in release["spec"].get("connectionDetails", ())
    ]
    return {key: details[key] for key in keys if key in details}


def _backup_report(release: Mapping[str, Any], report: str) -> str:
    """Return a report with the inputs of the Release, and with the restore that it requests."""
    values = release["spec"]["forProvider"]["values"]
    parts: dict[str, object] = {"observedInputs": get(values, "inputs"), **json.loads(report)}
    prefix = get(values, "restore", "prefix")
    rollback = mapping(get(values, "rollback"))
    if rollback and not rollback["done"]:
        parts |= _rolling_back(rollback, is_stopped=bool(prefix))
    elif prefix and parts["phase"] == "Completed":
        snapshot = str(get(values, "restore", "snapshot")).replace("latest", "20260101T000000Z")
        parts["restored"] = f"{str(prefix).rpartition('/')[2]}/{snapshot}"
    return json.dumps(parts)


def _rolling_back(rollback: Mapping[str, object], *, is_stopped: bool) -> dict[str, object]:
    """Return the parts of the report on a rollback: prepared while it runs, then done."""
    about = {"request": rollback["request"], "saved": _SAVED}
    if not is_stopped:
        return {"rollback": {**about, "phase": "Prepared"}}
    return {"rolledBack": {**about, "snapshot": rollback["snapshot"], "at": _ROLLED_BACK_AT}}


def _access_report(release: Mapping[str, Any], report: str) -> str:
    """Return a report with the inputs and the rotation of the Release."""
    values = release["spec"]["forProvider"]["values"]
    parts: dict[str, object] = {
        "observedInputs": get(values, "inputs"),
        "rotated": get(values, "rotate"),
    }
    return json.dumps({**parts, **json.loads(report)})


def workload_status(replicas: object = 1) -> dict[str, object]:
    """Return the status of a StatefulSet or Deployment whose pods are all new and available."""
    return {
        "availableReplicas": replicas,
        "observedGeneration": 1,
        "replicas": replicas,
        "updatedReplicas": replicas,
    }


def _healthy_details(release: Mapping[str, Any]) -> dict[str, str]:
    provider = release["spec"]["forProvider"]
    values, version = provider["values"], provider["chart"]["version"]
    number = get(values, *current.REPLICAS)
    replicas = 1 if number is None else number
    workload = _go(workload_status(replicas))
    inputs = str(get(values, "inputs") or "")
    name = get(release, "metadata", "annotations", EXTERNAL_NAME)
    server = exposure.running(values, str(name or get(release, "metadata", "name"))).server
    tag = current.named_kubernetes(values)
    return {
        vcluster.CHART_LABEL: f"vcluster-{version}",
        stamp.CONTAINERS_DETAIL: (
            f"[map[command:[cp] image:ghcr.io/loft-sh/kubernetes:{tag} name:kubernetes]]"
        ),
        vcluster.GENERATION: "1",
        vcluster.WORKLOAD: workload,
        vcluster.ETCD_GENERATION: "1",
        vcluster.ETCD_WORKLOAD: workload,
        stamp.DETAIL: stamp.annotation(values),
        vcluster.KUBECONFIG: KUBECONFIG,
        exposure.KUBECONFIG: _EXTERNAL_KUBECONFIG.format(server),
        exposure.SERVICE: _ADDRESS,
        exposure.INGRESS: _ADDRESS,
        exposure.ROUTE_WRITERS: "f:parents:",
        exposure.ROUTE: "[map[conditions:[map[ status:True type:Accepted]]]]",
        **import_state("Connected"),
        "clusterName": str(get(values, "rancher", "clusterName") or ""),
        "clusterId": "",
        "desiredInputs": inputs,
        "observedInputs": inputs,
        rancher.WRITERS: f"f:{rancher.REPORT}:",
        backup.REPORT: json.dumps(BACKUP_REPORT),
        access.REPORT: json.dumps(ACCESS_REPORT),
    }


def _go(fields: Mapping[str, object]) -> str:
    """Return a map as provider-helm writes it into a connection detail."""
    return f"map[{' '.join(f'{key}:{value}' for key, value in sorted(fields.items()))}]"


def _description(report: Report) -> str:
    if report.state != "deployed":
        return ""
    return "Install complete" if report.revision == 1 else "Upgrade complete"


def _readiness(release: Mapping[str, Any], report: Report) -> dict[str, Any]:
    if report.is_ready:
        return _condition("Ready", "True", "Available")
    if report.state:
        return _condition("Ready", "False", "Unavailable")
    return _observed_at(release, _condition("Ready", "False", "Creating"))


def _synced(release: Mapping[str, Any], error: str) -> dict[str, Any]:
    status, reason = ("False", "ReconcileError") if error else ("True", "ReconcileSuccess")
    synced = _observed_at(release, _condition("Synced", status, reason))
    return {**synced, "message": error} if error else synced


def _observed_at(release: Mapping[str, Any], condition: dict[str, Any]) -> dict[str, Any]:
    """Return a condition with the generation of the Release, once the API server has set it."""
    generation = get(release, "metadata", "generation")
    return condition if generation is None else {**condition, "observedGeneration": generation}


def _condition(typ: str, status: str, reason: str) -> dict[str, Any]:
    return {"type": typ, "status": status, "reason": reason, "lastTransitionTime": CLOCK}
