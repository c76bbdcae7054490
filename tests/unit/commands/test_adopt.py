"""The dry run of an adoption: what hinders, what to run, what happens, and never a value."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from function.api.errors import InvalidError
from function.commands import adopt
from function.commands.adopt import HelmRelease
from function.decision import adoption
from function.main import main
from tests.support.factories import INPUT, RANCHER, changed

SECRET = "s3cr3t-of-a-customer"
VALUES: dict[str, Any] = {
    "controlPlane": {"distro": {"k8s": {"image": {"tag": "v1.35.0"}}}},
    "sync": {"toHost": {"ingresses": {"enabled": True}}},
    "exportKubeConfig": {"context": SECRET},
}
RELEASE = HelmRelease("my-vcluster", "vcluster-shop", "deployed", "vcluster-0.36.1", VALUES)
XR: dict[str, Any] = {
    "apiVersion": "caas.telekom.de/v1alpha1",
    "kind": "VCluster",
    "metadata": {"name": "kunde9"},
    "spec": {},
}
ENTRY = {
    "namespace": "vcluster-shop",
    "release": "my-vcluster",
    "chart": "0.36.1",
    "values": VALUES,
}
COMMANDS = (
    "kubectl label namespace vcluster-shop app.kubernetes.io/managed-by=Helm --overwrite",
    (
        "kubectl annotate namespace vcluster-shop "
        "meta.helm.sh/release-name=vcluster-shop-namespace "
        "meta.helm.sh/release-namespace=vcluster-system --overwrite"
    ),
)


def status(release: HelmRelease = RELEASE) -> dict[str, Any]:
    """Return what `helm status -o json` prints of a release, as far as it is read."""
    workload = {
        "kind": "StatefulSet",
        "metadata": {"name": release.name, "labels": {"chart": release.chart}},
    }
    return {
        "name": release.name,
        "namespace": release.namespace,
        "info": {"status": release.status},
        "config": release.values,
        "manifest": yaml.safe_dump_all([{"kind": "Service"}, workload]),
    }


def test_it_can_be_adopted() -> None:
    """Entry, commands, what happens at once and what later, all of it."""
    given = changed(INPUT, {"rancher": RANCHER, "plans.small.quota": {"pods": 10}})
    spec = {"kubernetesVersion": "1.36", "rancher": {"clusterName": "shop"}}
    found = adopt.propose({**XR, "spec": spec}, given, RELEASE)
    assert (found.key, found.entry, found.hindrances) == ("kunde9", ENTRY, ())
    assert found.commands == COMMANDS
    assert found.at_once == (
        "Release vcluster-system/vcluster-shop-namespace is created.",
        "Release vcluster-system/vcluster-shop-vcluster is created.",
        "Release vcluster-system/vcluster-shop-rancher is created.",
        (
            "Namespace vcluster-shop belongs to the VCluster, and is deleted with it. Pod security "
            "baseline is enforced for new pods."
        ),
        "Its quota, for new pods: pods 19.",
        "Its network policies are switched on.",
        f"spec.kubernetesVersion: stays 1.35.0 instead of 1.36: {adoption.WAITS}",
    )
    later = found.later
    assert "controlPlane.proxy.extraSANs" in later["set"]
    assert later["changed"] == (
        "controlPlane.distro.k8s.image.tag",
        "exportKubeConfig.context",
        "sync.toHost.ingresses.enabled",
    )
    assert later["taken away"] == ()


def test_an_installation_without_a_version_of_kubernetes() -> None:
    """The chart's version runs, and is written out later."""
    release = replace(RELEASE, values={"telemetry": {"enabled": False}})
    found = adopt.propose(XR, INPUT, release)
    assert found.hindrances == ()
    assert "controlPlane.distro.k8s.image.tag" in found.later["set"]


def test_later_is_what_the_function_decides() -> None:
    """A value that the function refuses is not announced."""
    licensed = "controlPlane.coredns.embedded"
    given = changed(INPUT, {f"vcluster.values.{licensed}": True})
    found = adopt.propose(XR, given, RELEASE)
    assert found.hindrances == ()
    assert licensed not in found.later["set"]


def test_problems_of_the_input_and_the_values_at_once() -> None:
    """An entry that the Input refuses does not hide that the values cannot be adopted."""
    values = {**VALUES, "privateNodes": {"enabled": True}}
    release = replace(RELEASE, namespace="kube-system", values=values)
    found = "\n".join(adopt.propose(XR, INPUT, release).hindrances)
    assert "input.adopted.kunde9.values.privateNodes.enabled" in found
    assert "must not name a namespace that is reserved" in found


def test_everything_that_hinders_at_once() -> None:
    """Form, limits, installation and spec are looked at in one go, and no value is told."""
    values = {
        "controlPlane": {
            "backingStore": {"database": {"external": {"enabled": True, "dataSource": SECRET}}}
        }
    }
    release = HelmRelease("my-vcluster", "vcluster-shop", "failed", "vcluster-0.36.1", values)
    spec = {"availability": "HA", "isolation": {"networkPolicy": False}}
    found = adopt.propose({**XR, "spec": spec}, INPUT, release)
    assert found.hindrances == (
        (
            "release vcluster-shop/my-vcluster: is not deployed, which Helm would repair by an "
            "upgrade. Bring it to deployed first: helm upgrade, or helm rollback."
        ),
        (
            "input.adopted.kunde9.values.controlPlane.backingStore.database.external.enabled: "
            f"{adoption.STORE}. {adoption.NOT_ADOPTED}"
        ),
        (
            "input.adopted.kunde9.values.controlPlane.backingStore.database.external.dataSource: "
            f"{adoption.STORE}. {adoption.NOT_ADOPTED}"
        ),
        (
            "spec.availability: must be Single, as the adopted virtual cluster was installed. "
            "Write Single: another backing store would start an empty cluster."
        ),
        "spec.isolation.networkPolicy: is enforced by the platform. Leave it out.",
    )
    assert (found.commands, found.at_once, found.later) == ((), (), {})


