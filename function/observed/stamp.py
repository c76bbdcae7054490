"""The stamp of a workload: chart, Kubernetes and digest of the values it was installed with.

One annotation holds all of it, so one connection detail reads it back. The position of a container
would not do, because plugins of the chart change it:
https://github.com/loft-sh/vcluster/blob/v0.36.1/chart/templates/_init-containers.tpl
"""

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from function.k8s.fieldpath import document, get, text

ANNOTATION = "caas.telekom.de/installed"
PATH = ("controlPlane", "statefulSet", "annotations", ANNOTATION)
"""Path of the annotation in the chart's values: the workload has it, its pods do not."""

DETAIL = "installed"
"""Connection detail with the stamp of the workload."""

CONTAINERS_DETAIL = "initContainers"
"""Connection detail with the init containers of a workload without a stamp."""

_KUBERNETES = re.compile(r"(?<=[\[ ])image:(\S+) (?:imagePullPolicy:\S+ )?name:kubernetes(?=[ \]])")
"""Image of the container `kubernetes` in a list, as provider-helm v1.3.0 writes it: Go's
`fmt.Sprintf("%v")`, keys sorted (pkg/controller/namespaced/release/observe.go, line 174)."""


_JSON = json.JSONEncoder(separators=(",", ":"), check_circular=False)


@dataclass(frozen=True)
class Stamp:
    """Chart version, tag of the Kubernetes image and digest of the values of a workload."""

    chart: str
    kubernetes: str
    values: str
    """Digest of the chart's values without the stamp."""

    def __str__(self) -> str:
        """Return the text of the annotation."""
        return _JSON.encode(vars(self))


def annotation(values: Mapping[str, object]) -> str:
    """Return the stamp in the chart's values, or an empty string."""
    return text(get(values, *PATH))


@functools.lru_cache(maxsize=16)
def parse(value: str) -> Stamp | None:
    """Return the stamp in a text, or None if it is invalid."""
    plain = document(value)
    parts = [text(get(plain, part)) for part in ("chart", "kubernetes", "values")]
    return Stamp(*parts) if parts[0] and parts[2] else None


def kubernetes_tag(details: Mapping[str, str]) -> str:
    """Return the tag of a workload's Kubernetes image, or an empty string while it is unknown."""
    stamp = parse(details.get(DETAIL, ""))
    if stamp and stamp.kubernetes:
        return stamp.kubernetes
    match = _KUBERNETES.search(details.get(CONTAINERS_DETAIL, ""))
    image = match[1] if match else ""
    return image.split("@")[0].rpartition("/")[2].partition(":")[2]
