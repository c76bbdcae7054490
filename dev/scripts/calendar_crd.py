"""The CRD of the Calendar, which chart vcluster-clock installs."""

from typing import Any

from dev.scripts.schemas import Schema, structural
from function.api import calendar


def zone_rule(field: str) -> dict[str, str]:
    """Return the rule of a time zone. CEL knows those of the API server, as CronJobs do."""
    return {
        "rule": "self != 'Local' && timestamp('2026-01-01T00:00:00Z').getHours(self) >= 0",
        "message": f"{field} must be a time zone of the IANA database, such as Europe/Berlin",
    }


SPREAD_RULE = {
    "rule": "duration(self) <= duration('2h')",
    "message": "spec.spread must be at most 2h",
}

WINDOW_RULE = {
    "rule": "self.from != self.to",
    "message": "from and to must differ; 00:00 to 24:00 is the whole day",
}


def crd() -> Schema:
    """Return the CRD; Helm keeps it, and all Calendars with it, when the chart is uninstalled."""
    group, version = calendar.API_VERSION.split("/")
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"calendars.{group}",
            "annotations": {"helm.sh/resource-policy": "keep"},
        },
        "spec": {
            "group": group,
            "scope": "Cluster",
            "names": {
                "kind": calendar.KIND,
                "listKind": "CalendarList",
                "plural": "calendars",
                "singular": "calendar",
                "categories": ["caas"],
            },
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [
                        _column("OPEN", "boolean", ".status.open"),
                        _column("UNTIL", "string", ".status.until"),
                        _column("ZONE", "string", ".spec.timeZone"),
                        {**_column("EVALUATED", "date", ".status.evaluatedAt"), "priority": 1},
                        _column("AGE", "date", ".metadata.creationTimestamp"),
                    ],
                    "schema": {"openAPIV3Schema": _calendar()},
                }
            ],
        },
    }


def _calendar() -> Schema:
    spec, status = structural(calendar.CalendarSpec), structural(calendar.CalendarStatus)
    fields = spec["properties"]
    fields["timeZone"]["x-kubernetes-validations"] = [zone_rule("spec.timeZone")]
    fields["spread"]["x-kubernetes-validations"] = [SPREAD_RULE]
    fields["closed"]["x-kubernetes-list-type"] = "set"
    fields["windows"]["items"]["x-kubernetes-validations"] = [WINDOW_RULE]
    fields["windows"]["items"]["properties"]["days"]["x-kubernetes-list-type"] = "set"
    conditions: dict[str, Any] = status["properties"]["conditions"]
    conditions |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
    return {
        "type": "object",
        "description": "Windows of the week in which virtual clusters are awake.",
        "required": ["spec"],
        "properties": {"spec": spec, "status": status},
        "x-kubernetes-validations": [
            {
                "rule": "self.metadata.name.size() <= 63 && "
                "self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
                "message": "metadata.name must be at most 63 lower case letters, digits and '-'",
            }
        ],
    }


def _column(name: str, kind: str, path: str) -> Schema:
    return {"name": name, "type": kind, "jsonPath": path}
