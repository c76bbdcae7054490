"""What the platform on one machine installs, as far as it can be told without one."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.platform import function_image, images, install, node
from dev.platform.place import CHARTS, RANCHER, REGISTRY, TOOLS
from dev.platform.site import Site
from dev.scripts import life
from function.api.input import Input
from function.commands.plan import dry_run, requests
from tests.support.tools import tool


def platform_input(folder: Path | None = None) -> dict[str, Any]:
    """Return the Input of its Composition, with a folder that of its S3 server too."""
    site = Site(
        folder=folder or Path(),
        kubeconfig=Path(),
        image=function_image.reference(),
        image_digest="",
        charts=CHARTS,
        charts_digest="",
        registry=REGISTRY,
        packages={},
        rancher=RANCHER,
        has_s3=folder is not None,
        own_input=node.own_input(),
    )
    composition: Any = install.composition(site)
    found: dict[str, Any] = composition["spec"]["pipeline"][0]["input"]
    return found


def test_the_input_is_a_valid_one() -> None:
    """The Composition of the README with this platform's own values is accepted."""
    found = Input.model_validate(platform_input())
    assert found.vcluster.chart.repository == "http://10.250.0.1:8879"
    assert found.vcluster.kubernetes.default == images.KUBERNETES.removeprefix("v")


def test_backups_are_encrypted(tmp_path: Path) -> None:
    """The target of the platform has a recipient, beside its other fields."""
    (tmp_path / "s3").mkdir()
    backup = Input.model_validate(platform_input(tmp_path)).backup
    assert backup
    target = backup.targets["nightly"].s3
    assert target.bucket == "vclusters"
    assert target.age
    assert len(target.age.recipients) == 1


@pytest.mark.parametrize("example", life.names())
def test_every_example_is_accepted(example: str) -> None:
    """What a new user tries after `make up` is not refused."""
    (request,) = requests.build_requests([life.composite(example)], (), platform_input())
    found = dry_run.plan(request)
    assert found.fatal == ""
    assert found.accepted.status == "True"


def test_images_are_those_that_the_official_chart_asks_for() -> None:
    """Nothing is pulled, so each reference must be exactly the chart's."""
    tool("helm")
    values = yaml.safe_load((TOOLS / "charts" / "vcluster" / "values.yaml").read_text())
    etcd = values["controlPlane"]["backingStore"]["etcd"]["deploy"]["statefulSet"]["image"]
    kubernetes = values["controlPlane"]["distro"]["k8s"]["image"]
    chart = yaml.safe_load((TOOLS / "charts" / "vcluster" / "Chart.yaml").read_text())
    references = {recipe.reference for recipe in images.recipes()}
    assert f"{etcd['registry']}/{etcd['repository']}:{etcd['tag']}" in references
    name = f"{kubernetes['registry']}/{kubernetes['repository']}:{images.KUBERNETES}"
    assert name in references
    assert f"ghcr.io/loft-sh/vcluster-oss:{chart['version']}" in references
