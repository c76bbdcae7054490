"""The stamp of a workload: chart, Kubernetes and digest of the values it was installed with.

It is one annotation, so one connection detail brings all of it back and nothing depends on the
position of a container, which plugins of the chart change:
https://github.com/loft-sh/vcluster/blob/v0.36.1/chart/templates/_init-containers.tpl
"""

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from function.k8s.fieldpath import get, text

ANNOTATION = "caas.telekom.de/installed"
PATH = ("controlPlane", "statefulSet", "annotations", ANNOTATION)
"""Where the chart's values have an annotation of the workload, which none of its pods bears."""

DETAIL = "installed"
"""Connection detail with the stamp of the workload."""

CONTAINERS_DETAIL = "initContainers"
"""Connection detail with the init containers of a workload without a stamp."""

_KUBERNETES = re.compile(r"(?<=[\[ ])image:(\S+) (?:imagePullPolicy:\S+ )?name:kubernetes(?=[ \]])")
"""The image of the container of this name, in a list as provider-helm v1.3.0 writes one: Go's
`fmt.Sprintf("%v")`, keys sorted (pkg/controller/namespaced/release/observe.go, line 174)."""


@dataclass(frozen=True)
class Stamp:
    """What a workload was installed with; Kubernetes is the tag of its image."""

    chart: str
    kubernetes: str
    values: str
    """Digest of the chart's values without the stamp."""

    def __str__(self) -> str:
        """Return the text of the annotation."""
        return json.dumps(vars(self), separators=(",", ":"))


def annotation(values: Mapping[str, object]) -> str:
    """Return the stamp in a chart's values, or nothing if they bear none."""
    return text(get(values, *PATH))


@functools.lru_cache(maxsize=16)
def parse(written: str) -> Stamp | None:
    """Return a stamp that was read back, or None for what is none."""
    try:
        found = json.loads(written)
    except ValueError:
        return None
    parts = [text(get(found, part)) for part in ("chart", "kubernetes", "values")]
    return Stamp(*parts) if parts[0] and parts[2] else None


def kubernetes_tag(details: Mapping[str, str]) -> str:
    """Return the tag of the Kubernetes image that a workload runs, or nothing if not known."""
    stamp = parse(details.get(DETAIL, ""))
    if stamp and stamp.kubernetes:
        return stamp.kubernetes
    found = _KUBERNETES.search(details.get(CONTAINERS_DETAIL, ""))
    image = found[1] if found else ""
    return image.split("@")[0].rpartition("/")[2].partition(":")[2]
