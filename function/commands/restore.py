"""Turn a backup of VClusters into the VClusters that restore them on a new control plane.

Each names its former UID in `storage.restoreFrom`, which gives it the namespace on the host and the
cluster in Rancher, and no backup to begin with. It also names the host and the Kubernetes version
that it has: a new one would choose them again.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from function.api import xr
from function.api.errors import InvalidError, Problem
from function.k8s.fieldpath import get, mapping, sequence, text

CROSSPLANES = ("resourceRefs", "compositionRevisionRef")
"""Fields of `spec.crossplane` that name objects of the old control plane."""

KUBECTLS = "kubectl.kubernetes.io/last-applied-configuration"

BACKUP = "kubectl get vclusters.caas.telekom.de --all-namespaces -o json"


def restored(documents: Iterable[object]) -> dict[str, object]:
    """Return a List of the VClusters that restore those of a backup.

    VClusters that were being deleted are left out. Raises `InvalidError` if the backup holds
    anything else.
    """
    former = [*_objects(documents)]
    if not former or not all(map(_is_vcluster, former)):
        problem = Problem("FILE", f"must hold what `{BACKUP}` prints", "Run that.")
        raise InvalidError(problem)
    living = [each for each in former if get(each, "metadata", "deletionTimestamp") is None]
    return {"apiVersion": "v1", "kind": "List", "items": [restorable(each) for each in living]}


def restorable(vcluster: Mapping[str, object]) -> dict[str, object]:
    """Return the VCluster that takes over what an earlier one has."""
    metadata, spec = mapping(vcluster["metadata"]), mapping(vcluster.get("spec"))
    storage = {**mapping(spec.get("storage")), "restoreFrom": metadata["uid"]}
    own = {**spec, **_settled(mapping(vcluster.get("status"))), "storage": storage}
    crossplane = _without(mapping(own.pop("crossplane", None)), CROSSPLANES)
    if crossplane:
        own["crossplane"] = crossplane
    if isinstance(own.get("backup"), dict):
        own["backup"] = _without(mapping(own["backup"]), ("restoreFrom", "rollback"))
    return {
        "apiVersion": vcluster["apiVersion"],
        "kind": vcluster["kind"],
        "metadata": {
            **{key: metadata[key] for key in ("name", "namespace") if key in metadata},
            **{
                key: _by_users(mapping(metadata[key]))
                for key in ("labels", "annotations")
                if key in metadata
            },
        },
        "spec": own,
    }


def _objects(documents: Iterable[object]) -> Iterator[Mapping[str, object]]:
    """Yield the objects of documents and of lists among them."""
    for document in documents:
        if isinstance(get(document, "items"), list):
            yield from map(mapping, sequence(get(document, "items")))
        else:
            yield mapping(document)


def _is_vcluster(plain: Mapping[str, object]) -> bool:
    own = text(plain.get("apiVersion")).partition("/")[0], plain.get("kind")
    is_one = own == (xr.API_VERSION.partition("/")[0], xr.KIND)
    return is_one and bool(text(get(plain, "metadata", "uid")))


def _settled(status: Mapping[str, object]) -> dict[str, object]:
    """Return the fields of a spec that were decided when the VCluster was created."""
    version = re.fullmatch(r"v?(\d+\.\d+\.\d+)", text(status.get("kubernetesVersion")))
    settled = {"kubernetesVersion": version and version[1], "host": status.get("host")}
    return {key: value for key, value in settled.items() if value}


def _by_users(entries: Mapping[str, object]) -> dict[str, object]:
    """Return the labels or annotations that users set."""
    return {
        key: value
        for key, value in entries.items()
        if key != KUBECTLS and not key.startswith("crossplane.io/")
    }


def _without(values: Mapping[str, object], keys: tuple[str, ...]) -> dict[str, object]:
    return {key: value for key, value in values.items() if key not in keys}
