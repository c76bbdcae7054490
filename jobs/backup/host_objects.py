"""Objects of a virtual cluster in its namespace on the host, as snapshot and restore need them."""

from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment, StatefulSet
from lightkube.resources.core_v1 import Secret
from lightkube.types import PatchType

from jobs.backup.model import VirtualCluster
from jobs.bounded_api import Api
from jobs.errors import ConflictError
from jobs.kubernetes import call, maybe


def workload(client: Api, vcluster: VirtualCluster) -> StatefulSet | Deployment | None:
    """Return the workload of the control plane: its kind is by the store of the chart."""
    kind: type[StatefulSet | Deployment] = (
        Deployment if vcluster.availability == "HA" else StatefulSet
    )
    return maybe(
        lambda: client.get(kind, vcluster.release, namespace=vcluster.namespace),
        f"{kind.__name__} {vcluster.namespace}/{vcluster.release}",
    )


def put_secret(client: Api, namespace: str, metadata: ObjectMeta, data: dict[str, str]) -> None:
    """Create a Secret, or replace what an earlier run has left of it."""
    name = str(metadata.name)
    body = Secret(metadata=metadata, data=data)
    what = f"Secret {namespace}/{name}"
    try:
        call(lambda: client.create(body, namespace=namespace), what)
    except ConflictError:
        patch = {"data": data}
        call(
            lambda: client.patch(
                Secret, name, patch, namespace=namespace, patch_type=PatchType.MERGE
            ),
            what,
        )
