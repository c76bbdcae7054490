"""Every image that a platform's virtual clusters may run, with its mirror.

The list for filling the mirrors covers every possible spec: Single and HA, each chart version, each
Kubernetes version. It lacks the tenants' own images, and those of Rancher's agents, which Rancher
chooses.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from function.api import input as platform
from function.api.errors import InvalidError, Problem
from function.desired import images
from function.desired.chart_values import OPEN_SOURCE
from function.k8s import image_reference, versions
from function.k8s.fieldpath import get
from function.k8s.helm_values import merge


@dataclass(frozen=True, order=True)
class Listed:
    """An image and its mirror."""

    source: str
    mirror: str
    """Image that nodes pull; the source itself if its registry has no mirror."""


def listed(config: platform.Input) -> tuple[Listed, ...]:
    """Return the images, sorted by name.

    Raises `InvalidError` if one cannot be determined, because the list would be incomplete.
    """
    entries = [*_entries(config)]
    problems = [each for each in dict.fromkeys(entries) if isinstance(each, Problem)]
    if problems:
        raise InvalidError(*problems, reason="InvalidInput")
    sources = {each for each in entries if isinstance(each, str)}
    return tuple(
        sorted(
            Listed(source, image_reference.mirror(source, config.registries)) for source in sources
        )
    )


def inputs(documents: Iterable[object]) -> Iterator[Mapping[str, object]]:
    """Yield the Inputs among documents: bare ones, and those of Compositions' steps."""
    for document in documents:
        steps = get(document, "spec", "pipeline")
        candidates = [get(step, "input") for step in steps] if isinstance(steps, Sequence) else []
        for each in (document, *candidates):
            if (
                isinstance(each, Mapping)
                and each.get("apiVersion") == platform.API_VERSION
                and each.get("kind") == platform.KIND
            ):
                yield each


def _entries(config: platform.Input) -> Iterator[str | Problem]:
    offer = config.vcluster
    for chart in offer.chart.versions:
        for kubernetes in offer.kubernetes.versions:
            if versions.fits(chart, kubernetes, offer.kubernetes.compatibility):
                values = _values(offer, kubernetes)
                yield from images.needed(values, chart, kubernetes, config.registries)
    if config.rancher or config.tenant.storage.retain == "Allowed":
        yield str(image_reference.parse(config.image))


def _values(offer: platform.ChartOffer, kubernetes: str) -> dict[str, object]:
    """Return the image values of `build_chart_values`; plan and spec add none."""
    return merge(
        {"controlPlane": {"statefulSet": {"image": {"repository": OPEN_SOURCE}}}},
        offer.values,
        {"controlPlane": {"distro": {"k8s": {"image": {"tag": f"v{kubernetes}"}}}}},
        offer.enforcedValues,
    )
