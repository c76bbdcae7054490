"""Write the CRD of the Input, the XRD of the VCluster and their reference from the models.

The models define the fields. Only the API server can check changes and combinations; their CEL
rules are here:
https://kubernetes.io/docs/reference/using-api/cel/.
"""

import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from dev.scripts import licenses, reference
from function.api import input as platform
from function.api import names, xr
from function.decision import immutable_fields
from function.k8s import addresses

Schema = dict[str, Any]

ROOT = Path(__file__).parents[2]
INPUT_CRD = ROOT / "package" / "input" / "vcluster.fn.caas.telekom.de_inputs.yaml"
CONFIGURATION = ROOT / "apis" / "cluster"
NAMESPACED = ROOT / "apis" / "namespaced"
XRD = CONFIGURATION / "definition.yaml"
NAMESPACED_XRD = NAMESPACED / "definition.yaml"
REFERENCE = ROOT / "docs" / "reference.md"
HOSTS = ROOT / "docs" / "hosts.md"
ADDRESSES = ROOT / "charts" / "vcluster-namespace" / "files" / "addresses.yaml"

HEADER = "# Written by `make generate` from function/api.\n"
COPIED = "# Written by `make generate` from the file of this name in apis/cluster/.\n"

NAMESPACED_PACKAGE = {
    "name: configuration-vcluster\n": "name: configuration-vcluster-namespaced\n",
    "The kind VCluster:": "The kind VCluster, for customers who make their own:",
}
"""Replacements of texts in the package of scope Namespaced."""

_SCHEMA_KEYS = (
    "type",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "required",
    "x-kubernetes-preserve-unknown-fields",
)
"""Keys that a structural schema has in common with JSON Schema."""

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


def main() -> None:
    """Write all files."""
    for path, text in files().items():
        path.write_text(text)


def files() -> dict[Path, str]:
    """Return the content of each generated file."""
    return {
        INPUT_CRD: HEADER + dump(input_crd()),
        XRD: HEADER + dump(xrd()),
        NAMESPACED_XRD: HEADER + dump(namespaced(xrd())),
        NAMESPACED / "composition.yaml": COPIED + (CONFIGURATION / "composition.yaml").read_text(),
        NAMESPACED / "crossplane.yaml": COPIED + _namespaced_package(),
        licenses.PAGE: licenses.page(),
        ADDRESSES: _addresses(),
        HOSTS: _hosts(),
        REFERENCE: reference.page(
            structural(xr.Spec), structural(xr.Status), structural(platform.Input)
        ),
    }


def _addresses() -> str:
    """Return the table of addresses as the chart of the namespace reads it."""
    table = {
        "private": list(addresses.PRIVATE),
        "neverOpened": [
            {"cidr": each.cidr, "purpose": each.purpose, "source": each.source}
            for each in addresses.NEVER_OPENED
        ],
    }
    return "# Written by `make generate` from function/k8s/addresses.py.\n" + dump(table)


def _hosts() -> str:
    """Return the page on hosts with the addresses that always stay closed."""
    begin, end = "from function/k8s/addresses.py. -->\n", "<!-- end -->"
    before, _, rest = HOSTS.read_text().partition(begin)
    rows = "".join(
        f"| {each.cidr} | {each.purpose} | <{each.source}> |\n" for each in addresses.NEVER_OPENED
    )
    table = f"\n| range | what it is | source |\n|---|---|---|\n{rows}\n"
    return before + begin + table + end + rest.partition(end)[2]


def input_crd() -> Schema:
    """Return the CRD of the Input, a part of the function's package."""
    group, version = platform.API_VERSION.split("/")
    schema = structural(platform.Input)
    schema["properties"] |= {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"inputs.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {
                "kind": platform.KIND,
                "listKind": "InputList",
                "plural": "inputs",
                "singular": "input",
                "categories": ["crossplane"],
            },
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


