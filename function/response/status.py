"""What the status says: where everything is, what runs, and what it waits for."""

from typing import Any

from function.api import xr
from function.api.input import Input
from function.decision.resolve import Wanted
from function.desired import exposure, rancher, vcluster
from function.observed.state import Observed
from function.response import upgrade


def status(
    granted: Wanted,
    config: Input,
    observed: Observed,
    blocked_by: str,
    progress: upgrade.Progress | None,
) -> dict[str, Any]:
    """Return the status of the VCluster."""
    names = granted.names
    found = xr.Status(
        observedGeneration=granted.generation,
        namespace=names.namespace,
        release=names.release,
        host=granted.host.name,
        chartVersion=vcluster.running_chart(observed.vcluster),
        kubernetesVersion=vcluster.running_kubernetes(observed.vcluster),
        endpoint=exposure.endpoint(granted.exposure, names),
        address=exposure.address(granted.exposure, observed.vcluster),
        kubeconfigSecretRef=xr.KubeconfigSecretRef(
            namespace=names.namespace,
            name=exposure.kubeconfig_secret(granted.exposure, names),
            key="config",
        ),
        rancher=rancher.status(observed.rancher, granted.rancher, config.rancher),
        upgrade=upgrade.status(progress),
        blockedBy=blocked_by,
    )
    return found.model_dump(exclude_none=True, by_alias=True)
