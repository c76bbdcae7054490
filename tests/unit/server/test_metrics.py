"""Metrics begin at zero, so that the first event of a replica counts."""

import pytest

from function.server.metrics import Metrics


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("function_vcluster_calls_total", {"result": "fatal", "reason": "InternalError"}),
        ("function_vcluster_calls_total", {"result": "warning", "reason": "ChangeRefused"}),
        ("function_vcluster_transitions_total", {"condition": "Accepted", "status": "False"}),
        (
            "function_vcluster_transitions_total",
            {"condition": "ControlPlaneReady", "status": "Unknown"},
        ),
        ("function_vcluster_dropped_resources_total", {"resource": "vcluster"}),
        ("function_vcluster_dropped_resources_total", {"resource": "vcluster-by-rancher"}),
    ],
)
def test_series_start_at_zero(name: str, labels: dict[str, str]) -> None:
    """`increase()` sees the first dropped resource, and an alert the first internal error."""
    assert Metrics(lambda: 0).registry.get_sample_value(name, labels) == 0
