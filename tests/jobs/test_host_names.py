"""Names of what the syncer copies, as the real one has made them on the node."""

import hashlib

import pytest

from jobs.host_names import copy_name


@pytest.mark.parametrize(
    ("namespace", "release", "expected"),
    [
        (
            "kube-system",
            "turnerha-vcluster",
            "kube-root-ca.crt-x-kube-system-x-turnerha-vcluster",
        ),
        (
            "kube-system",
            "a" * 30,
            f"kube-root-ca.crt-x-kube-system-x-{'a' * 30}",
        ),
        (
            "kube-system",
            "a" * 31,
            f"kube-root-ca.crt-x-kube-system-x-{'a' * 19}-95409fddd5",
        ),
    ],
)
def test_copy_name(namespace: str, release: str, expected: str) -> None:
    """A name that is too long ends with a digest of the whole."""
    assert copy_name("kube-root-ca.crt", namespace, release) == expected


def test_a_cut_after_a_dot() -> None:
    """The dot goes, because no part of a name ends with one."""
    name = f"{'n' * 51}.crt"
    digest = hashlib.sha256(f"{name}-x-shop-x-demo".encode()).hexdigest()[:10]
    assert copy_name(name, "shop", "demo") == f"{'n' * 51}-{digest}"
