"""The images in the chart's values: each goes to its mirror, and each is known by name."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from function.api.errors import Problem
from function.desired import images
from function.k8s.helm_values import merge
from tests.support.factories import at, changed

ALL = {
    "ghcr.io": "mirror.example.org/ghcr",
    "docker.io": "mirror.example.org/docker",
    "registry.k8s.io": "mirror.example.org/k8s",
    "mirror.gcr.io": "mirror.example.org/gcr",
}
CONTROL_PLANE = "controlPlane.statefulSet.image"
KUBERNETES = "controlPlane.distro.k8s.image"
ETCD = "controlPlane.backingStore.etcd.deploy.statefulSet.image"
HOSTS = "sync.toHost.pods.rewriteHosts.initContainer.image"
COREDNS = "controlPlane.coredns.deployment.image"
ONE_FOR_ALL = "controlPlane.advanced.defaultImageRegistry"

VALUES: dict[str, Any] = {
    "controlPlane": {
        "statefulSet": {"image": {"repository": "loft-sh/vcluster-oss"}},
        "distro": {"k8s": {"image": {"tag": "v1.35.0"}}},
    }
}
"""What the function says about images where nobody says more."""


def mapped(
    values: Mapping[str, Any], registries: Mapping[str, str] = ALL, kubernetes: str = "1.35.0"
) -> dict[str, Any]:
    """Return values at their mirrors."""
    return images.mapped(values, registries, kubernetes)


def needed(
    changes: Mapping[str, Any] | None = None,
    chart: str = "0.36.1",
    kubernetes: str = "1.35.0",
    registries: Mapping[str, str] = ALL,
) -> list[str | Problem]:
    """Return what is needed for values with other ones at the dotted paths."""
    values = changed(VALUES, changes or {})
    return [*images.needed(values, chart, kubernetes, registries)]


def test_every_image_has_its_own_mirror() -> None:
    """Each comes from the mirror of its registry; repository and tag stay the chart's."""
    assert mapped(VALUES) == {
        "controlPlane": {
            "statefulSet": {
                "image": {
                    "registry": "mirror.example.org/ghcr",
                    "repository": "loft-sh/vcluster-oss",
                }
            },
            "distro": {"k8s": {"image": {"registry": "mirror.example.org/ghcr", "tag": "v1.35.0"}}},
            "backingStore": {
                "etcd": {
                    "deploy": {
                        "statefulSet": {"image": {"registry": "mirror.example.org/k8s"}},
                    }
                }
            },
            "coredns": {
                "deployment": {"image": "mirror.example.org/docker/coredns/coredns:1.14.1"}
            },
        },
        "sync": {
            "toHost": {
                "pods": {
                    "rewriteHosts": {
                        "initContainer": {"image": {"registry": "mirror.example.org/gcr"}}
                    }
                }
            }
        },
    }


@pytest.mark.parametrize("registry", [*ALL])
def test_a_registry_without_a_mirror_stays(registry: str) -> None:
    """A map of one registry moves the images of that one only."""
    moved = {path for path, _ in leaves(mapped(VALUES, {registry: ALL[registry]}))}
    assert (
        moved - {path for path, _ in leaves(VALUES)}
        == {
            "ghcr.io": {f"{CONTROL_PLANE}.registry", f"{KUBERNETES}.registry"},
            "docker.io": {COREDNS},
            "registry.k8s.io": {f"{ETCD}.registry"},
            "mirror.gcr.io": {f"{HOSTS}.registry"},
        }[registry]
    )


@pytest.mark.parametrize("registries", [{}, {"quay.io": "mirror.example.org/quay"}])
def test_nothing_changes_without_a_mirror_of_an_image(registries: dict[str, str]) -> None:
    """Not a byte of the values, so that no control plane restarts."""
    assert mapped(VALUES, registries) == VALUES


