"""Required resources, which Crossplane adds to the next call."""

from function.api.names import Names
from function.observed import namespace, rancher, release, vcluster
from function.observed.ownership import CONTROL_PLANE
from function.observed.state import Observed
from function.response.response import Requirement

DEFINITION = (
    "apiextensions.crossplane.io/v2",
    "CompositeResourceDefinition",
    "vclusters.caas.telekom.de",
)
"""The XRD: it exists once on each control plane, and its UID identifies the control plane."""


def before_creation(names: Names, observed: Observed) -> tuple[Requirement, ...]:
    """Return the required resources of a VCluster without Releases.

    These are Releases left by an earlier VCluster, and the identity of the control plane: an
    earlier VCluster of the same name on the same control plane is certainly deleted.
    """
    if observed.releases:
        return ()
    releases = (
        Requirement(key, release.API_VERSION, release.KIND, name, names.home)
        for key, name in (
            (namespace.KEY, names.namespace_release),
            (vcluster.KEY, names.vcluster_release),
            (rancher.KEY, names.rancher_release),
        )
    )
    return *releases, Requirement(CONTROL_PLANE, *DEFINITION, namespace=None)
