"""What a customer and the platform team see: from five lines of YAML to a cluster in Rancher."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from dev.platform.command import run
from dev.platform.place import BIN
from tests.e2e.kube import PLATFORM, RELEASES, VCLUSTERS, Kube, condition, until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.rancher import Control

pytestmark = pytest.mark.smoke

AGE = r"\d+[smh](?:\d+[sm])?"


def test_the_columns_are_those_of_the_readme(kube: Kube, tenants: tuple[str, ...]) -> None:
    """`kubectl get` shows NAME, SYNCED, READY, COMPOSITION and AGE."""
    lines = kube("get", VCLUSTERS, *tenants).splitlines()
    assert lines[0].split() == ["NAME", "SYNCED", "READY", "COMPOSITION", "AGE"]
    for name, line in zip(tenants, lines[1:], strict=True):
        assert re.fullmatch(rf"{name} +True +True +vcluster\.caas\.telekom\.de +{AGE}", line)


def test_wide_shows_versions_rancher_host_and_endpoint(
    kube: Kube, tenants: tuple[str, ...]
) -> None:
    """`-o wide` says what runs, and where."""
    header, line = kube("get", VCLUSTERS, tenants[0], "-o", "wide").splitlines()
    assert header.split() == [
        "NAME", "KUBERNETES", "CHART", "RANCHER", "HOST", "ENDPOINT", "POWER",
        "LASTBACKUP",
        "SYNCED", "READY", "COMPOSITION", "COMPOSITIONREVISION", "AGE",
    ]  # fmt: skip
    cells = line.split()
    assert cells[:3] == ["kunde1", "v1.36.3", "0.36.1"]
    assert cells[3].startswith("c-m-")
    assert cells[4:6] == ["local", "https://kunde1-vcluster.kunde1.svc:443"]


def test_vcluster_list_shows_both_running(
    kube: Kube, tenants: tuple[str, ...], tmp_path: Path
) -> None:
    """The vcluster CLI finds them, each in its own namespace."""
    env = {"KUBECONFIG": str(kube.kubeconfig), "HOME": str(tmp_path)}
    listed = run(str(BIN / "vclusterctl"), "list", env=env, timeout=60)
    for name in tenants:
        row = rf"{name}-vcluster[ |]+{name}[ |]+Running"
        assert re.search(row, listed), listed


def test_a_pod_of_the_customer_runs_in_the_namespace_and_nowhere_else(
    kube: Kube, tenants: tuple[str, ...], inside: Kube
) -> None:
    """A pod made inside appears in the host namespace, under a translated name, and only there."""
    inside("run", "web", "--image=docker.io/library/busybox:1.36.1", "--", "sleep", "600")
    try:
        until("the pod runs", lambda: (inside.get("pod", "web", "default") or {})
              .get("status", {}).get("phase") == "Running", 60)  # fmt: skip
        where = [
            pod["metadata"]["namespace"]
            for pod in kube.list("pods")
            if pod["metadata"]["name"].startswith("web-x-default-x-")
        ]
        assert where == [tenants[0]]
    finally:
        inside("delete", "pod", "web", "--grace-period=0", "--force")


def test_both_are_in_rancher_with_their_owners(
    kube: Kube, tenants: tuple[str, ...], control: Control
) -> None:
    """Rancher shows one Connected cluster for each, labelled with its VCluster."""
    for name in tenants:
        found = kube.get(VCLUSTERS, name)
        assert found
        [cluster] = [one for one in control.clusters() if one["name"] == name]
        assert cluster["connected"]
        assert cluster["id"] == found["status"]["rancher"]["clusterId"]


def test_the_releases_are_ready_and_synced(kube: Kube, tenants: tuple[str, ...]) -> None:
    """Three Releases for each VCluster, and nothing else of provider-helm."""
    for name in tenants:
        found = {
            one["metadata"]["name"]: (
                condition(one, "Ready")["status"],
                condition(one, "Synced")["status"],
            )
            for one in kube.list(RELEASES, PLATFORM, f"crossplane.io/composite={name}")
        }
        assert found == {
            f"{name}-{part}": ("True", "True") for part in ("namespace", "vcluster", "rancher")
        }