@pytest.mark.parametrize(
    ("changes", "path", "expected"),
    [
        pytest.param(
            {f"{CONTROL_PLANE}.registry": "quay.io"},
            CONTROL_PLANE,
            {"registry": "quay.io", "repository": "loft-sh/vcluster-oss"},
            id="another-registry",
        ),
        pytest.param(
            {f"{CONTROL_PLANE}.repository": "example/vcluster"},
            CONTROL_PLANE,
            {"registry": "mirror.example.org/ghcr", "repository": "example/vcluster"},
            id="another-repository",
        ),
        pytest.param(
            {CONTROL_PLANE: {"registry": "", "repository": "ghcr.io/a/b", "tag": "1"}},
            CONTROL_PLANE,
            {"registry": "mirror.example.org/ghcr", "repository": "a/b", "tag": "1"},
            id="all-in-the-repository",
        ),
        pytest.param(
            {CONTROL_PLANE: {"registry": "ghcr.io/a", "repository": "b"}},
            CONTROL_PLANE,
            {"registry": "mirror.example.org/ghcr", "repository": "a/b"},
            id="a-path-in-the-registry",
        ),
        pytest.param(
            {ETCD: {"registry": "", "repository": "etcd"}},
            ETCD,
            {"registry": "mirror.example.org/docker", "repository": "library/etcd"},
            id="no-registry-is-docker-hub",
        ),
        pytest.param(
            {ETCD: {"registry": "mirror.example.org/other"}},
            ETCD,
            {"registry": "mirror.example.org/other"},
            id="at-a-mirror-already",
        ),
        pytest.param({ETCD: None}, ETCD, None, id="taken-away"),
        pytest.param(
            {"controlPlane.backingStore.etcd": None},
            "controlPlane.backingStore.etcd",
            None,
            id="taken-away-with-all-above",
        ),
        pytest.param({ETCD: "etcd:1"}, ETCD, "etcd:1", id="what-the-chart-refuses"),
        pytest.param(
            {COREDNS: "coredns/coredns:1.12.4"},
            COREDNS,
            "mirror.example.org/docker/coredns/coredns:1.12.4",
            id="coredns",
        ),
        pytest.param(
            {COREDNS: "registry.k8s.io/coredns/coredns:v1.12.4"},
            COREDNS,
            "mirror.example.org/k8s/coredns/coredns:v1.12.4",
            id="coredns-of-another-registry",
        ),
        pytest.param({COREDNS: 1}, COREDNS, 1, id="coredns-that-the-chart-refuses"),
        pytest.param(
            {COREDNS: ""},
            COREDNS,
            "mirror.example.org/docker/coredns/coredns:1.14.1",
            id="coredns-left-to-vcluster",
        ),
        pytest.param(
            {"plugins": {"a": {"image": "ghcr.io/a/b:1"}, "c": {"name": "c"}, "d": "e"}},
            "plugins",
            {
                "a": {"image": "mirror.example.org/ghcr/a/b:1"},
                "c": {"name": "c"},
                "d": "e",
            },
            id="plugins",
        ),
        pytest.param({"plugins": {}}, "plugins", {}, id="no-plugins"),
        pytest.param({"plugins": None}, "plugins", None, id="plugins-taken-away"),
        pytest.param(
            {"controlPlane.statefulSet.sidecarContainers": [{"image": "alpine"}, {"name": "x"}]},
            "controlPlane.statefulSet.sidecarContainers",
            [{"image": "mirror.example.org/docker/library/alpine"}, {"name": "x"}],
            id="sidecars",
        ),
        pytest.param(
            {"controlPlane.statefulSet.initContainers": [{"image": "quay.io/a:1"}]},
            "controlPlane.statefulSet.initContainers",
            [{"image": "quay.io/a:1"}],
            id="init-containers",
        ),
    ],
)
def test_images_that_somebody_names(changes: dict[str, Any], path: str, expected: object) -> None:
    """Whoever named an image, it is mirrored by what its name says."""
    assert at(mapped(changed(VALUES, changes)), path) == expected


@pytest.mark.parametrize(
    ("kubernetes", "tag"),
    [
        ("1.32.9", "1.11.3"),
        ("1.33.4", "1.12.0"),
        ("1.34.3", "1.12.1"),
        ("1.35.0", "1.14.1"),
        ("1.36.3", "1.14.2"),
        ("1.37.0", "1.14.2"),
        ("", "1.14.2"),
        ("latest", "1.14.2"),
    ],
)
def test_coredns_fits_kubernetes(kubernetes: str, tag: str) -> None:
    """A mirrored CoreDNS is the one that vcluster would take."""
    found = mapped(VALUES, kubernetes=kubernetes)
    assert at(found, COREDNS) == f"mirror.example.org/docker/coredns/coredns:{tag}"


