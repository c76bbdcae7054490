"""The observed login: condition Access, and the dates of the certificates.

The Job on the host keeps a report in a ConfigMap, one key of which is the connection detail.
"""

import datetime as dt
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

from function.api.fields import INSTANT
from function.k8s.fieldpath import document, get, matching, text, whole, words
from function.observed.release import detail, judge, reason, shown
from function.observed.state import Condition, ObservedRelease

KEY = "access"

CONDITION = "Access"

REPORT = "accessReport"
"""Connection detail with the report, one JSON document: the contract with jobs/access."""

CERTIFICATES = ("ca", "server", "client")
"""Certificates whose end is reported: the CA, the API server's, that of the kubeconfig."""

PENDING = "Pending"
ROTATING = "Rotating"
ENDING = "Ending"
EXPIRES = "CertificateExpires"
"""Reasons of Access with messages of ours."""

WARNING = dt.timedelta(days=30)
"""Time before the end of a certificate from which on it is warned of."""

DEPRECATED = (
    "spec.access.certificate: Readers is deprecated: each reader of the kubeconfig has the "
    "certificate of an administrator, whose name no log has."
)


@dataclass(frozen=True)
class Report:
    """The report of the Job on the host; a part is empty if it is unknown or malformed."""

    phase: str = ""
    reason: str = ""
    message: str = ""
    inputs: str = ""
    """Digest of what is in force."""
    rotated: int | None = None
    """Number of the last rotation that is done."""
    expiry: Mapping[str, str] = field(default_factory=dict)
    """End of each certificate, as far as it is known."""

    @property
    def warn_from(self) -> str:
        """Time from which on the first end of a certificate is warned of; empty if unknown."""
        ends = [dt.datetime.fromisoformat(end).astimezone(dt.UTC) for end in self.expiry.values()]
        return (min(ends) - WARNING).strftime("%Y-%m-%dT%H:%M:%SZ") if ends else ""


def report_of(observed: ObservedRelease | None) -> Report:
    """Return the report."""
    return _read(detail(observed, REPORT))


@functools.lru_cache(maxsize=16)
def _read(report: str) -> Report:
    plain = document(report)
    ends = {name: _end(get(plain, "expiry", name)) for name in CERTIFICATES}
    return Report(
        phase=words(get(plain, "phase")),
        reason=words(get(plain, "reason")),
        message=words(get(plain, "message")),
        inputs=words(get(plain, "observedInputs")),
        rotated=whole(get(plain, "rotated")),
        expiry={name: end for name, end in ends.items() if end},
    )


def _end(value: object) -> str:
    """Return the end of a certificate, or an empty text if it is none."""
    end = matching(INSTANT, value)
    try:
        dt.datetime.fromisoformat(end)
    except ValueError:
        return ""
    return end


def condition(
    observed: ObservedRelease | None,
    inputs: object,
    *,
    is_ending: bool = False,
    is_deprecated: bool = False,
    passed: tuple[str, ...] = (),
) -> Condition:
    """Return Access.

    `inputs` is the digest of what is to be in force; `passed` are times that are past.
    """
    if is_ending:
        reported = Condition(CONDITION, "False", ENDING, "The rights of all people are removed.")
    else:
        reported = _reported(report_of(observed), inputs, passed)
    result = shown(reported, observed)
    if is_deprecated and result.status == "True":
        return result._replace(message=DEPRECATED)
    return result


def _reported(report: Report, inputs: object, passed: tuple[str, ...]) -> Condition:
    if report.phase == ROTATING:
        message = report.message or "CA and certificates are made anew."
        return Condition(CONDITION, "False", ROTATING, message)
    if report.inputs != inputs or report.phase not in ("Applied", "Failed"):
        return Condition(CONDITION, "Unknown", PENDING, "It is not in force yet.")
    if report.phase == "Failed":
        return Condition(CONDITION, "False", reason(report.reason, report.phase), report.message)
    if report.warn_from in passed:
        first = min(report.expiry, key=lambda name: report.expiry[name])
        message = (
            f"The {_NAMES[first]} ends at {report.expiry[first]}: docs/login.md says how it is "
            "made anew."
        )
        return Condition(CONDITION, "False", EXPIRES, message)
    return Condition(CONDITION, "True", "Applied")


_NAMES = {
    "ca": "CA of the virtual cluster",
    "server": "certificate of the API server",
    "client": "certificate of the kubeconfig",
}


def rotation(observed: ObservedRelease | None) -> int:
    """Return the number of the rotation that the Release requests, 0 for none."""
    return (whole(get(observed.values, "rotate")) if observed else None) or 0


def is_emptied(observed: ObservedRelease) -> bool:
    """Return whether no person has a right by the Release, as deployed and reported."""
    report, values = report_of(observed), observed.values
    is_empty = not values.get("bindings") and not get(values, "kubeconfig", "issuers")
    is_current = report.phase == "Applied" and report.inputs == text(values.get("inputs"))
    return is_empty and is_current and judge(CONDITION, observed).status == "True"
