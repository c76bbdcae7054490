"""Limits of sleep and expiry: the right to sleep and to expire, and Calendars to name."""

from collections.abc import Iterator

from function.api import input as platform
from function.api import xr
from function.api.errors import Problem


def problems(spec: xr.Spec, tenant: platform.Tenant) -> Iterator[Problem]:
    """Yield the problems of sleep and expiry beyond the limits."""
    if spec.power == "Sleeping" and tenant.power == "Running":
        yield Problem(
            "spec.power",
            "cannot be Sleeping on this platform",
            "Leave it out, or ask the platform team to set tenant.power to Choice.",
        )
    if spec.sleep and not tenant.calendars:
        yield Problem(
            "spec.sleep",
            "cannot be set on this platform",
            "Leave it out, or ask the platform team to list a Calendar in tenant.calendars.",
        )
    elif spec.sleep and spec.sleep.calendar not in tenant.calendars:
        yield Problem(
            "spec.sleep.calendar",
            "is not a Calendar of the platform",
            f"Choose one of: {', '.join(tenant.calendars)}.",
        )
    if spec.expire and tenant.expire == "Refused":
        yield Problem(
            "spec.expire",
            "cannot be set on this platform",
            "Leave it out, or ask the platform team to set tenant.expire to Allowed.",
        )
