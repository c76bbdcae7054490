"""The list of images: all that a spec may ask for, and where each comes from."""

import pytest

from dev.scripts import life
from function.api.errors import InvalidError
from function.commands import images
from function.commands.images import Listed
from tests.support.factories import INPUT, RANCHER, changed, config

MIRRORS = {"ghcr.io": "mirror.example.org/ghcr", "docker.io": "mirror.example.org/docker"}


def test_the_list() -> None:
    """Every chart with every Kubernetes version that fits it, in the order of the names."""
    found = config(
        {
            "registries": MIRRORS,
            "rancher": RANCHER,
            "vcluster.chart.versions": ["0.34.7", "0.36.1"],
            "vcluster.kubernetes.versions": ["1.34.3", "1.35.0"],
            "vcluster.kubernetes.compatibility": {"0.34": ["1.34"], "0.36": ["1.35"]},
        }
    )
    docker, ghcr = MIRRORS["docker.io"], MIRRORS["ghcr.io"]
    assert images.listed(found) == (
        Listed("docker.io/coredns/coredns:1.12.1", f"{docker}/coredns/coredns:1.12.1"),
        Listed("docker.io/coredns/coredns:1.14.1", f"{docker}/coredns/coredns:1.14.1"),
        Listed(
            "ghcr.io/example/function-vcluster:0.1.0", f"{ghcr}/example/function-vcluster:0.1.0"
        ),
        Listed("ghcr.io/loft-sh/kubernetes:v1.34.3", f"{ghcr}/loft-sh/kubernetes:v1.34.3"),
        Listed("ghcr.io/loft-sh/kubernetes:v1.35.0", f"{ghcr}/loft-sh/kubernetes:v1.35.0"),
        Listed("ghcr.io/loft-sh/vcluster-oss:0.34.7", f"{ghcr}/loft-sh/vcluster-oss:0.34.7"),
        Listed("ghcr.io/loft-sh/vcluster-oss:0.36.1", f"{ghcr}/loft-sh/vcluster-oss:0.36.1"),
        Listed("mirror.gcr.io/library/alpine:3.20", "mirror.gcr.io/library/alpine:3.20"),
        Listed("registry.k8s.io/etcd:3.6.4-0", "registry.k8s.io/etcd:3.6.4-0"),
        Listed("registry.k8s.io/etcd:3.6.8-0", "registry.k8s.io/etcd:3.6.8-0"),
    )


@pytest.mark.parametrize(
    ("changes", "is_listed"),
    [
        ({}, False),
        ({"rancher": RANCHER}, True),
        ({"tenant.storage": {"retain": "Allowed"}}, True),
    ],
)
def test_our_own_image_is_listed_where_a_job_runs(
    changes: dict[str, object], *, is_listed: bool
) -> None:
    """The import's, and the one that stops the pods of what is retained."""
    sources = [each.source for each in images.listed(config({"registries": MIRRORS, **changes}))]
    assert any("function-vcluster" in source for source in sources) is is_listed


def test_the_platforms_own_values_count() -> None:
    """Enforced values win over the others, in the list as in the virtual clusters."""
    etcd = "controlPlane.backingStore.etcd.deploy.statefulSet.image"
    image = changed({}, {etcd: {"repository": "a/b", "tag": "1"}})
    enforced = changed({}, {f"{etcd}.tag": "2"})
    found = config(
        {
            "registries": MIRRORS,
            "vcluster.values": image,
            "vcluster.enforcedValues": enforced,
        }
    )
    assert Listed("registry.k8s.io/a/b:2", "registry.k8s.io/a/b:2") in images.listed(found)


def test_everything_unknown_is_told_at_once_and_once() -> None:
    """A chart that is not in the table is an error that names all that is missing."""
    with pytest.raises(InvalidError) as raised:
        images.listed(
            config({"vcluster.chart.versions": ["0.36.1", "0.36.2"], "registries": MIRRORS})
        )
    assert [problem.rule for problem in raised.value.problems] == [
        "has 0.36.2, of which the tag of etcd is not known here",
        "has 0.36.2, of which the tag of library/alpine is not known here",
    ]
    assert raised.value.reason == "InvalidInput"


def test_inputs() -> None:
    """Inputs are found bare and in Compositions, among whatever else a file holds."""
    other = {"apiVersion": "pt.fn.crossplane.io/v1beta1", "kind": "Resources"}
    composition = {"spec": {"pipeline": [{"input": other}, {"step": "ready"}, {"input": INPUT}]}}
    documents = [None, "text", {"kind": "Secret"}, {"spec": {"pipeline": "x"}}, composition, INPUT]
    assert [*images.inputs(documents)] == [INPUT, INPUT]


def test_our_composition() -> None:
    """The list of the Composition that comes along is complete without any mirror."""
    (found,) = images.inputs([{"spec": {"pipeline": [{"input": life.platform_input()}]}}])
    assert found == life.platform_input()
