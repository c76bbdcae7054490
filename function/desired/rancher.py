"""The import into Rancher: the Release of its chart, and what the import reports.

The import keeps its state in a ConfigMap whose keys come back as connection details. It is done
when it reports Connected for the inputs that are wanted now.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from function.api.errors import InvalidError, Problem
from function.api.fields import Owner
from function.api.input import Input, OwnChart, Resources
from function.api.input import Rancher as Platform
from function.api.names import Names, connection_secret
from function.api.network import Proxy
from function.api.xr import RancherStatus
from function.decision import deletion
from function.decision.resolve import Rancher, Wanted
from function.desired.namespace import own_chart
from function.desired.release import Detail, build_release
from function.k8s import addresses, image_reference
from function.k8s.fieldpath import at, digest
from function.observed.release import judge
from function.observed.state import Condition, ObservedRelease

KEY = "rancher"
CONDITION = "RancherConnected"
CHART: OwnChart = "vcluster-rancher"

LABEL_HOST = "caas.telekom.de/host"
"""Label of the cluster in Rancher."""

PHASES = ("Pending", "Importing", "Registered", "Connected", "Lost", "Failed")
STATE_KEYS = (
    "phase",
    "reason",
    "message",
    "clusterName",
    "clusterId",
    "desiredInputs",
    "observedInputs",
)
"""Keys of the state ConfigMap: the contract with the chart and the import Job."""

DIRECT = ("localhost", "127.0.0.0/8", *addresses.PRIVATE, ".svc", ".cluster.local")
"""What is never reached by a proxy: the API server and Services of a virtual cluster."""

_REASON = re.compile(r"[A-Za-z][A-Za-z0-9]{0,99}")


def desired(
    wanted: Wanted,
    rancher: Rancher,
    platform: Platform,
    config: Input,
    observed: ObservedRelease | None,
) -> dict[str, Any]:
    """Return the Release.

    Until the import has reported once, a cluster that was in Rancher before is not taken out.
    """
    names = wanted.names
    is_proven = observed is not None and bool(observed.details.get("phase"))
    is_takeover = deletion.is_takeover(wanted) and not is_proven
    details = [
        Detail(key, "v1", "ConfigMap", names.state_config_map, f"data.{key}") for key in STATE_KEYS
    ]
    return build_release(
        name=names.rancher_release,
        home=names.home,
        target=names.platform,
        provider_config=wanted.host.provider_config,
        chart=own_chart(CHART, config),
        values={
            **_values(wanted, rancher, platform, config),
            **({"takeover": True} if is_takeover else {}),
        },
        rollback_limit=deletion.rollback_limit(observed, is_proven=is_proven),
        details=details,
        connection_secret=connection_secret(names.rancher_release),
    )


def condition(observed: ObservedRelease | None, inputs: str | None, *, enabled: bool) -> Condition:
    """Return RancherConnected.

    `inputs` are those wanted now; None takes the ones that the Release asks for.
    """
    if not enabled:
        return _switched_off(observed)
    judged = judge(CONDITION, observed)
    if judged.status != "True" or observed is None:
        return judged
    state = observed.details
    wanted = observed.values.get("inputs") if inputs is None else inputs
    phase = state.get("phase", "")
    if phase not in PHASES:
        return replace(
            judged, status="Unknown", reason="NoState", message="The import has not reported yet."
        )
    if phase == "Connected" and state.get("observedInputs") != wanted:
        message = "The import runs again, because what it works on has changed."
        return replace(judged, status="False", reason="Importing", message=message)
    reason = state.get("reason", "")
    return replace(
        judged,
        status="True" if phase == "Connected" else "False",
        reason=reason if _REASON.fullmatch(reason) else phase,
        message=state.get("message", ""),
    )


def refuse_another(observed: ObservedRelease | None, platform: Platform) -> None:
    """Raise `InvalidError` where the Input names another Rancher than the cluster is in.

    An import into that one would leave the cluster and its owners in the first, which nothing
    would remove any more.
    """
    if observed is None or not _is_known_to_rancher(observed.details):
        return
    url = at(observed.values, "rancher", "url")
    same = {one.rstrip("/") for one in (platform.url, *platform.formerUrls)}
    if isinstance(url, str) and url.rstrip("/") not in same:
        raise InvalidError(
            Problem(
                "input.rancher.url",
                "is not that of the Rancher in which this VCluster is",
                "Put the former URL back, and take the VCluster out of that Rancher first "
                "(spec.rancher.enabled: false). If it is the same Rancher under a new URL, add the "
                "former one to rancher.formerUrls.",
            ),
            reason="InvalidInput",
        )


def _is_known_to_rancher(state: Mapping[str, str]) -> bool:
    """Return whether the import has made something in Rancher, or may have."""
    return (
        bool(state.get("clusterId"))
        or state.get("phase") in ("Registered", "Connected", "Lost")
        or state.get("reason") in ("Creating", "WaitingForRancher", "WaitingForPermissions")
    )


def desired_inputs(resource: Mapping[str, Any]) -> str:
    """Return the inputs that a desired Release asks for."""
    return str(resource["spec"]["forProvider"]["values"]["inputs"])


def status(
    observed: ObservedRelease | None, rancher: Rancher | None, platform: Platform | None
) -> RancherStatus | None:
    """Return `status.rancher`, or None where the cluster is not in Rancher."""
    if rancher is None or platform is None:
        return None
    state = observed.details if observed else {}
    cluster_id = state.get("clusterId", "")
    page = f"{platform.url.rstrip('/')}/dashboard/c/{cluster_id}"
    return RancherStatus(
        clusterName=state.get("clusterName") or rancher.cluster_name,
        clusterId=cluster_id,
        url=page if cluster_id else "",
        phase=state.get("phase", ""),
    )


def _switched_off(observed: ObservedRelease | None) -> Condition:
    if observed is None:
        message = "The import into Rancher is switched off."
        return Condition(CONDITION, "False", "Disabled", message)
    message = f"Release {observed.namespace}/{observed.name} takes the cluster out of Rancher."
    return Condition(CONDITION, "False", "Deregistering", message)


def _values(wanted: Wanted, rancher: Rancher, platform: Platform, config: Input) -> dict[str, Any]:
    names = wanted.names
    labels: dict[str, object] = {**rancher.labels, LABEL_HOST: wanted.host.name}
    work: dict[str, object] = {
        "owner": {"name": names.namespace, "uid": wanted.uid},
        "vcluster": _vcluster(names),
        "stateConfigMap": names.state_config_map,
        "rancher": {
            "url": platform.url,
            "clusterName": rancher.cluster_name,
            "tokenSecret": platform.tokenSecret.model_dump(),
            "caSecret": platform.caSecret.model_dump() if platform.caSecret else {},
            **({"caChecksum": platform.caChecksum} if platform.caChecksum else {}),
            **({"proxy": _proxy(platform.proxy, wanted)} if platform.proxy else {}),
            **_agent(platform.agentResources.filled),
            "onRebuild": platform.onRebuild,
            "owners": [_owner(owner) for owner in rancher.owners],
            "labels": labels,
            "timeout": platform.timeout,
        },
        "onDelete": "Retain" if wanted.retain else "Delete",
        **({"formerOwnerUid": wanted.restore_from} if wanted.restore_from else {}),
    }
    return {
        **work,
        "inputs": digest(work),
        "image": image_reference.mirror(config.image, config.registries),
        "imagePullSecrets": [config.pullSecret] if config.pullSecret else [],
    }


def _agent(given: Resources) -> dict[str, Any]:
    """Return requests and limits of the agent by the names that they have in a quota."""
    named = {
        f"{kind}.{resource}": amount
        for kind, amounts in (("requests", given.requests), ("limits", given.limits))
        for resource, amount in amounts.items()
    }
    return {"agentResources": named} if named else {}


def _proxy(proxy: Proxy, wanted: Wanted) -> dict[str, Any]:
    """Return the proxy, with what the agent reaches in the virtual cluster and on the host.

    Addresses of a Service are the host's, so its ranges stay direct.
    """
    direct = (*DIRECT, *wanted.host.cidrs, *proxy.noProxy)
    return {
        **({"https": proxy.https} if proxy.https else {}),
        **({"http": proxy.http} if proxy.http else {}),
        "noProxy": [*dict.fromkeys(direct)],
    }


def _vcluster(names: Names) -> dict[str, Any]:
    return {
        "namespace": names.namespace,
        "release": names.release,
        "kubeconfigSecret": {"name": names.kubeconfig_secret, "key": "config"},
        # The kubeconfig of one that was installed by hand is for people, at localhost.
        **({"server": names.endpoint} if names.adopted else {}),
    }


def _owner(owner: Owner) -> dict[str, Any]:
    """Return an owner with the subject named as Rancher's binding names it."""
    if owner.group:
        return {"group": owner.group, "role": owner.role}
    user = owner.user or ""
    return {"userPrincipal" if "://" in user else "user": user, "role": owner.role}