@pytest.mark.parametrize(
    ("release", "part"),
    [
        pytest.param(
            HelmRelease("my-vcluster", "kube-system", "deployed", "vcluster-0.36.1", {}),
            "adopted must not name a namespace that is reserved",
            id="reserved",
        ),
        pytest.param(
            HelmRelease("my-vcluster", "a" * 44, "deployed", "vcluster-0.36.1", {}),
            "input.adopted.kunde9.namespace",
            id="long-namespace",
        ),
        pytest.param(
            HelmRelease("my-vcluster", "shop", "deployed", "vcluster-0.30.1", {}),
            "charts older than 0.31.0 are not supported",
            id="old-chart",
        ),
        pytest.param(
            HelmRelease("nginx", "shop", "deployed", "", {}),
            "is not an installation of the chart vcluster",
            id="another-chart",
        ),
    ],
)
def test_hindered(release: HelmRelease, part: str) -> None:
    """What the Input would not take is told before."""
    (found,) = [each for each in adopt.propose(XR, INPUT, release).hindrances if part in each]
    assert found


def test_scope_namespaced() -> None:
    """The key names the customer's namespace, in which the Releases are."""
    xr = {**XR, "metadata": {"name": "kunde9", "namespace": "team-a"}}
    found = adopt.propose(xr, INPUT, RELEASE)
    assert found.key == "team-a/kunde9"
    assert found.at_once[0] == "Release team-a/vcluster-shop-namespace is created."


@pytest.mark.parametrize("plain", [None, [], {}, {"name": "a", "namespace": "b"}, "text"])
def test_not_a_status(plain: object) -> None:
    """Another file than Helm's is told from a release without values."""
    with pytest.raises(InvalidError, match="is not what `helm status"):
        adopt.helm_release(plain, [])


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Result]:
    """Return a function that runs the command on files."""

    def invoke(*options: str, **changes: str) -> Result:
        texts = {
            "xr": yaml.safe_dump(XR),
            "input": yaml.safe_dump(INPUT),
            "release": json.dumps(status()),
            **changes,
        }
        for name, text in texts.items():
            (tmp_path / name).write_text(text)
        files = (str(tmp_path / "xr"), str(tmp_path / "input"))
        release = f"--release={tmp_path / 'release'}"
        return CliRunner().invoke(main, ["adopt", *files, release, *options])

    return invoke


def test_the_command(run: Callable[..., Result]) -> None:
    """Commands stand alone on their lines, and the entry is YAML to paste."""
    done = run()
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0] == ("Helm release vcluster-shop/my-vcluster can be adopted by VCluster kunde9.")
    assert tuple(line for line in lines if line.startswith("kubectl ")) == COMMANDS
    start, end = lines.index("adopted:"), next(n for n, x in enumerate(lines) if x[:2] == "3.")
    assert yaml.safe_load("\n".join(lines[start:end])) == {"adopted": {"kunde9": ENTRY}}
    assert "- exportKubeConfig.context (changed)" in lines
    assert done.output.count(SECRET) == 1


def test_the_command_as_json(run: Callable[..., Result]) -> None:
    """All of it, for programs."""
    done = run("-o", "json")
    found = json.loads(done.output)
    assert done.exit_code == 0
    assert (found["entry"], tuple(found["commands"])) == (ENTRY, COMMANDS)


def test_the_command_where_it_is_hindered(run: Callable[..., Result]) -> None:
    """The exit code tells programs, the lines tell people, and no value is among them."""
    values = {**VALUES, "privateNodes": {"enabled": True}}
    release = HelmRelease("my-vcluster", "vcluster-shop", "deployed", "vcluster-0.36.1", values)
    done = run(release=json.dumps(status(release)))
    assert done.exit_code == 1
    assert done.output == (
        "Helm release vcluster-shop/my-vcluster cannot be adopted by VCluster kunde9:\n"
        f"- input.adopted.kunde9.values.privateNodes.enabled: {adoption.FIXED}. "
        f"{adoption.NOT_ADOPTED}\n"
    )


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"release": "{"}, "release is not what `helm status RELEASE"),
        ({"release": "{}"}, "--release: is not what `helm status RELEASE"),
        ({"xr": "{}"}, "xr must hold one VCluster"),
        ({"xr": "{"}, "xr is not YAML, or too large"),
        ({"input": "{}"}, "input must hold one Input of this function"),
    ],
)
def test_files_that_are_none(
    run: Callable[..., Result], changes: dict[str, str], line: str
) -> None:
    """One line says which file is wrong."""
    done = run(**changes)
    assert done.exit_code == 1
    assert line in done.output
    assert len(done.output.splitlines()) == 1
