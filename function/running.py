"""What runs now, read back from the observed Releases.

A wish is compared with it, so that the comparison also holds after a restore without status.
"""

from dataclasses import dataclass

from function import exposure, versions
from function.exposure import INTERNAL, Exposure
from function.models.fields import Availability
from function.plain import at
from function.state import Observed


@dataclass(frozen=True)
class Storage:
    """The volume of the control plane; None leaves it to the chart or the host."""

    size: str | None
    storage_class: str | None


@dataclass(frozen=True)
class Running:
    """What runs now, read from the Releases."""

    availability: Availability
    storage: Storage
    chart: str
    kubernetes: str
    provider_config: str
    cluster_name: str | None
    """Name in Rancher, once imported."""
    exposure: Exposure = INTERNAL


def running(observed: Observed) -> Running | None:
    """Return what the observed Releases ask for, or None before there is a virtual cluster."""
    vcluster = observed.vcluster
    if vcluster is None:
        return None
    values = vcluster.values
    highly_available = (
        at(values, "controlPlane", "backingStore", "etcd", "deploy", "enabled") is True
    )
    volume = (
        ("controlPlane", "backingStore", "etcd", "deploy", "statefulSet")
        if highly_available
        else ("controlPlane", "statefulSet")
    )
    imported = observed.rancher.values if observed.rancher else {}
    return Running(
        availability="HA" if highly_available else "Single",
        storage=Storage(
            size=_text(at(values, *volume, "persistence", "volumeClaim", "size")),
            storage_class=_text(at(values, *volume, "persistence", "volumeClaim", "storageClass")),
        ),
        chart=vcluster.chart_version,
        kubernetes=_kubernetes(at(values, "controlPlane", "distro", "k8s", "image", "tag")),
        provider_config=vcluster.provider_config,
        cluster_name=_text(at(imported, "rancher", "clusterName")),
        exposure=exposure.running(values, vcluster.name),
    )


def _kubernetes(tag: object) -> str:
    """Return the version that a tag stands for, or nothing for one such as `latest`."""
    version = (_text(tag) or "").removeprefix("v")
    return version if versions.is_comparable(version) else ""


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