def test_one_registry_for_all_is_left_alone() -> None:
    """The chart's own setting takes the place of every registry; two prefixes would break names."""
    values = changed(VALUES, {ONE_FOR_ALL: "mirror.example.org"})
    assert mapped(values) == values


def test_the_values_given_stay_as_they_are() -> None:
    """Mapping is pure."""
    values = changed(VALUES, {"plugins": {"a": {"image": "ghcr.io/a:1"}}})
    before = json.dumps(values)
    mapped(values)
    assert json.dumps(values) == before


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {COREDNS: "coredns/coredns:1"},
        {CONTROL_PLANE: {"registry": "", "repository": "ghcr.io/a/b"}},
        {"plugins": {"a": {"image": "alpine"}}},
    ],
)
def test_mapping_twice_is_mapping_once(changes: dict[str, Any]) -> None:
    """What is at its mirror stays there."""
    once = mapped(changed(VALUES, changes))
    assert mapped(once) == once


def test_needed() -> None:
    """All images of a virtual cluster, written out, at their sources."""
    assert needed() == [
        "ghcr.io/loft-sh/vcluster-oss:0.36.1",
        "ghcr.io/loft-sh/kubernetes:v1.35.0",
        "registry.k8s.io/etcd:3.6.8-0",
        "mirror.gcr.io/library/alpine:3.20",
        "docker.io/coredns/coredns:1.14.1",
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {f"{CONTROL_PLANE}.tag": "0.36.1-fips"},
            "ghcr.io/loft-sh/vcluster-oss:0.36.1-fips",
            id="another-control-plane",
        ),
        pytest.param(
            {"controlPlane.distro.k8s.version": "v1.35.9"},
            "ghcr.io/loft-sh/kubernetes:v1.35.9",
            id="kubernetes-by-version",
        ),
        pytest.param(
            {ETCD: {"registry": "", "repository": "quay.io/coreos/etcd", "tag": "v3.6.9"}},
            "quay.io/coreos/etcd:v3.6.9",
            id="etcd",
        ),
        pytest.param(
            {f"{HOSTS}.registry": "example.org", f"{HOSTS}.repository": "alpine"},
            "example.org/library/alpine:3.20",
            id="vcluster-adds-library",
        ),
        pytest.param({COREDNS: "coredns/coredns:1"}, "docker.io/coredns/coredns:1", id="coredns"),
        pytest.param(
            {"plugins": {"a": {"image": "alpine"}}}, "docker.io/library/alpine", id="plugin"
        ),
        pytest.param(
            {"controlPlane.statefulSet.sidecarContainers": [{}, {"image": "ghcr.io/a:1"}]},
            "ghcr.io/a:1",
            id="sidecar",
        ),
        pytest.param({ONE_FOR_ALL: "one.example.org"}, "one.example.org/etcd:3.6.8-0", id="one"),
        pytest.param(
            {ONE_FOR_ALL: "one.example.org"},
            "one.example.org/coredns/coredns:1.14.1",
            id="one-for-coredns",
        ),
        pytest.param(
            {ONE_FOR_ALL: "one.example.org", COREDNS: "a/coredns:1"},
            "one.example.org/a/coredns:1",
            id="one-before-a-whole-reference",
        ),
    ],
)
def test_needed_is_what_the_values_name(changes: dict[str, Any], expected: str) -> None:
    """An image that the platform's values name is needed in place of the chart's."""
    assert expected in needed(changes)


def test_an_unknown_chart_says_which_tags_are_missing() -> None:
    """No list is better than a wrong one; what the values name need not be known."""
    problems = [each for each in needed(chart="0.37.0") if isinstance(each, Problem)]
    versions = "0.31.3, 0.32.3, 0.33.4, 0.34.7, 0.35.3, 0.36.1"
    assert [str(each) for each in problems] == [
        f"input.vcluster.chart.versions: has 0.37.0, of which the tag of {name} is not known "
        f"here. Set vcluster.values.{path}.tag, or take a version of: {versions}."
        for name, path in [("etcd", ETCD), ("library/alpine", HOSTS)]
    ]
    known = needed({f"{ETCD}.tag": "3.6.9-0", f"{HOSTS}.tag": "3.21"}, chart="0.37.0")
    assert known == [
        "ghcr.io/loft-sh/vcluster-oss:0.37.0",
        "ghcr.io/loft-sh/kubernetes:v1.35.0",
        "registry.k8s.io/etcd:3.6.9-0",
        "mirror.gcr.io/library/alpine:3.21",
        "docker.io/coredns/coredns:1.14.1",
    ]


