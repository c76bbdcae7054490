"""The function restarts while it is asked all the time, and Crossplane never notices."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.e2e.kube import VCLUSTERS, Kube, by, condition, until, vcluster

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.further, pytest.mark.alone]

SYSTEM = "crossplane-system"
FUNCTION = "pkg.crossplane.io/function=function-vcluster"
RESTARTS = 10
NAMES = [f"restart-{number}" for number in range(12)]
ANSWERS = re.compile(
    r'^function_run_function_response_total\{.*function_name="function-vcluster".*'
    r'grpc_code="(\w+)".*\} (\d+)$',
    re.MULTILINE,
)
"""https://github.com/crossplane/crossplane/blob/v2.3.4/internal/xfn/function_runner_metrics.go"""


def answers(kube: Kube) -> dict[str, int]:
    """Return how many calls ended in which gRPC code, as Crossplane counts them."""
    [pod] = [one["metadata"]["name"] for one in kube.list("pods", SYSTEM, "app=crossplane")]
    text = kube("get", "--raw", f"/api/v1/namespaces/{SYSTEM}/pods/{pod}:8080/proxy/metrics")
    found: dict[str, int] = {}
    for code, count in ANSWERS.findall(text):
        found[code] = found.get(code, 0) + int(count)
    return found


def ready(kube: Kube) -> list[str]:
    """Return the replicas that may be called."""
    return sorted(
        one["metadata"]["name"]
        for one in kube.list("pods", SYSTEM, FUNCTION)
        if condition(one, "Ready").get("status") == "True"
        and "deletionTimestamp" not in one["metadata"]
    )


def test_ten_restarts_lose_no_call(
    kube: Kube, compositions: Callable[..., None], tell: Callable[[str], None]
) -> None:
    """Each replica drains and comes back in turn, and every call is answered."""
    # Their charts cannot be pulled, so Crossplane asks for each every five seconds.
    compositions("restarts", {"charts": {"repository": "http://127.0.0.1:1"}})
    for name in NAMES:
        kube.apply(vcluster(name, crossplane=by("restarts"), rancher={"enabled": False}))
    until("two replicas serve", lambda: len(ready(kube)) == 2, 120)
    before = answers(kube)
    for _ in range(RESTARTS):
        oldest = ready(kube)[0]
        kube("delete", "pod", oldest, "-n", SYSTEM, "--wait=false")
        until("it was replaced", lambda gone=oldest: gone not in ready(kube), 60)  # type: ignore[misc]
        until("two replicas serve", lambda: len(ready(kube)) == 2, 120)
    after = answers(kube)
    kube("delete", VCLUSTERS, *NAMES, "--wait=false")
    failed = {code: count for code, count in after.items() if code != "OK"}
    assert failed == {code: count for code, count in before.items() if code != "OK"}
    answered = after["OK"] - before.get("OK", 0)
    assert answered > 10 * RESTARTS
    tell(f"{answered} calls answered during {RESTARTS} restarts, none failed")
