"""What the status says: where everything is, what runs, and what it waits for."""

from typing import Any

from function import rancher, vcluster
from function.models import xr
from function.models.input import Input
from function.state import Observed
from function.wanted import Wanted


def status(granted: Wanted, config: Input, observed: Observed, blocked_by: str) -> dict[str, Any]:
    """Return the status of the VCluster."""
    names = granted.names
    found = xr.Status(
        namespace=names.namespace,
        release=names.release,
        host=granted.host.name,
        chartVersion=vcluster.running_chart(observed.vcluster),
        kubernetesVersion=vcluster.running_kubernetes(observed.vcluster),
        endpoint=names.endpoint,
        kubeconfigSecretRef=xr.KubeconfigSecretRef(
            namespace=names.namespace, name=names.kubeconfig_secret, key="config"
        ),
        rancher=rancher.status(observed.rancher, granted.rancher, config.rancher),
        blockedBy=blocked_by,
    )
    return found.model_dump(exclude_none=True)
