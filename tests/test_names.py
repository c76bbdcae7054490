"""Names: a golden table, because changing one orphans what bears the old one."""

import re
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function import names
from function.errors import InvalidError

VALID = st.from_regex(re.compile(r"[a-z]([-a-z0-9]{0,36}[a-z0-9])?"), fullmatch=True)

LONGEST = "a123456789b123456789c123456789d1234567"


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        pytest.param("xr", "kunde1", id="xr"),
        pytest.param("platform", "vcluster-system", id="platform"),
        pytest.param("namespace", "kunde1", id="namespace"),
        pytest.param("release", "kunde1-vcluster", id="release"),
        pytest.param("namespace_release", "kunde1-namespace", id="namespace_release"),
        pytest.param("rancher_release", "kunde1-rancher", id="rancher_release"),
        pytest.param("state_config_map", "kunde1-rancher", id="state_config_map"),
        pytest.param("kubeconfig_secret", "vc-kunde1-vcluster", id="kubeconfig_secret"),
        pytest.param("service", "kunde1-vcluster.kunde1.svc", id="service"),
        pytest.param("endpoint", "https://kunde1-vcluster.kunde1.svc:443", id="endpoint"),
        pytest.param("etcd", "kunde1-vcluster-etcd", id="etcd"),
        pytest.param("vcluster_usage", "kunde1-vcluster-by-rancher", id="vcluster_usage"),
        pytest.param("namespace_usage", "kunde1-namespace-by-vcluster", id="namespace_usage"),
        pytest.param("protection", "kunde1-deletion-protection", id="protection"),
    ],
)
def test_golden(attribute: str, expected: str) -> None:
    """Names are forever."""
    assert getattr(names.derive("kunde1", "vcluster-system"), attribute) == expected


def test_golden_is_complete() -> None:
    """A new name has to enter the table above."""
    found = names.derive("kunde1", "vcluster-system")
    derived = {name for name, value in vars(type(found)).items() if isinstance(value, property)}
    assert {field.name for field in fields(found)} | derived == {
        "xr",
        "platform",
        "namespace",
        "release",
        "namespace_release",
        "rancher_release",
        "state_config_map",
        "kubeconfig_secret",
        "service",
        "endpoint",
        "etcd",
        "vcluster_usage",
        "namespace_usage",
        "protection",
    }


def test_connection_secret() -> None:
    """The Secret with the connection details bears the Release's name."""
    assert names.connection_secret("kunde1-vcluster") == "kunde1-vcluster-conn"


CHARACTERS = (
    "metadata.name: must be lower case letters, digits and '-', begin with a letter, not end with "
    "'-'. Create the VCluster under another name."
)
LENGTH = "metadata.name: must have at most 38 characters. Create the VCluster under another name."
TAKEN = "metadata.name: is reserved by the platform. Create the VCluster under another name."


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("Kunde1", CHARACTERS, id="upper-case"),
        pytest.param("1kunde", CHARACTERS, id="begins-with-a-digit"),
        pytest.param("-kunde", CHARACTERS, id="begins-with-a-dash"),
        pytest.param("kunde-", CHARACTERS, id="ends-with-a-dash"),
        pytest.param("kunde.1", CHARACTERS, id="dot"),
        pytest.param("kunde1\n", CHARACTERS, id="line-break"),
        pytest.param("", CHARACTERS, id="empty"),
        pytest.param(LONGEST + "8", LENGTH, id="39-characters"),
        pytest.param("default", TAKEN, id="default"),
        pytest.param("kube-system", TAKEN, id="kubernetes"),
        pytest.param("kube-anything", TAKEN, id="kube-pattern"),
        pytest.param("crossplane-system", TAKEN, id="crossplane"),
        pytest.param("local", TAKEN, id="rancher-local"),
        pytest.param("cattle-system", TAKEN, id="rancher-cattle"),
        pytest.param("fleet-default", TAKEN, id="rancher-fleet"),
        pytest.param("rancher-operator", TAKEN, id="rancher"),
        pytest.param("platform", TAKEN, id="platform-namespace"),
        pytest.param("monitoring", TAKEN, id="reserved-by-the-input"),
    ],
)
def test_refuse(name: str, message: str) -> None:
    """A name that cannot become a namespace of its own is refused with the reason."""
    with pytest.raises(InvalidError) as error:
        names.refuse(name, "platform", ["monitoring"])
    assert str(error.value) == message
    assert error.value.reason == "InvalidSpec"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("kunde1", id="usual"),
        pytest.param("a", id="one-letter"),
        pytest.param("a-1", id="dash-and-digit"),
        pytest.param(LONGEST, id="38-characters"),
        pytest.param("kube", id="only-like-a-reserved-one"),
        pytest.param("my-default", id="reserved-as-a-part"),
        pytest.param("platform2", id="reserved-as-a-prefix"),
        pytest.param("monitoring-2", id="input-reserves-no-patterns"),
    ],
)
def test_accept(name: str) -> None:
    """All other names are free."""
    names.refuse(name, "platform", ["monitoring"])


@settings(deadline=None)
@given(VALID)
def test_names_fit(name: str) -> None:
    """Nothing is too long for Kubernetes or Helm, whatever the VCluster is called."""
    found = names.derive(name, "vcluster-system")
    assert len(found.etcd) <= 52
    for release in (found.release, found.namespace_release, found.rancher_release):
        assert len(release) <= 53
    for service in (found.release, f"{found.release}-headless", f"{found.etcd}-headless"):
        assert len(service) <= 63
        assert re.fullmatch("[a-z]([-a-z0-9]*[a-z0-9])?", service)
    assert len(found.namespace) <= 63
    for long in (found.kubeconfig_secret, found.vcluster_usage, found.namespace_usage):
        assert len(long) <= 253


def test_the_longest_name_uses_all_room() -> None:
    """The limit is not lower than it must be."""
    assert len(names.derive(LONGEST, "vcluster-system").etcd) == 52


@settings(deadline=None)
@given(VALID, VALID)
def test_distinct_vclusters_share_nothing(one: str, other: str) -> None:
    """Two VClusters get in each other's way nowhere."""
    mine, theirs = (_in_the_platform(names.derive(n, "vcluster-system")) for n in (one, other))
    assert (one == other) == bool(mine & theirs)


@settings(deadline=None)
@given(VALID, VALID)
def test_cut_cluster_roles_stay_distinct(one: str, other: str) -> None:
    """The chart cuts the name of its ClusterRole at 63; two clusters still have one each."""
    found = [names.derive(name, "vcluster-system") for name in (one, other)]
    mine, theirs = (f"vc-{n.release}-v-{n.namespace}"[:63] for n in found)
    assert (one == other) == (mine == theirs)


def _in_the_platform(found: names.Names) -> set[tuple[str, str]]:
    """Return kind and name of what lies beside that of all other VClusters."""
    releases = (found.release, found.namespace_release, found.rancher_release)
    return {
        ("Namespace", found.namespace),
        ("ClusterUsage", found.protection),
        ("ConfigMap", found.state_config_map),
        ("Usage", found.vcluster_usage),
        ("Usage", found.namespace_usage),
        *(("Release", release) for release in releases),
        *(("Secret", names.connection_secret(release)) for release in releases),
    }
