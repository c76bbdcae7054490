"""Keep a VCluster in the Rancher of its import."""

from collections.abc import Mapping

from function.api.errors import InvalidError, Problem
from function.api.input import RancherPlatform
from function.decision.resolve import ResolvedSpec
from function.k8s.fieldpath import get
from function.observed.rancher import state_of
from function.observed.release import is_deployed
from function.observed.state import Observed, ObservedRelease


def refuse_another(observed: ObservedRelease | None, platform: RancherPlatform) -> None:
    """Raise `InvalidError` if the Input names another Rancher than that of the import.

    Another import would leave the cluster and its owners behind in the first Rancher.
    """
    if observed is None or not _is_known_to_rancher(state_of(observed)):
        return
    url = get(observed.values, "rancher", "url")
    same = {one.rstrip("/") for one in (platform.url, *platform.formerUrls)}
    if isinstance(url, str) and url.rstrip("/") not in same:
        raise InvalidError(
            Problem(
                "input.rancher.url",
                "is not that of the Rancher in which this VCluster is",
                "Put the former URL back, and take the VCluster out of that Rancher first "
                "(spec.rancher.enabled: false). If it is the same Rancher under a new URL, add the "
                "former one to rancher.formerUrls.",
            ),
            reason="InvalidInput",
        )


def is_import_due(effective: ResolvedSpec, observed: Observed) -> bool:
    """Return whether the import may be created, once the namespace is ready.

    It waits for the kubeconfig by itself. A virtual cluster that existed before, adopted or
    restored, is imported only after Helm deployed it for this VCluster.
    """
    existed = effective.names.adopted or effective.restore_from
    return not existed or is_deployed(observed.vcluster)


def _is_known_to_rancher(state: Mapping[str, str]) -> bool:
    """Return whether the import may have created objects in Rancher."""
    return (
        bool(state.get("clusterId"))
        or state.get("phase") in ("Registered", "Connected", "Lost")
        or state.get("reason") in ("Creating", "WaitingForRancher", "WaitingForPermissions")
    )
