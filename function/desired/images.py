"""The images of a virtual cluster, those of the chart included, at their mirrors."""

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
    """An image of the vcluster chart, with registry, repository and tag as separate values."""

    path: Path
    """Its path in the chart's values."""
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
"""Writes /etc/hosts of tenants' pods with a subdomain, such as those of a StatefulSet."""

CHART_IMAGES = (CONTROL_PLANE, KUBERNETES, ETCD, HOSTS)

COREDNS: Path = ("controlPlane", "coredns", "deployment", "image")
"""A whole reference; empty for vcluster's choice by the Kubernetes version."""

OTHER_IMAGES: tuple[Path, ...] = (
    ("plugins", "*", "image"),
    ("plugin", "*", "image"),
    ("controlPlane", "statefulSet", "initContainers", "*", "image"),
    ("controlPlane", "statefulSet", "sidecarContainers", "*", "image"),
)
"""Whole references that the chart leaves empty; `*` is any key or entry."""

DEFAULT_REGISTRY: Path = ("controlPlane", "advanced", "defaultImageRegistry")
"""The chart's own setting: one registry in place of that of every image."""

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
"""For Kubernetes versions that are not listed: `DefaultImage` in pkg/coredns/coredns.go there."""


@dataclass(frozen=True)
class ChartTags:
    """The image tags of a version of the chart."""

    etcd: str
    hosts: str
    kubernetes: str
    """The newest Kubernetes minor for which vcluster chooses CoreDNS by the table above. Read from
    0.36.1; of earlier versions assumed from their part of the table."""


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

    Images of registries without a mirror stay as they are, and all do if the values name one
    registry for all. If docker.io has a mirror, CoreDNS gets an explicit image: vcluster's default
    is compiled in, and no value holds it.
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
    """Yield each image of a virtual cluster with these values, at its source.

    `values` are not mapped yet. An image that cannot be determined is yielded as a problem.
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
    """Return a copy with the value at the path changed; `change` gets None if there is no value.

    A value removed with null stays removed.
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


def _moved(image: ChartImage, registries: Mapping[str, str], value: object) -> object:
    if value is not None and not isinstance(value, Mapping):
        return value
    parts = mapping(value)
    registry, repository = _parts(image, parts)
    source = parse(f"{registry}/{repository}" if registry else repository)
    if source.registry not in registries:
        return value
    moved = dict(parts)
    if registry != registries[source.registry]:
        moved["registry"] = registries[source.registry]
    if repository != source.repository:
        moved["repository"] = source.repository
    return moved


def _moved_text(registries: Mapping[str, str], default: str | None, value: object) -> object:
    text = value or default
    return mirror(text, registries) if isinstance(text, str) else value


def _parts(image: ChartImage, values: Mapping[str, object]) -> tuple[str, str]:
    """Return registry and repository; the registry may be empty."""
    return (
        str(values.get("registry", image.registry) or ""),
        str(values.get("repository", image.repository) or ""),
    )


def _tag(image: ChartImage, values: Mapping[str, object], chart: str) -> str:
    """Return the tag of an image of the chart, empty if it is unknown."""
    own = {CONTROL_PLANE: chart}
    if chart in CHART_TAGS:
        own |= {ETCD: CHART_TAGS[chart].etcd, HOSTS: CHART_TAGS[chart].hosts}
    # The chart still accepts this older key for a version, and prefers it.
    version = get(values, *image.path[:-1], "version") if image is KUBERNETES else None
    return str(version or get(values, *image.path, "tag") or own.get(image, ""))


def _at_source(image: ChartImage, values: Mapping[str, object], prefix: object, tag: str) -> str:
    registry, repository = _parts(image, mapping(get(values, *image.path)))
    registry = str(prefix or registry)
    if image is HOSTS and "/" not in repository:
        # vcluster builds this name, and treats every registry like docker.io.
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
    reference = get(values, *COREDNS)
    image = coredns(kubernetes)
    if reference:
        return _whole(str(reference), prefix)
    if _is_mapped(prefix, registries) or _decides_alike(chart, kubernetes):
        return _whole(image.removeprefix(f"{DOCKER}/"), prefix)
    return Problem(
        "input.vcluster.chart.versions",
        f"has {chart}, whose CoreDNS for Kubernetes {versions.minor(kubernetes)} is not known here",
        f"Give {DOCKER} a mirror in registries, or name the image in "
        f"vcluster.values.{'.'.join(COREDNS)}: then that one is taken.",
    )


def _is_mapped(prefix: object, registries: Mapping[str, str]) -> bool:
    """Return whether the function itself names the image of CoreDNS."""
    return DOCKER in registries and not prefix


def _decides_alike(chart: str, kubernetes: str) -> bool:
    """Return whether vcluster is known to choose the CoreDNS of the table above."""
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
    """Return a whole reference, prefixed as the chart does with the one registry for all."""
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
