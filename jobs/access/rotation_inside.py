"""The inside of a virtual cluster whose CA is made anew: the CA of its pods, and their restart."""

import base64
import hashlib
import re
from typing import Any

from lightkube.config.kubeconfig import SingleConfig
from lightkube.resources.apps_v1 import Deployment, StatefulSet
from lightkube.resources.core_v1 import ConfigMap
from lightkube.types import PatchType

from jobs.bounded_api import Api
from jobs.kubernetes import call, maybe

ROOT_CA = "kube-root-ca.crt"
"""The ConfigMap in each namespace with the CA that pods trust."""

SYSTEM, DNS = "kube-system", "coredns"
AGENTS = ("cattle-system", "cattle-fleet-system")
"""Namespaces of Rancher's agents."""

ROTATED = "caas.telekom.de/rotated"
"""Annotation of a pod template with the number of the rotation, whose change replaces the pods."""

PEM = re.compile("-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)


def digest(pem: str) -> str:
    """Return a digest of the first certificate, "" without one."""
    match = PEM.search(pem)
    if match is None:
        return ""
    return hashlib.sha256("".join(match[1].split()).encode()).hexdigest()


def authority(config: SingleConfig | None) -> str:
    """Return a digest of the CA of a kubeconfig, "" without one."""
    data = config.cluster.certificate_auth_data if config else None
    try:
        return digest(base64.b64decode(data or "").decode())
    except ValueError:
        return ""


def root_authorities(client: Api) -> dict[str, str]:
    """Return the CA that pods are given in each namespace, as PEM."""

    def read() -> dict[str, str]:
        config_maps = client.list(ConfigMap, namespace="*", fields={"metadata.name": ROOT_CA})
        return {
            (each.metadata and each.metadata.namespace) or "": (each.data or {}).get("ca.crt", "")
            for each in config_maps
        }

    return call(read, f"the ConfigMaps {ROOT_CA} in the virtual cluster")


def restart(client: Api, number: int) -> None:
    """Replace the pods of DNS and of Rancher's agents, unless that is done for this number."""
    _annotate(client, Deployment, SYSTEM, DNS, number)
    for namespace in AGENTS:
        for kind in (Deployment, StatefulSet):
            what = f"the {kind.__name__}s of {namespace} in the virtual cluster"
            for each in call(lambda: [*_list(client, kind, namespace)], what):  # noqa: B023
                _annotate(client, kind, namespace, each.metadata.name, number)


def _list(client: Api, kind: Any, namespace: str) -> Any:  # noqa: ANN401 -- any workload
    return client.list(kind, namespace=namespace)


def _annotate(client: Api, kind: Any, namespace: str, name: str, number: int) -> None:  # noqa: ANN401
    annotations = {ROTATED: str(number)}
    patch = {"spec": {"template": {"metadata": {"annotations": annotations}}}}
    maybe(
        lambda: client.patch(kind, name, patch, namespace=namespace, patch_type=PatchType.MERGE),
        f"{kind.__name__} {namespace}/{name} in the virtual cluster",
    )
