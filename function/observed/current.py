"""The current state of a virtual cluster, read from the observed Releases.

The requested spec is compared with it. It needs no status, so it also holds after a restore.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from function.api.authentication_flags import ARGUMENTS, FILE
from function.api.fields import Availability
from function.k8s import versions
from function.k8s.fieldpath import get, sequence
from function.observed import exposure as observed_exposure
from function.observed import stamp
from function.observed.exposure import INTERNAL, Exposure
from function.observed.state import Observed

_STARTUP_PROBE = ("controlPlane", "statefulSet", "probes", "startupProbe")
STARTUP_PROBE: Mapping[str, int] = MappingProxyType({"periodSeconds": 2, "failureThreshold": 900})
"""Startup probe of a control plane: every 2 s for half an hour. The chart's is every 6 s, for as
long. A change of it restarts the pods, so a control plane keeps the one it was created with, until
it sleeps."""

ISSUER_FILE = f"--{FILE}=/authentication/config.yaml"
"""Argument of the API server with its file of issuers: our own, and no other one."""

REPLICAS = ("controlPlane", "statefulSet", "highAvailability", "replicas")
"""Path of the replicas in the chart's values; 0 while it is asleep."""


@dataclass(frozen=True)
class Storage:
    """Volume of the control plane; None takes the default of the chart or the host."""

    size: str | None
    storage_class: str | None


@dataclass(frozen=True)
class Current:
    """Availability, volume, versions, host and exposure that the observed Releases request."""

    availability: Availability
    storage: Storage
    chart: str
    kubernetes: str
    provider_config: str
    cluster_name: str | None
    """Name in Rancher, once imported."""
    exposure: Exposure = INTERNAL
    restore_from: str = ""
    """UID of the VCluster whose data was restored; empty if none was."""
    retains: bool = False
    """True if the volume claims outlive their workload."""
    starts_quickly: bool = False
    """True if the values have a startup probe of ours, or no pod that another would restart."""
    authenticates: bool = False
    """True if the API server reads the file of issuers."""


def read(observed: Observed) -> Current | None:
    """Return the state that the observed Releases request, or None without a virtual cluster."""
    vcluster = observed.vcluster
    if vcluster is None:
        return None
    imported = observed.rancher.values if observed.rancher else {}
    values = observed.namespace.values if observed.namespace else {}
    return parse(
        vcluster.values,
        release=vcluster.helm_release,
        chart=vcluster.chart_version,
        kubernetes=stamp.kubernetes_tag(vcluster.details),
        provider_config=vcluster.provider_config,
        cluster_name=_text(get(imported, "rancher", "clusterName")),
        restore_from=_text(values.get("restoreFrom")) or "",
    )


def parse(  # noqa: PLR0913  # the facts of a Release beside its values
    values: Mapping[str, object],
    *,
    release: str,
    chart: str,
    kubernetes: str,
    provider_config: str,
    cluster_name: str | None,
    restore_from: str = "",
) -> Current:
    """Return the state that the chart's values request.

    `kubernetes` is the tag of the running image. It applies where the values name no version, which
    leaves it to the chart.
    """
    highly_available = (
        get(values, "controlPlane", "backingStore", "etcd", "deploy", "enabled") is True
    )
    volume = (
        ("controlPlane", "backingStore", "etcd", "deploy", "statefulSet")
        if highly_available
        else ("controlPlane", "statefulSet")
    )
    return Current(
        availability="HA" if highly_available else "Single",
        storage=Storage(
            size=_text(get(values, *volume, "persistence", "volumeClaim", "size")),
            storage_class=_text(get(values, *volume, "persistence", "volumeClaim", "storageClass")),
        ),
        chart=chart,
        kubernetes=_kubernetes(named_kubernetes(values) or kubernetes),
        provider_config=provider_config,
        cluster_name=cluster_name,
        exposure=observed_exposure.running(values, release),
        restore_from=restore_from,
        retains=get(values, *volume, "persistence", "volumeClaim", "retentionPolicy") == "Retain",
        starts_quickly=get(values, *REPLICAS) == 0
        or all(get(values, *_STARTUP_PROBE, key) is not None for key in STARTUP_PROBE),
        authenticates=ISSUER_FILE in sequence(get(values, *ARGUMENTS)),
    )


def named_kubernetes(values: Mapping[str, object]) -> str:
    """Return the Kubernetes version that the values name; `version` wins over the image's tag."""
    k8s = get(values, "controlPlane", "distro", "k8s")
    return _text(get(k8s, "version")) or _text(get(k8s, "image", "tag")) or ""


def _kubernetes(tag: str) -> str:
    """Return the version in a tag, or an empty string for a tag such as `latest`."""
    version = tag.removeprefix("v")
    return version if versions.is_comparable(version) else ""


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
