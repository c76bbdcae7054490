"""Required resources: what Crossplane shall send along with the next call."""

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
"""The definition of the API: it exists once on each control plane, with a UID of its own."""


def wanted_before(names: Names, observed: Observed) -> tuple[Requirement, ...]:
    """Return what has to be known before anything exists.

    That is Releases that an earlier VCluster may have left, and the identity of the control plane,
    on which that one is gone for sure where this one has its name.
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
