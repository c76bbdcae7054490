"""Required resources, which Crossplane adds to the next call."""

from collections.abc import Mapping

from function.api.names import Names
from function.k8s.fieldpath import get, text
from function.observed import access, backup, namespace, rancher, release, vcluster
from function.observed.ownership import CONTROL_PLANE
from function.observed.state import Observed
from function.response.response import Composed, Requirement

DEFINITION = (
    "apiextensions.crossplane.io/v2",
    "CompositeResourceDefinition",
    "vclusters.caas.telekom.de",
)
"""The XRD: it exists once on each control plane, and its UID identifies the control plane."""


def before_creation(
    names: Names, observed: Observed, *, has_backup: bool, has_access: bool
) -> tuple[Requirement, ...]:
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
            *(((backup.KEY, names.backup_release),) if has_backup else ()),
            *(((access.KEY, names.access_release),) if has_access else ()),
        )
    )
    return *releases, Requirement(CONTROL_PLANE, *DEFINITION, namespace=None)


def connection_secrets(
    resources: Mapping[str, Composed], *, is_watched: bool
) -> tuple[Requirement, ...]:
    """Return the connection Secrets of the Releases, if Crossplane watches what is required.

    Their contents come as connection details anyway; a change of theirs causes a call.
    """
    if not is_watched:
        return ()
    return tuple(
        Requirement(f"{key}-connection", "v1", "Secret", secret, metadata["namespace"])
        for key, composed in resources.items()
        if (secret := text(get(composed.resource, "spec", "writeConnectionSecretToRef", "name")))
        for metadata in (composed.resource["metadata"],)
    )
