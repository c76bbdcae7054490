"""The images that a virtual cluster runs, at their mirrors, and those that a chart brings along."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from function.api.errors import Problem
from function.k8s import versions
from function.k8s.fieldpath import get, mapping
from function.k8s.image_reference import DOCKER, mirror, parse

Path = tuple[str, ...]


@dataclass(frozen=True)
class ChartImage:
    """An image of the vcluster chart, which has registry, repository and tag apart."""

    path: Path
    """Where it is in the chart's values."""
    registry: str
    repository: str
    """Registry and repository of the chart's own values, the same in 0.31 to 0.36."""


CONTROL_PLANE = ChartImage(
    ("controlPlane", "statefulSet", "image"), "ghcr.io", "loft-sh/vcluster-pro"
)
KUBERNETES = ChartImage(("controlPlane", "distro", "k8s", "image"), "ghcr.io", "loft-sh/kubernetes")
ETCD = ChartImage(
    ("controlPlane", "backingStore", "etcd", "deploy", "statefulSet", "image"),
    "registry.k8s.io",
    "etcd",
)
HOSTS = ChartImage(
    ("sync", "toHost", "pods", "rewriteHosts", "initContainer", "image"),
    "mirror.gcr.io",
    "library/alpine",
)
"""Writes /etc/hosts of tenants' pods that have a subdomain, those of a StatefulSet say."""

CHART_IMAGES = (CONTROL_PLANE, KUBERNETES, ETCD, HOSTS)

COREDNS: Path = ("controlPlane", "coredns", "deployment", "image")
"""A whole reference. Where it is empty vcluster decides, by the Kubernetes version."""

OTHER_IMAGES: tuple[Path, ...] = (
    ("plugins", "*", "image"),
    ("plugin", "*", "image"),
    ("controlPlane", "statefulSet", "initContainers", "*", "image"),
    ("controlPlane", "statefulSet", "sidecarContainers", "*", "image"),
)
"""Whole references that the chart leaves empty; `*` is any key or entry."""

DEFAULT_REGISTRY: Path = ("controlPlane", "advanced", "defaultImageRegistry")
"""The chart's own way: one registry for all, in place of each image's."""

_COREDNS_REPOSITORY = "coredns/coredns"

_COREDNS_TAGS = {
    "1.30": "1.11.3",
    "1.31": "1.11.3",
    "1.32": "1.11.3",
    "1.33": "1.12.0",
    "1.34": "1.12.1",
    "1.35": "1.14.1",
    "1.36": "1.14.2",
}
"""https://github.com/loft-sh/vcluster/blob/v0.36.1/pkg/constants/coredns.go"""

_COREDNS_FALLBACK = "1.14.2"
"""Of Kubernetes versions that are not listed: `DefaultImage` in pkg/coredns/coredns.go there."""


@dataclass(frozen=True)
class ChartTags:
    """The tags that a version of the chart brings along."""

    etcd: str
    hosts: str
    kubernetes: str
    """The newest Kubernetes minor for which vcluster itself is taken to choose CoreDNS by the table
    above. Only 0.36.1 was read; of the earlier ones it is what they knew of the same table."""


CHART_TAGS = {
    "0.31.3": ChartTags(etcd="3.6.4-0", hosts="3.20", kubernetes="1.34"),
    "0.32.3": ChartTags(etcd="3.6.4-0", hosts="3.20", kubernetes="1.34"),
    "0.33.4": ChartTags(etcd="3.6.4-0", hosts="3.20", kubernetes="1.35"),
    "0.34.7": ChartTags(etcd="3.6.4-0", hosts="3.20", kubernetes="1.35"),
    "0.35.3": ChartTags(etcd="3.6.8-0", hosts="3.20", kubernetes="1.36"),
    "0.36.1": ChartTags(etcd="3.6.8-0", hosts="3.20", kubernetes="1.36"),
}
"""https://github.com/loft-sh/vcluster/blob/v<version>/chart/values.yaml"""


def mapped(
    values: Mapping[str, object], registries: Mapping[str, str], kubernetes: str
) -> dict[str, object]:
    """Return the chart's values with each image at its mirror.

    Images of other registries stay as they are, and so does everything where the values name one
    registry for all. CoreDNS gets an image of its own choice where docker.io has a mirror: which
    one vcluster takes is in its program only.
    """
    result: object = dict(values)
    if registries and not get(values, *DEFAULT_REGISTRY):
        for image in CHART_IMAGES:
            result = _changed(result, image.path, partial(_moved, image, registries))
        default = coredns(kubernetes) if DOCKER in registries else None
        result = _changed(result, COREDNS, partial(_moved_text, registries, default))
        for path in OTHER_IMAGES:
            result = _changed(result, path, partial(_moved_text, registries, None))
    return dict(mapping(result))


def coredns(kubernetes: str) -> str:
    """Return the image of CoreDNS for a Kubernetes version."""
    minor = versions.minor(kubernetes) if versions.is_comparable(kubernetes) else ""
    tag = _COREDNS_TAGS.get(minor, _COREDNS_FALLBACK)
    return f"{DOCKER}/{_COREDNS_REPOSITORY}:{tag}"


