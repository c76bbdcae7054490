"""CEL rules of the XRD: changes and combinations, which only the API server can check.

https://kubernetes.io/docs/reference/using-api/cel/
"""

from function.api import names
from function.decision import immutable_fields

_RESERVED = "|".join(pattern.replace("*", ".*") for pattern in names.RESERVED)


def _read(root: str, path: str, default: str = "") -> str:
    """Return a CEL expression for a text that may be absent.

    `has()`, because the API server bounds the cost of such an expression, and refuses the whole
    CRD for one that compares the results of the shorter `self.?storage.?size`.
    """
    steps = path.split(".")
    guards = [f"has({root}.{'.'.join(steps[: n + 1])})" for n in range(len(steps))]
    return f"({' && '.join(guards)} ? {root}.{path} : '{default}')"


def _immutable(path: str, why: str, default: str = "") -> dict[str, str]:
    """Return the rule that a field keeps its value; setting or unsetting it is a change too."""
    return {
        "rule": f"{_read('self', path, default)} == {_read('oldSelf', path, default)}",
        "message": f"spec.{path} cannot be changed, set or unset later: {why}",
    }


_CHARACTERS_RULE = {
    "rule": f"self.metadata.name.matches('^{names.PATTERN.pattern}$')",
    "message": "metadata.name must be lower case letters, digits and '-', and begin with a letter",
}

NAME_RULES = [
    {
        "rule": f"self.metadata.name.size() <= {names.LONGEST}",
        "message": f"metadata.name must have at most {names.LONGEST} characters",
    },
    _CHARACTERS_RULE,
    {
        "rule": f"!self.metadata.name.matches('^({_RESERVED})$')",
        "message": "metadata.name is reserved by the platform, choose another one",
    },
]

NAMESPACED_NAME_RULES = [_CHARACTERS_RULE]
"""Crossplane itself bounds the length, and no name that is derived is a reserved one."""

_REQUEST = "self.spec.kubernetesVersion"
_RUNS = "self.status.kubernetesVersion"

UPGRADE_RULES = [
    {
        # What runs counts, so that a version that was never reached can be taken back; and only a
        # change of the spec is judged, or Crossplane could not write the status.
        "rule": f"!(has(self.spec) && has({_REQUEST}) && has(self.status) && has({_RUNS})) || "
        f"(has(oldSelf.spec) && has(oldSelf.spec.kubernetesVersion) && "
        f"oldSelf.spec.kubernetesVersion == {_REQUEST}) || "
        rf"!{_RUNS}.matches('^v?1[.][0-9]{{1,3}}[.]') || "
        f"int({_REQUEST}.split('.')[1]) >= int({_RUNS}.split('.')[1])",
        "message": "spec.kubernetesVersion is lower than what runs, and Kubernetes is never "
        "downgraded",
    },
]

SPEC_RULES = [
    *(
        _immutable(rule.field, rule.why, rule.unset)
        for rule in immutable_fields.RULES
        if rule.unset is not None
    ),
    {
        # It may be removed once it is restored, which the function knows.
        "rule": "!(has(self.backup) && has(self.backup.restoreFrom)) || "
        "(has(oldSelf.backup) && has(oldSelf.backup.restoreFrom) && "
        "self.backup.restoreFrom == oldSelf.backup.restoreFrom)",
        "message": "spec.backup.restoreFrom cannot be changed or set later: a backup is restored "
        "before there is a virtual cluster",
    },
    {
        "rule": "!(has(self.access) && has(self.access.rotate) && has(oldSelf.access) && "
        "has(oldSelf.access.rotate)) || self.access.rotate >= oldSelf.access.rotate",
        "message": "spec.access.rotate only grows: a rotation cannot be taken back",
    },
    {
        "rule": "!(has(self.host) && has(self.hostSelector))",
        "message": "spec.host and spec.hostSelector exclude each other, leave one of them out",
    },
    {
        "rule": f"{_read('self', 'upgrade.chartVersion')} == '' || "
        f"{_read('self', 'upgrade.policy', 'Automatic')} == 'Manual'",
        "message": "spec.upgrade.chartVersion is for policy Manual: set spec.upgrade.policy too",
    },
    {
        "rule": f"{_read('self', 'isolation.podSecurity')} != 'restricted' || "
        "!(has(self.rancher) && has(self.rancher.enabled) && self.rancher.enabled)",
        "message": "spec.isolation.podSecurity: restricted and spec.rancher.enabled: true exclude "
        "each other, because Rancher's agent has no restricted security context",
    },
    {
        "rule": f"{_read('self', 'expose.hostname')} == '' || "
        f"{_read('self', 'expose.type', 'ClusterIP')} != 'ClusterIP'",
        "message": "spec.expose.hostname is a name for outside, and type ClusterIP has no way in "
        "from there: leave it out, or choose another spec.expose.type",
    },
    {
        "rule": f"{_read('self', 'expose.hostname')} == '' || "
        f"{_read('self', 'expose.type', 'ClusterIP')} != 'NodePort'",
        "message": "spec.expose.hostname is a name below the platform's domain, and type NodePort "
        "is reached by the host's address: leave it out, or choose another spec.expose.type",
    },
    {
        "rule": "(has(self.expose) && has(self.expose.port)) == "
        f"({_read('self', 'expose.type', 'ClusterIP')} == 'NodePort')",
        "message": "spec.expose.port and spec.expose.type: NodePort need each other, set both or "
        "neither",
    },
]

OWNER_RULES = [
    {"rule": "has(self.user) != has(self.group)", "message": "name either user or group"}
]