def xrd() -> Schema:
    """Return the XRD of the VCluster."""
    group, version = xr.API_VERSION.split("/")
    spec = structural(xr.Spec)
    spec["x-kubernetes-validations"] = SPEC_RULES
    spec["properties"]["rancher"]["properties"]["owners"]["items"]["x-kubernetes-validations"] = (
        OWNER_RULES
    )
    return {
        "apiVersion": "apiextensions.crossplane.io/v2",
        "kind": "CompositeResourceDefinition",
        "metadata": {"name": f"vclusters.{group}"},
        "spec": {
            "group": group,
            "scope": "Cluster",
            "names": {
                "kind": xr.KIND,
                "plural": "vclusters",
                "singular": "vcluster",
                "shortNames": ["tvc"],
                "categories": ["caas"],
            },
            "defaultCompositionRef": {"name": f"vcluster.{group}"},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "referenceable": True,
                    "additionalPrinterColumns": [
                        _column("KUBERNETES", ".status.kubernetesVersion"),
                        _column("CHART", ".status.chartVersion"),
                        _column("RANCHER", ".status.rancher.clusterId"),
                        _column("HOST", ".status.host"),
                        _column("ENDPOINT", ".status.endpoint"),
                    ],
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "description": "A virtual cluster in a namespace of its own, imported "
                            "into Rancher.",
                            "x-kubernetes-validations": [*NAME_RULES, *UPGRADE_RULES],
                            "properties": {"spec": spec, "status": structural(xr.Status)},
                        }
                    },
                }
            ],
        },
    }


def namespaced(definition: Schema) -> Schema:
    """Return the XRD of scope Namespaced, which is another API under the same name."""
    definition["spec"]["scope"] = "Namespaced"
    (version,) = definition["spec"]["versions"]
    version["schema"]["openAPIV3Schema"]["x-kubernetes-validations"] = [
        *NAMESPACED_NAME_RULES,
        *UPGRADE_RULES,
    ]
    return definition


def _namespaced_package() -> str:
    text = (CONFIGURATION / "crossplane.yaml").read_text()
    for cluster, own in NAMESPACED_PACKAGE.items():
        text = text.replace(cluster, own)
    return text


def _column(name: str, path: str) -> Schema:
    """Return a column of `-o wide`; plain output is left to Crossplane's own columns."""
    return {"name": name, "type": "string", "jsonPath": path, "priority": 1}


def structural(model: type[BaseModel]) -> Schema:
    """Return a model's structural schema.

    https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
    """
    schema = model.model_json_schema()
    return _convert(schema, schema.get("$defs", {}))


def _convert(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    schema = _resolve(schema, definitions)
    converted = {key: schema[key] for key in _SCHEMA_KEYS if key in schema}
    description = _described(schema)
    if description:
        converted["description"] = description
    if schema.get("quantity"):
        converted.pop("type")
        converted["x-kubernetes-int-or-string"] = True
    if "const" in schema:
        converted["enum"] = [schema["const"]]
    if "items" in schema:
        converted["items"] = _convert(schema["items"], definitions)
    if "properties" in schema:
        converted["properties"] = {
            name: _convert(below, definitions)
            for name, below in schema["properties"].items()
            if name not in xr.NOT_IN_THE_API
        }
    elif schema.get("type") == "object":
        converted |= _map(schema, definitions)
    return converted


def _resolve(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    """Follow references and take the value's branch of "a value or null"."""
    for branch in schema.get("anyOf", ()):
        if branch.get("type") != "null":
            schema = {**branch, **{k: v for k, v in schema.items() if k != "anyOf"}}
    if "$ref" in schema:
        target = definitions[schema["$ref"].rpartition("/")[2]]
        own = {key: value for key, value in schema.items() if key != "$ref"}
        schema = _resolve({**target, **own}, definitions)
    return schema


def _map(schema: Schema, definitions: dict[str, Schema]) -> Schema:
    """Return the schema of a map with free keys; structural schemas cannot limit the keys."""
    values = schema.get("additionalProperties") or next(
        iter(schema.get("patternProperties", {}).values()), True
    )
    if values is True or not values:
        return {"x-kubernetes-preserve-unknown-fields": True}
    return {"additionalProperties": _convert(values, definitions)}


def _described(schema: Schema) -> str:
    text = " ".join(schema.get("description", "").split())
    default = schema.get("default")
    if isinstance(default, bool):
        default = str(default).lower()
    if default in (None, "") or isinstance(default, dict | list):
        return text
    return re.sub(r"\.?$", f". Default: {default}.", text, count=1)


def dump(manifest: Schema) -> str:
    """Return a manifest as YAML in the order of its keys here."""
    text: str = yaml.safe_dump(manifest, sort_keys=False, width=100, allow_unicode=True)
    return text


if __name__ == "__main__":
    main()
