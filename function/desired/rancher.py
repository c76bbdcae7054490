"""The Release of the import into Rancher, and its connection details.

The import keeps its state in a ConfigMap, one key of which is the connection detail. The import is
done when it reports Connected for the current inputs.
"""

from collections.abc import Iterator
from typing import Any

from function.api.fields import Owner
from function.api.input import Input, OwnChart, RancherPlatform, Resources
from function.api.names import Names, connection_secret
from function.api.network import Proxy
from function.decision import deletion
from function.decision.resolve import RancherImport, ResolvedSpec
from function.desired.namespace import own_chart, program_image
from function.desired.release import Detail, build_release
from function.k8s import addresses
from function.k8s.fieldpath import digest
from function.observed.rancher import REPORT, SLEEPING, STATE_KEYS, WRITERS, state_of
from function.observed.release import detail
from function.observed.state import ObservedRelease

CHART: OwnChart = "vcluster-rancher"

LABEL_HOST = "caas.telekom.de/host"
"""Label of the cluster in Rancher."""


DIRECT = ("localhost", "127.0.0.0/8", *addresses.PRIVATE, ".svc", ".cluster.local")
"""Destinations without a proxy: the API server and Services of a virtual cluster."""


def desired(  # noqa: PLR0913  # the parts of the decision that it needs
    spec: ResolvedSpec,
    rancher: RancherImport,
    platform: RancherPlatform,
    config: Input,
    observed: ObservedRelease | None,
    *,
    is_asleep: bool = False,
    rolled_back: str = "",
) -> dict[str, Any]:
    """Return the Release of the import.

    `rolled_back` is the identity of the last rollback. After it the import runs again, because the
    backup may be older than the import, or than the credentials of its agent.

    Sleep is no input of the import, which does not run again for it. Until the first report, a
    deletion keeps an earlier cluster in Rancher.
    """
    names = spec.names
    is_proven = bool(state_of(observed).get("phase"))
    is_takeover = deletion.is_takeover(spec) and not is_proven
    return build_release(
        name=names.rancher_release,
        namespace=names.home,
        target_namespace=names.platform_namespace,
        provider_config=spec.host.provider_config,
        chart=own_chart(CHART, config),
        values={
            **_values(spec, rancher, platform, config, rolled_back),
            **({"takeover": True} if is_takeover else {}),
            **({"power": SLEEPING} if is_asleep else {}),
        },
        rollback_limit=deletion.rollback_limit(observed, is_proven=is_proven),
        details=[*_details(names.state_config_map, observed)],
        connection_secret=connection_secret(names.rancher_release),
    )


def _details(config_map: str, observed: ObservedRelease | None) -> Iterator[Detail]:
    """Yield the connection details: the report.

    A Release of the release before keeps one for each key until the report was read, because a
    program has to write it first: a missing key would fail the provider's whole observation.
    """
    if observed is None or observed.connection_keys == {REPORT} or _is_reported(observed):
        yield Detail(REPORT, "v1", "ConfigMap", config_map, f"data.{REPORT}")
        return
    for key in STATE_KEYS:
        yield Detail(key, "v1", "ConfigMap", config_map, f"data.{key}")
    yield Detail(WRITERS, "v1", "ConfigMap", config_map, "metadata.managedFields")
    is_written = f"f:{REPORT}:" in detail(observed, WRITERS)
    if is_written or REPORT in observed.connection_keys:
        yield Detail(REPORT, "v1", "ConfigMap", config_map, f"data.{REPORT}")


def _is_reported(observed: ObservedRelease) -> bool:
    return REPORT in observed.connection_keys and REPORT in observed.details


def _values(
    spec: ResolvedSpec,
    rancher: RancherImport,
    platform: RancherPlatform,
    config: Input,
    rolled_back: str,
) -> dict[str, Any]:
    names = spec.names
    labels: dict[str, object] = {**rancher.labels, LABEL_HOST: spec.host.name}
    work: dict[str, object] = {
        "owner": {"name": names.namespace, "uid": spec.uid},
        "vcluster": vcluster_values(names),
        "stateConfigMap": names.state_config_map,
        "rancher": {
            "url": platform.url,
            "clusterName": rancher.cluster_name,
            "tokenSecret": platform.tokenSecret.model_dump(),
            "caSecret": platform.caSecret.model_dump() if platform.caSecret else {},
            **({"caChecksum": platform.caChecksum} if platform.caChecksum else {}),
            **({"proxy": _proxy(platform.proxy, spec)} if platform.proxy else {}),
            **_agent(platform.agentResources.filled),
            "onRebuild": platform.onRebuild,
            "owners": [_owner(owner) for owner in rancher.owners],
            "labels": labels,
            "timeout": platform.timeout,
        },
        "onDelete": "Retain" if spec.retain else "Delete",
        **({"formerOwnerUid": spec.restore_from} if spec.restore_from else {}),
    }
    return {
        **work,
        "inputs": digest({**work, "rolledBack": rolled_back} if rolled_back else work),
        **program_image(config),
    }


def _agent(resources: Resources) -> dict[str, Any]:
    """Return requests and limits of the agent, named as in a quota."""
    named = {
        f"{kind}.{resource}": amount
        for kind, amounts in (("requests", resources.requests), ("limits", resources.limits))
        for resource, amount in amounts.items()
    }
    return {"agentResources": named} if named else {}


def _proxy(proxy: Proxy, spec: ResolvedSpec) -> dict[str, Any]:
    """Return the proxy, without the addresses of the virtual cluster and the host.

    Addresses of a Service are the host's, so the host's ranges are reached directly.
    """
    direct = (*DIRECT, *spec.host.cidrs, *proxy.noProxy)
    return {
        **({"https": proxy.https} if proxy.https else {}),
        **({"http": proxy.http} if proxy.http else {}),
        "noProxy": [*dict.fromkeys(direct)],
    }


def vcluster_values(names: Names) -> dict[str, Any]:
    """Return the way of a Job to a virtual cluster, as values of its chart."""
    return {
        "namespace": names.namespace,
        "release": names.release,
        "kubeconfigSecret": {"name": names.kubeconfig_secret, "key": "config"},
        # The kubeconfig of an adopted cluster is for people, and names localhost.
        **({"server": names.endpoint} if names.adopted else {}),
    }


def _owner(owner: Owner) -> dict[str, Any]:
    """Return an owner with the field names of Rancher's role binding."""
    if owner.group:
        return {"group": owner.group, "role": owner.role}
    user = owner.user or ""
    return {"userPrincipal" if "://" in user else "user": user, "role": owner.role}
