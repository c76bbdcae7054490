"""Names and marks on the host of what the syncer copies out of a virtual cluster."""

import hashlib

TENANTS = "vcluster.loft.sh/managed-by"
"""Selector of what the syncer made, by its label, which a tenant cannot change."""

NAME, NAMESPACE = "vcluster.loft.sh/object-name", "vcluster.loft.sh/object-namespace"
"""Annotations with the place of an object inside."""

LONGEST = 63
HEAD, DIGEST = 52, 10
"""Characters that stay of a longer name, and those of its digest."""


def copy_name(name: str, namespace: str, release: str) -> str:
    """Return the name that the copy of an object has in the virtual cluster's namespace.

    https://github.com/loft-sh/vcluster/blob/v0.36.1/pkg/util/translate/translate.go
    """
    whole = f"{name}-x-{namespace}-x-{release}"
    if len(whole) <= LONGEST:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:DIGEST]
    return f"{whole[:HEAD]}-{digest}".replace(".-", "-")
