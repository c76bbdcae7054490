"""Turn a backup of VClusters into what restores them on a new control plane.

Reads what `kubectl get vclusters.caas.telekom.de --all-namespaces -o json` printed, and prints a
List for `kubectl create -f -`. Each VCluster names its former self in `storage.restoreFrom`, which
opens its namespace and its cluster in Rancher to it, and the host and the version of Kubernetes
that it has, which a new one would choose anew.
"""

import json
import re
import sys
from typing import Any

Object = dict[str, Any]

CROSSPLANES = ("resourceRefs", "compositionRevisionRef")
"""Fields of `spec.crossplane` that name objects of the old control plane."""

KUBECTLS = "kubectl.kubernetes.io/last-applied-configuration"


def main() -> None:
    """Read a backup from standard input, and print what restores it."""
    backup: Object = json.load(sys.stdin)
    items = backup.get("items", [backup])
    living = [each for each in items if "deletionTimestamp" not in each["metadata"]]
    restored = [restorable(each) for each in living]
    print(json.dumps({"apiVersion": "v1", "kind": "List", "items": restored}, indent=2))


def restorable(vcluster: Object) -> Object:
    """Return the VCluster that takes over what this one has."""
    metadata, spec, status = vcluster["metadata"], vcluster["spec"], vcluster.get("status", {})
    storage = {**spec.get("storage", {}), "restoreFrom": metadata["uid"]}
    own = {**spec, **_settled(status), "storage": storage}
    crossplane = _without(spec.get("crossplane", {}), CROSSPLANES)
    own.pop("crossplane", None)
    if crossplane:
        own["crossplane"] = crossplane
    return {
        "apiVersion": vcluster["apiVersion"],
        "kind": vcluster["kind"],
        "metadata": {
            **{key: metadata[key] for key in ("name", "namespace") if key in metadata},
            **{
                key: _peoples(metadata[key]) for key in ("labels", "annotations") if key in metadata
            },
        },
        "spec": own,
    }


def _settled(status: Object) -> Object:
    """Return the fields of a spec that were decided when the VCluster was created."""
    version = re.fullmatch(r"v?(\d+\.\d+\.\d+)", status.get("kubernetesVersion", ""))
    settled = {"kubernetesVersion": version and version[1], "host": status.get("host")}
    return {key: value for key, value in settled.items() if value}


def _peoples(words: dict[str, str]) -> dict[str, str]:
    """Return the labels or annotations that people gave."""
    return {
        key: value
        for key, value in words.items()
        if key != KUBECTLS and not key.startswith("crossplane.io/")
    }


def _without(obj: Object, keys: tuple[str, ...]) -> Object:
    return {key: value for key, value in obj.items() if key not in keys}


if __name__ == "__main__":
    main()