@pytest.mark.parametrize(
    ("chart", "kubernetes", "is_known"),
    [
        ("0.31.3", "1.34.3", True),
        ("0.31.3", "1.35.0", False),
        ("0.33.4", "1.35.0", True),
        ("0.34.7", "1.36.0", False),
        ("0.35.3", "1.36.0", True),
        ("0.36.1", "1.36.3", True),
        ("0.36.1", "1.37.0", False),
        ("0.36.0", "1.36.3", False),
    ],
)
def test_coredns_that_vcluster_chooses(chart: str, kubernetes: str, *, is_known: bool) -> None:
    """Without a mirror vcluster chooses, and what it chooses is listed only where it is known."""
    found = needed(
        {f"{ETCD}.tag": "1", f"{HOSTS}.tag": "1"}, chart, kubernetes, {"ghcr.io": "a.example.org"}
    )
    told = [str(each) for each in found if "coredns" in str(each)]
    minor = kubernetes.rpartition(".")[0]
    assert told == [
        images.coredns(kubernetes)
        if is_known
        else f"input.vcluster.chart.versions: has {chart}, whose CoreDNS for Kubernetes "
        f"{minor} is not known here. Give docker.io a mirror in registries, or name "
        f"the image in vcluster.values.{COREDNS}: then that one is taken."
    ]


SCALARS = st.none() | st.booleans() | st.integers() | st.sampled_from(["", "a", "ghcr.io/a:1"])
KEYS = st.sampled_from(
    [
        *("controlPlane", "statefulSet", "image", "registry", "repository", "coredns"),
        *("deployment", "plugins", "distro", "k8s", "sidecarContainers", "advanced"),
        "defaultImageRegistry",
    ]
)
TREES = st.dictionaries(
    KEYS,
    st.recursive(SCALARS, lambda below: st.lists(below, max_size=2) | st.dictionaries(KEYS, below)),
)


@given(TREES)
def test_no_values_break_it(values: dict[str, Any]) -> None:
    """Whatever values say, they are mapped or left to the chart to refuse, and mapped once."""
    once = mapped(values)
    assert mapped(once) == once
    assert mapped(values, {}) == values


# --- the charts' own values ----------------------------------------------------------------------


def own_values(chart: str) -> dict[str, Any]:
    """Return the values.yaml of a version of the official chart."""
    folder = os.environ.get("VCLUSTER_CHART_SCHEMAS")
    if not folder:
        pytest.skip("set VCLUSTER_CHART_SCHEMAS to the folder with the charts' values")
    loaded: dict[str, Any] = yaml.safe_load(
        (Path(folder) / f"vcluster-{chart}" / "values.yaml").read_text()
    )
    return loaded


@pytest.mark.parametrize("chart", [*images.CHART_TAGS])
def test_the_table_is_what_the_chart_says(chart: str) -> None:
    """Registry, repository and tag of each image are those in the chart's own values."""
    own = own_values(chart)
    known = images.CHART_TAGS[chart]
    tags = {images.ETCD: known.etcd, images.HOSTS: known.hosts, images.CONTROL_PLANE: ""}
    for image in images.CHART_IMAGES:
        found = at(own, ".".join(image.path))
        assert (found["registry"], found["repository"]) == (image.registry, image.repository)
        assert found["tag"] == tags.get(image, found["tag"])


@pytest.mark.parametrize("chart", [*images.CHART_TAGS])
def test_the_chart_has_no_image_that_is_not_mapped(chart: str) -> None:
    """With all four registries mirrored, no registry of the chart's own values is left."""
    full = merge(own_values(chart), mapped(VALUES))
    left = {path: value for path, value in leaves(full) if value in [*ALL]}
    assert left == {}
    whole = {path for path, value in leaves(full) if path.endswith("mage") and value}
    assert whole == {COREDNS}


def leaves(node: object, above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted path and value of everything that has nothing below it."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from leaves(value, f"{above}.{key}" if above else key)
    else:
        yield above, node
