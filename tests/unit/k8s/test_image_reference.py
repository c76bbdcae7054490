"""References to images: each part is found, and each image at its mirror."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from function.k8s.image_reference import Reference, mirror, parse

DIGEST = "@sha256:" + "0" * 64

MIRRORS = {
    "docker.io": "mirror.example.org/docker",
    "ghcr.io": "mirror.example.org:5000/ghcr",
    "registry.k8s.io": "k8s.example.org",
    "localhost:5000": "mirror.example.org/local",
}


@pytest.mark.parametrize(
    ("reference", "registry", "repository", "suffix"),
    [
        ("alpine", "docker.io", "library/alpine", ""),
        ("alpine:3.20", "docker.io", "library/alpine", ":3.20"),
        ("coredns/coredns:1.14.2", "docker.io", "coredns/coredns", ":1.14.2"),
        ("docker.io/alpine:3.20", "docker.io", "library/alpine", ":3.20"),
        ("docker.io/library/alpine", "docker.io", "library/alpine", ""),
        ("index.docker.io/alpine", "docker.io", "library/alpine", ""),
        ("ghcr.io/a/b/c:1", "ghcr.io", "a/b/c", ":1"),
        ("registry.k8s.io/etcd:3.6.8-0", "registry.k8s.io", "etcd", ":3.6.8-0"),
        ("localhost/a", "localhost", "a", ""),
        ("localhost:5000/a", "localhost:5000", "a", ""),
        ("mirror:5000/a:1", "mirror:5000", "a", ":1"),
        ("[fd00::1]:5000/a:1", "[fd00::1]:5000", "a", ":1"),
        ("Mirror/a", "Mirror", "a", ""),
        (f"ghcr.io/a{DIGEST}", "ghcr.io", "a", DIGEST),
        (f"ghcr.io/a:1{DIGEST}", "ghcr.io", "a", f":1{DIGEST}"),
        (f"alpine{DIGEST}", "docker.io", "library/alpine", DIGEST),
    ],
)
def test_parts(reference: str, registry: str, repository: str, suffix: str) -> None:
    """Everything that a reference leaves implicit is said."""
    assert parse(reference) == Reference(registry, repository, suffix)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("alpine:3.20", "mirror.example.org/docker/library/alpine:3.20"),
        ("coredns/coredns:1.14.2", "mirror.example.org/docker/coredns/coredns:1.14.2"),
        ("ghcr.io/loft-sh/kubernetes:v1", "mirror.example.org:5000/ghcr/loft-sh/kubernetes:v1"),
        (f"registry.k8s.io/etcd:3{DIGEST}", f"k8s.example.org/etcd:3{DIGEST}"),
        ("localhost:5000/a", "mirror.example.org/local/a"),
        ("localhost/a:1", "localhost/a:1"),
        ("quay.io/a/b:1", "quay.io/a/b:1"),
        ("ghcr.io.example.org/a:1", "ghcr.io.example.org/a:1"),
        ("quay.io/ghcr.io/a", "quay.io/ghcr.io/a"),
    ],
)
def test_mirror(reference: str, expected: str) -> None:
    """An image of a registry with a mirror comes from there, every other is named as before."""
    assert mirror(reference, MIRRORS) == expected


def test_no_mirrors() -> None:
    """Without mirrors a reference stays as somebody wrote it."""
    assert mirror("alpine", {}) == "alpine"


WORDS = st.from_regex(r"[a-z0-9]{1,5}([._-][a-z0-9]{1,5})?", fullmatch=True)
REPOSITORIES = st.lists(WORDS, min_size=1, max_size=3).map("/".join)
HOSTS = st.from_regex(r"[a-z]{1,5}\.(io|org)(:[0-9]{2,5})?", fullmatch=True)
TAGS = st.just("") | st.from_regex(r":[A-Za-z0-9_][A-Za-z0-9._-]{0,9}", fullmatch=True)
DIGESTS = st.just("") | st.from_regex(r"@sha256:[0-9a-f]{64}", fullmatch=True)
REGISTRIES = st.sampled_from(["", "localhost/", *(f"{registry}/" for registry in MIRRORS)]) | (
    HOSTS.map("{}/".format)
)
REFERENCES = st.tuples(REGISTRIES, REPOSITORIES, TAGS, DIGESTS).map("".join)
PLACES = st.tuples(HOSTS, st.just("") | REPOSITORIES.map("/{}".format)).map("".join)
MAPS = st.dictionaries(st.sampled_from([*MIRRORS]) | HOSTS, PLACES, max_size=4)


@given(REFERENCES)
def test_what_is_written_out_means_the_same(reference: str) -> None:
    """Writing out what is implicit loses nothing, and twice is once."""
    found = parse(reference)
    assert parse(str(found)) == found


@given(REFERENCES, MAPS)
def test_a_mirror_loses_nothing(reference: str, registries: dict[str, str]) -> None:
    """Repository, tag and digest are those of the source, wherever the image comes from."""
    source = parse(reference)
    moved = mirror(reference, registries)
    place = registries.get(source.registry)
    expected = f"{place}/{source.repository}{source.suffix}" if place else reference
    assert moved == expected
    assert parse(moved).suffix == source.suffix
    assert f"/{parse(moved).repository}".endswith(f"/{source.repository}")


@given(REFERENCES, MAPS)
def test_mirroring_twice_is_mirroring_once(reference: str, registries: dict[str, str]) -> None:
    """Unless a mirror has a mirror itself."""
    final = {
        source: place
        for source, place in registries.items()
        if parse(f"{place}/x").registry not in registries
    }
    once = mirror(reference, final)
    assert mirror(once, final) == once
