"""The keys of an archive that belong to Rancher's import, and are left out of a copy.

With them the copy's agent would speak to Rancher as the cluster that it is a copy of. Without them
the copy is a cluster without an import.
"""

import re

NAMESPACES = ("cattle-impersonation-system", "cattle-fleet-system", "cattle-system")
"""The namespaces of Rancher's agents, with their credentials: those that an import removes."""

_NAMESPACES = "|".join(NAMESPACES)

_KEYS = re.compile(
    # An object in one of them, by the key of its kind, of its group, or of its part of Services.
    rf"/registry/[^/]+(/[^/]+)?/({_NAMESPACES})/.+"
    rf"|/registry/namespaces/({_NAMESPACES})"
    # Without a backend a webhook refuses what it has to check.
    r"|/registry/(validating|mutating)webhookconfigurations/rancher\.cattle\.io"
    # The marker of the import, and its proof of identity.
    r"|/registry/configmaps/kube-system/caas-rancher-(import|proof)"
)


def is_ranchers(key: str) -> bool:
    """Return whether a key belongs to Rancher's import."""
    return _KEYS.fullmatch("/" + key.lstrip("/")) is not None
