"""The objects by which a control plane is asked for a snapshot, and its pod for a restore.

The types are those of https://pkg.go.dev/github.com/loft-sh/api/v4/pkg/snapshot.
"""

import base64
import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from jobs.backup.model import Credentials, Goal, Request, Target, VirtualCluster, text_of
from jobs.errors import RefusedError

KNOWN_MINORS = ("0.30", "0.31", "0.32", "0.33", "0.34", "0.35", "0.36")
"""Minors of the chart with these objects, in order; tests read the sources of each that is public
as a Go module."""

LABEL = "vcluster.loft.sh/snapshot-request"
NAMESPACE_LABEL = "vcluster.loft.sh/vcluster-namespace"
NAME_LABEL = "vcluster.loft.sh/vcluster-name"
REQUEST_KEY = "snapshotRequest"
OPTIONS_KEY = "snapshotOptions"

INPUTS = "caas.telekom.de/inputs"
PURPOSE = "caas.telekom.de/purpose"
ARCHIVE_NAME = "caas.telekom.de/archive"

LONGEST_ERROR = 600
"""Maximum characters of an error of the control plane in a message."""


class UnknownChartError(RefusedError):
    """A chart whose control plane may read or write these objects in another form."""

    def __init__(self, chart: str) -> None:
        """Name the chart, and what is known."""
        message = (
            f"Chart {chart} is of a minor that this version does not know how to back up or "
            f"restore: {KNOWN_MINORS[0]} to {KNOWN_MINORS[-1]} are known. Update the function."
        )
        super().__init__("UnknownChart", message)


def is_known(chart: str) -> bool:
    """Return whether the minor of a chart is known."""
    return ".".join(chart.removeprefix("v").split(".")[:2]) in KNOWN_MINORS


def check_chart(chart: str) -> None:
    """Raise UnknownChartError for a chart of a minor that is not known."""
    if not is_known(chart):
        raise UnknownChartError(chart)


def options(target: Target, credentials: Credentials, key: str) -> dict[str, Any]:
    """Return the options of a snapshot in an S3 bucket, as the control plane reads them."""
    values = {
        "bucket": target.bucket,
        "key": key,
        "access-key-id": credentials.access_key_id,
        "secret-access-key": credentials.secret_access_key,
        "session-token": credentials.session_token,
        "region": target.region,
        "url": target.endpoint,
        "force-path-style": target.path_style,
        "kms-key-id": target.kms_key_id,
        "server-side-encryption": target.algorithm,
        "ca-cert": credentials.ca,
    }
    return {"type": "s3", "s3": {key: value for key, value in values.items() if value}}


def labels(vcluster: VirtualCluster) -> dict[str, str]:
    """Return the labels of both objects of a request."""
    return {NAMESPACE_LABEL: vcluster.namespace, NAME_LABEL: vcluster.release, LABEL: ""}


def request_name(release: str) -> str:
    """Return the name of both objects, so that there is never more than one request."""
    return f"{release}-backup"


def annotations(goal: Goal, name: str) -> dict[str, str]:
    """Return the annotations of a request for an archive.

    A control plane that still writes an archive whose request was removed writes the end into the
    next one, because it patches by name. So a request has the name of its archive a second time.
    """
    return {INPUTS: goal.inputs, PURPOSE: goal.purpose, ARCHIVE_NAME: name}


def request_text(goal: Goal, name: str, now: dt.datetime) -> str:
    """Return the text of a new request for an archive."""
    metadata = {"name": request_name(goal.vcluster.release), "creationTimestamp": text_of(now)}
    request = {"metadata": metadata, "spec": {"url": goal.target.url(name)}, "status": {}}
    return json.dumps(request, separators=(",", ":"))


def read_request(
    data: Mapping[str, str], annotations: Mapping[str, str], *, is_ending: bool
) -> Request:
    """Return the request in a ConfigMap; an unreadable one has no URL."""
    try:
        request = json.loads(data.get(REQUEST_KEY, ""))
        url, status = request["spec"]["url"], request.get("status", {})
        phase, error = status.get("phase", ""), status.get("error", {}).get("message", "")
    except (ValueError, TypeError, LookupError, AttributeError):
        url = phase = error = ""
    return Request(
        url=str(url),
        phase=str(phase),
        error=str(error)[:LONGEST_ERROR],
        inputs=annotations.get(INPUTS, ""),
        purpose=annotations.get(PURPOSE, ""),
        archive=annotations.get(ARCHIVE_NAME, ""),
        is_ending=is_ending,
    )


def encoded(options: Mapping[str, Any]) -> str:
    """Return options as a Secret's data holds them."""
    return base64.b64encode(json.dumps(options, separators=(",", ":")).encode()).decode()
