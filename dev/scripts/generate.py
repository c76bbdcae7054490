"""Write the CRD of the Input, the XRD of the VCluster and their reference from the models.

The models define the fields; what only the API server can check is in `cel_rules`.
"""

from pathlib import Path

import yaml

from dev.scripts import calendar_crd, cel_rules, licenses, reference
from dev.scripts.schemas import Schema, structural
from function.api import input as platform
from function.api import xr
from function.api.calendar import CalendarSpec, CalendarStatus
from function.api.status import Status
from function.k8s import addresses

ROOT = Path(__file__).parents[2]
INPUT_CRD = ROOT / "package" / "input" / "vcluster.fn.caas.telekom.de_inputs.yaml"
CONFIGURATION = ROOT / "apis" / "cluster"
NAMESPACED = ROOT / "apis" / "namespaced"
XRD = CONFIGURATION / "definition.yaml"
NAMESPACED_XRD = NAMESPACED / "definition.yaml"
REFERENCE = ROOT / "docs" / "reference.md"
HOSTS = ROOT / "docs" / "hosts.md"
CALENDAR_CRD = ROOT / "charts" / "vcluster-clock" / "templates" / "calendar.yaml"
ADDRESSES = ROOT / "charts" / "vcluster-namespace" / "files" / "addresses.yaml"

HEADER = "# Written by `make generate` from function/api.\n"
COPIED = "# Written by `make generate` from the file of this name in apis/cluster/.\n"

NAMESPACED_PACKAGE = {
    "name: configuration-vcluster\n": "name: configuration-vcluster-namespaced\n",
    "The kind VCluster:": "The kind VCluster, for customers who make their own:",
}
"""Replacements of texts in the package of scope Namespaced."""


def main() -> None:
    """Write all files."""
    for path, text in files().items():
        path.write_text(text)


def files() -> dict[Path, str]:
    """Return the content of each generated file."""
    return {
        CALENDAR_CRD: HEADER + dump(calendar_crd.crd()),
        INPUT_CRD: HEADER + dump(input_crd()),
        XRD: HEADER + dump(xrd()),
        NAMESPACED_XRD: HEADER + dump(namespaced(xrd())),
        NAMESPACED / "composition.yaml": COPIED + (CONFIGURATION / "composition.yaml").read_text(),
        NAMESPACED / "crossplane.yaml": COPIED + _namespaced_package(),
        licenses.PAGE: licenses.page(),
        ADDRESSES: _addresses(),
        HOSTS: _hosts(),
        REFERENCE: reference.page(
            structural(xr.Spec),
            structural(Status),
            structural(platform.Input),
            structural(CalendarSpec),
            structural(CalendarStatus),
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
                        _column("POWER", ".status.power"),
                        {**_column("LASTBACKUP", ".status.backup.last"), "type": "date"},
                    ],
                    "schema": {"openAPIV3Schema": _vcluster()},
                }
            ],
        },
    }


def _vcluster() -> Schema:
    """Return the schema of the VCluster, with the rules of scope Cluster."""
    spec = structural(xr.Spec)
    spec["x-kubernetes-validations"] = cel_rules.SPEC_RULES
    owner = spec["properties"]["rancher"]["properties"]["owners"]["items"]
    owner["x-kubernetes-validations"] = cel_rules.OWNER_RULES
    zone = spec["properties"]["backup"]["properties"]["timeZone"]
    zone["x-kubernetes-validations"] = [calendar_crd.zone_rule("spec.backup.timeZone")]
    return {
        "type": "object",
        "description": "A virtual cluster in a namespace of its own, imported into Rancher.",
        "x-kubernetes-validations": [*cel_rules.NAME_RULES, *cel_rules.UPGRADE_RULES],
        "properties": {"spec": spec, "status": structural(Status)},
    }


def namespaced(definition: Schema) -> Schema:
    """Return the XRD of scope Namespaced, which is another API under the same name."""
    definition["spec"]["scope"] = "Namespaced"
    (version,) = definition["spec"]["versions"]
    version["schema"]["openAPIV3Schema"]["x-kubernetes-validations"] = [
        *cel_rules.NAMESPACED_NAME_RULES,
        *cel_rules.UPGRADE_RULES,
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


def dump(manifest: Schema) -> str:
    """Return a manifest as YAML in the order of its keys here."""
    text: str = yaml.safe_dump(manifest, sort_keys=False, width=100, allow_unicode=True)
    return text


if __name__ == "__main__":
    main()
