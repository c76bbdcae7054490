"""Keep what a change would destroy, and say so; everything else in the change still happens.

The observed Releases are what really runs, so they are what a wish is compared with. The
XRD's CEL rules say the same at admission, before anything is stored.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from function import exposure, quantity, versions
from function.exposure import Exposure
from function.models.input import Input, VCluster
from function.models.xr import Spec
from function.running import Running, Storage
from function.wanted import Host, Rancher, Wanted


@dataclass(frozen=True)
class Refusal:
    """A wish that is not granted."""

    field: str
    kept: str
    wanted: str
    rule: str

    def __str__(self) -> str:
        """Return the refusal as a sentence for people."""
        return f"{self.field}: stays {self.kept or 'unset'} instead of {self.wanted}: {self.rule}"


def keep(  # noqa: PLR0913  # what it depends on
    wanted: Wanted,
    now: Running,
    spec: Spec,
    config: Input,
    *,
    settled: bool,
    instead: str | None = None,
) -> tuple[Wanted, tuple[Refusal, ...]]:
    """Return what may be had of the wanted, and what is refused.

    `settled` tells whether the Release runs the chart version that it asks for, `instead` what
    is installed where Helm could not even begin with that. What the spec does not name itself (a
    plan's storage, a default) is kept without a word.
    """
    offer = config.vcluster
    chart, no_hop = _chart(now, offer, settled=settled, instead=instead)
    kubernetes, no_step = _kubernetes(wanted.kubernetes, chart, now, offer)
    way_in, no_way = _exposure(wanted.exposure, chart, now)
    host, no_move = _host(wanted.host, now, config)
    kept = replace(
        wanted,
        availability=now.availability,
        storage=now.storage,
        chart=chart,
        kubernetes=kubernetes,
        exposure=way_in,
        host=host,
        rancher=_rancher(wanted.rancher, now),
    )
    return kept, (
        *_availability(wanted, now),
        *_storage(spec, now.storage),
        *no_hop,
        *no_step,
        *no_way,
        *no_move,
        *_cluster_name(wanted.rancher, now),
    )


def _availability(wanted: Wanted, now: Running) -> Iterator[Refusal]:
    if wanted.availability != now.availability:
        yield Refusal(
            "spec.availability",
            now.availability,
            wanted.availability,
            "another backing store would start an empty cluster",
        )


def _storage(spec: Spec, now: Storage) -> Iterator[Refusal]:
    rule = "the volume of a StatefulSet cannot be changed"
    size = spec.storage.size
    if size and not quantity.is_equal(size, now.size or ""):
        yield Refusal("spec.storage.size", now.size or "", size, rule)
    storage_class = spec.storage.storageClassName
    if storage_class and storage_class != now.storage_class:
        yield Refusal("spec.storage.storageClassName", now.storage_class or "", storage_class, rule)


def _chart(
    now: Running, offer: VCluster, *, settled: bool, instead: str | None
) -> tuple[str, tuple[Refusal, ...]]:
    path = offer.chart.versions
    following = versions.next_chart(path, now.chart, settled=settled, instead=instead)
    if following == now.chart or not now.kubernetes or _fits(following, now.kubernetes, offer):
        return following, ()
    refusal = Refusal(
        "input.vcluster.chart.versions",
        now.chart,
        following,
        f"chart {versions.minor(following)} does not support Kubernetes {now.kubernetes}",
    )
    return now.chart, (refusal,)


def _kubernetes(
    wanted: str, chart: str, now: Running, offer: VCluster
) -> tuple[str, tuple[Refusal, ...]]:
    if not now.kubernetes or wanted == now.kubernetes:
        return wanted, ()
    rule = ""
    if not versions.is_supported_step(now.kubernetes, wanted):
        rule = "Kubernetes goes up one minor at a time and never down"
    elif not _fits(chart, wanted, offer):
        rule = f"chart {versions.minor(chart)} does not support it"
    if not rule:
        return wanted, ()
    return now.kubernetes, (Refusal("spec.kubernetesVersion", now.kubernetes, wanted, rule),)


def _exposure(wanted: Exposure, chart: str, now: Running) -> tuple[Exposure, tuple[Refusal, ...]]:
    if exposure.is_possible(wanted, chart):
        return wanted, ()
    rule = f"chart {versions.minor(chart)} has no TLSRoute, charts from 0.34 have"
    return now.exposure, (Refusal("spec.expose.type", now.exposure.type, wanted.type, rule),)


def _fits(chart: str, kubernetes: str, offer: VCluster) -> bool:
    return versions.fits(chart, kubernetes, offer.kubernetes.compatibility)


def _host(wanted: Host, now: Running, config: Input) -> tuple[Host, tuple[Refusal, ...]]:
    """Keep the host with all that belongs to it: another's ranges would open its own."""
    if not now.provider_config or wanted.provider_config == now.provider_config:
        return wanted, ()
    refusal = Refusal(
        "spec.host",
        f"with ClusterProviderConfig {now.provider_config}",
        wanted.provider_config,
        "a virtual cluster cannot move to another host",
    )
    for name, host in config.hosts.items():
        if host.providerConfig == now.provider_config:
            return Host(name, host.providerConfig, tuple(host.cidrs)), (refusal,)
    return replace(wanted, provider_config=now.provider_config), (refusal,)


def _rancher(wanted: Rancher | None, now: Running) -> Rancher | None:
    if wanted is None or now.cluster_name is None:
        return wanted
    return replace(wanted, cluster_name=now.cluster_name)


def _cluster_name(wanted: Rancher | None, now: Running) -> Iterator[Refusal]:
    if wanted and now.cluster_name and wanted.cluster_name != now.cluster_name:
        yield Refusal(
            "spec.rancher.clusterName",
            now.cluster_name,
            wanted.cluster_name,
            "it would be another cluster in Rancher",
        )