def needed(
    values: Mapping[str, object], chart: str, kubernetes: str, registries: Mapping[str, str]
) -> Iterator[str | Problem]:
    """Yield each image that a virtual cluster of these values runs, at its source.

    `values` are not mapped yet. What cannot be known is a problem.
    """
    prefix = get(values, *DEFAULT_REGISTRY)
    for image in CHART_IMAGES:
        tag = _tag(image, values, chart)
        yield _at_source(image, values, prefix, tag) if tag else _unknown_tag(image, chart)
    yield _coredns(values, prefix, chart, kubernetes, registries)
    for path in OTHER_IMAGES:
        for text in _texts(values, path):
            yield _whole(text, prefix)


def _changed(node: object, path: Sequence[str], change: Callable[[object], object]) -> object:
    """Return a copy in which what is at the path is changed; `change` gets None where it is not.

    What somebody took away with null stays away.
    """
    if not path:
        return change(node)
    step, rest = path[0], path[1:]
    if step == "*" and isinstance(node, list):
        return [_changed(each, rest, change) for each in node]
    if node is not None and not isinstance(node, Mapping):
        return node
    below = mapping(node)
    if step == "*":
        return {key: _changed(value, rest, change) for key, value in below.items()} or node
    if step in below and below[step] is None:
        return node
    value = _changed(below.get(step), rest, change)
    return node if value is None else {**below, step: value}


def _moved(image: ChartImage, registries: Mapping[str, str], found: object) -> object:
    if found is not None and not isinstance(found, Mapping):
        return found
    given = mapping(found)
    registry, repository = _parts(image, given)
    source = parse(f"{registry}/{repository}" if registry else repository)
    if source.registry not in registries:
        return found
    moved = dict(given)
    if registry != registries[source.registry]:
        moved["registry"] = registries[source.registry]
    if repository != source.repository:
        moved["repository"] = source.repository
    return moved


def _moved_text(registries: Mapping[str, str], default: str | None, found: object) -> object:
    text = found or default
    return mirror(text, registries) if isinstance(text, str) else found


def _parts(image: ChartImage, given: Mapping[str, object]) -> tuple[str, str]:
    """Return registry, which may be empty, and repository."""
    return (
        str(given.get("registry", image.registry) or ""),
        str(given.get("repository", image.repository) or ""),
    )


def _tag(image: ChartImage, values: Mapping[str, object], chart: str) -> str:
    """Return the tag of an image of the chart, or nothing where it is not known."""
    own = {CONTROL_PLANE: chart}
    if chart in CHART_TAGS:
        own |= {ETCD: CHART_TAGS[chart].etcd, HOSTS: CHART_TAGS[chart].hosts}
    # The chart still takes this older way to name a version, and takes it first.
    version = get(values, *image.path[:-1], "version") if image is KUBERNETES else None
    return str(version or get(values, *image.path, "tag") or own.get(image, ""))


def _at_source(image: ChartImage, values: Mapping[str, object], prefix: object, tag: str) -> str:
    registry, repository = _parts(image, mapping(get(values, *image.path)))
    registry = str(prefix or registry)
    if image is HOSTS and "/" not in repository:
        # vcluster puts this name together, and takes every registry for docker.io.
        repository = f"library/{repository}"
    name = f"{registry}/{repository}" if registry else repository
    return str(parse(f"{name}:{tag}"))


def _coredns(
    values: Mapping[str, object],
    prefix: object,
    chart: str,
    kubernetes: str,
    registries: Mapping[str, str],
) -> str | Problem:
    given = get(values, *COREDNS)
    image = coredns(kubernetes)
    if given:
        return _whole(str(given), prefix)
    if _is_mapped(prefix, registries) or _decides_alike(chart, kubernetes):
        return _whole(image.removeprefix(f"{DOCKER}/"), prefix)
    return Problem(
        "input.vcluster.chart.versions",
        f"has {chart}, of which it is not known here which CoreDNS it takes for Kubernetes "
        f"{versions.minor(kubernetes)}",
        f"Give {DOCKER} a mirror in registries, or name the image in "
        f"vcluster.values.{'.'.join(COREDNS)}: then that one is taken.",
    )


def _is_mapped(prefix: object, registries: Mapping[str, str]) -> bool:
    """Tell whether the function itself names CoreDNS' image."""
    return DOCKER in registries and not prefix


def _decides_alike(chart: str, kubernetes: str) -> bool:
    """Tell whether vcluster is known to take the CoreDNS of our table."""
    known = CHART_TAGS.get(chart)
    minor = versions.minor(kubernetes)
    return (
        known is not None
        and minor in _COREDNS_TAGS
        and versions.order(minor) <= versions.order(known.kubernetes)
    )


def _unknown_tag(image: ChartImage, chart: str) -> Problem:
    return Problem(
        "input.vcluster.chart.versions",
        f"has {chart}, of which the tag of {image.repository} is not known here",
        f"Set vcluster.values.{'.'.join((*image.path, 'tag'))}, or take a version of: "
        f"{', '.join(CHART_TAGS)}.",
    )


def _whole(reference: str, prefix: object) -> str:
    """Return a whole reference, before which the chart puts the one registry for all."""
    return str(parse(f"{prefix}/{reference}" if prefix else reference))


def _texts(node: object, path: Sequence[str]) -> Iterator[str]:
    """Yield the texts at a path with `*`."""
    if not path:
        if isinstance(node, str) and node:
            yield node
        return
    step, rest = path[0], path[1:]
    entries = node if isinstance(node, list) else [*mapping(node).values()]
    for each in entries if step == "*" else [get(node, step)]:
        yield from _texts(each, rest)
