"""Names: a golden table, because changing one orphans what bears the old one."""

import re
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.api import names
from function.api.errors import InvalidError

VALID = st.from_regex(re.compile(r"[a-z]([-a-z0-9]{0,36}[a-z0-9])?"), fullmatch=True)

NAMESPACE = st.from_regex(re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"), fullmatch=True)
NAMESPACED = st.from_regex(re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?"), fullmatch=True)
ALIKE = st.from_regex(re.compile("a(-a|a){0,31}"), fullmatch=True)
"""Few letters and many hyphens: names that look like each other wherever they are cut."""

PAIRS = st.tuples(NAMESPACE | ALIKE, NAMESPACED | ALIKE)
"""Namespace and name of a VCluster of scope Namespaced."""

LONGEST = "a123456789b123456789c123456789d1234567"


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        pytest.param("xr", "kunde1", id="xr"),
        pytest.param("tenant_namespace", "", id="tenant_namespace"),
        pytest.param("platform_namespace", "vcluster-system", id="platform_namespace"),
        pytest.param("home", "vcluster-system", id="home"),
        pytest.param("namespace", "kunde1", id="namespace"),
        pytest.param("release", "kunde1-vcluster", id="release"),
        pytest.param("adopted", False, id="adopted"),
        pytest.param("vcluster_release", "kunde1-vcluster", id="vcluster_release"),
        pytest.param("namespace_release", "kunde1-namespace", id="namespace_release"),
        pytest.param("rancher_release", "kunde1-rancher", id="rancher_release"),
        pytest.param("state_config_map", "kunde1-rancher", id="state_config_map"),
        pytest.param("backup_release", "kunde1-backup", id="backup_release"),
        pytest.param("backup_config_map", "kunde1-backup", id="backup_config_map"),
        pytest.param("kubeconfig_secret", "vc-kunde1-vcluster", id="kubeconfig_secret"),
        pytest.param("external_secret", "vc-kunde1-vcluster-external", id="external_secret"),
        pytest.param("service", "kunde1-vcluster.kunde1.svc", id="service"),
        pytest.param("endpoint", "https://kunde1-vcluster.kunde1.svc:443", id="endpoint"),
        pytest.param("etcd", "kunde1-vcluster-etcd", id="etcd"),
        pytest.param("vcluster_usage", "kunde1-vcluster-by-rancher", id="vcluster_usage"),
        pytest.param("backup_usage", "kunde1-vcluster-by-backup", id="backup_usage"),
        pytest.param("namespace_usage", "kunde1-namespace-by-vcluster", id="namespace_usage"),
        pytest.param("protection", "kunde1-deletion-protection", id="protection"),
    ],
)
def test_golden(attribute: str, expected: object) -> None:
    """Names are forever."""
    assert getattr(names.derive("kunde1", "", "vcluster-system"), attribute) == expected


@pytest.mark.parametrize(
    ("attribute", "expected"),
    [
        pytest.param("xr", "shop", id="xr"),
        pytest.param("tenant_namespace", "team-a", id="tenant_namespace"),
        pytest.param("platform_namespace", "vcluster-system", id="platform_namespace"),
        pytest.param("home", "team-a", id="home"),
        pytest.param("namespace", "team-a-shop-6b3e3555a728f872", id="namespace"),
        pytest.param("release", "shop-6b3e3555a728f872", id="release"),
        pytest.param(
            "namespace_release",
            "team-a-shop-6b3e3555a728f872-namespace",
            id="namespace_release",
        ),
        pytest.param(
            "rancher_release", "team-a-shop-6b3e3555a728f872-rancher", id="rancher_release"
        ),
        pytest.param(
            "state_config_map", "team-a-shop-6b3e3555a728f872-rancher", id="state_config_map"
        ),
        pytest.param("backup_release", "team-a-shop-6b3e3555a728f872-backup", id="backup_release"),
        pytest.param(
            "backup_config_map", "team-a-shop-6b3e3555a728f872-backup", id="backup_config_map"
        ),
        pytest.param("kubeconfig_secret", "vc-shop-6b3e3555a728f872", id="kubeconfig_secret"),
        pytest.param(
            "service", "shop-6b3e3555a728f872.team-a-shop-6b3e3555a728f872.svc", id="service"
        ),
        pytest.param(
            "endpoint",
            "https://shop-6b3e3555a728f872.team-a-shop-6b3e3555a728f872.svc:443",
            id="endpoint",
        ),
        pytest.param("etcd", "shop-6b3e3555a728f872-etcd", id="etcd"),
        pytest.param("vcluster_usage", "shop-6b3e3555a728f872-by-rancher", id="vcluster_usage"),
        pytest.param("backup_usage", "shop-6b3e3555a728f872-by-backup", id="backup_usage"),
        pytest.param(
            "namespace_usage",
            "team-a-shop-6b3e3555a728f872-namespace-by-vcluster",
            id="namespace_usage",
        ),
        pytest.param("protection", "shop-deletion-protection", id="protection"),
    ],
)
def test_golden_namespaced(attribute: str, expected: str) -> None:
    """Those of customers side by side are forever too."""
    assert getattr(names.derive("shop", "team-a", "vcluster-system"), attribute) == expected


@pytest.mark.parametrize(
    ("namespace", "name", "expected"),
    [
        pytest.param(
            "a-b", "c", ("a-b-c-4e84717d75bd540d", "c-4e84717d75bd540d"), id="hyphen-on-the-left"
        ),
        pytest.param(
            "a", "b-c", ("a-b-c-b88f83c840abe581", "b-c-b88f83c840abe581"), id="on-the-right"
        ),
        pytest.param(
            "1",
            "a",
            ("1-a-bf1d987701909d7b", "a-bf1d987701909d7b"),
            id="a-namespace-may-begin-with-a-digit",
        ),
        pytest.param(
            "customer-berlin",
            "shop-of-the-berlin-office",
            ("customer-ber-shop-of-the-627cb180d844e527", "shop-of-the-berlin-o-627cb180d844e527"),
            id="cut",
        ),
        pytest.param(
            "customer-be-rlin",
            "shop-of-the-berlin--office",
            ("customer-be-shop-of-the-b7125d26aa1f0614", "shop-of-the-berlin-b7125d26aa1f0614"),
            id="cut-at-a-hyphen",
        ),
    ],
)
def test_golden_cuts(namespace: str, name: str, expected: tuple[str, str]) -> None:
    """Where they are cut is forever, and no two hyphens come of it."""
    found = names.derive(name, namespace, "vcluster-system")
    assert (found.namespace, found.release) == expected


def test_golden_is_complete() -> None:
    """A new name has to enter the table above."""
    found = names.derive("kunde1", "", "vcluster-system")
    derived = {name for name, value in vars(type(found)).items() if isinstance(value, property)}
    assert {field.name for field in fields(found)} | derived == {
        "xr",
        "tenant_namespace",
        "platform_namespace",
        "home",
        "namespace",
        "release",
        "adopted",
        "vcluster_release",
        "namespace_release",
        "rancher_release",
        "state_config_map",
        "backup_release",
        "backup_config_map",
        "backup_usage",
        "access_release",
        "access_config_map",
        "login_secret",
        "kubeconfig_secret",
        "external_secret",
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
        names.refuse(names.derive(name, "", "platform"), ["monitoring"])
    assert str(error.value) == message
    assert error.value.reason == "InvalidSpec"


NAMESPACE_TAKEN = (
    "metadata.namespace: is reserved by the platform. Create the VCluster in a namespace of a "
    "tenant."
)


@pytest.mark.parametrize(
    ("namespace", "name", "message"),
    [
        pytest.param("team-a", "1shop", CHARACTERS, id="begins-with-a-digit"),
        pytest.param("team-a", "shop.1", CHARACTERS, id="dot"),
        pytest.param("team-a", "a" * 64, LENGTH.replace("38", "63"), id="64-characters"),
        pytest.param("platform", "shop", NAMESPACE_TAKEN, id="platform-namespace"),
        pytest.param("kube-system", "shop", NAMESPACE_TAKEN, id="kubernetes"),
        pytest.param("cattle-a", "shop", NAMESPACE_TAKEN, id="rancher"),
    ],
)
def test_refuse_namespaced(namespace: str, name: str, message: str) -> None:
    """A VCluster among the platform's own things is refused, or one whose name fits no label."""
    with pytest.raises(InvalidError) as error:
        names.refuse(names.derive(name, namespace, "platform"), ["monitoring"])
    assert str(error.value) == message


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
    names.refuse(names.derive(name, "", "platform"), ["monitoring"])


@pytest.mark.parametrize("name", ["default", "kube-x", "platform", "monitoring", "a" * 63])
def test_accept_namespaced(name: str) -> None:
    """In a customer's namespace every name is free: none on the host is the same."""
    names.refuse(names.derive(name, "monitoring", "platform"), ["monitoring"])


@settings(deadline=None)
@given(VALID)
def test_names_fit(name: str) -> None:
    """Nothing is too long for Kubernetes or Helm, whatever the VCluster is called."""
    _fit(names.derive(name, "", "vcluster-system"))


@settings(deadline=None)
@given(PAIRS)
def test_namespaced_names_fit(pair: tuple[str, str]) -> None:
    """Neither is anything of the longest name in the longest namespace."""
    customer, name = pair
    found = names.derive(name, customer, "vcluster-system")
    _fit(found)
    assert len(found.state_config_map) <= 52
    assert names.DERIVED.fullmatch(found.namespace)
    assert re.fullmatch("[a-z0-9]([-a-z0-9]*[a-z0-9])?", found.namespace)


def _fit(found: names.Names) -> None:
    assert len(found.etcd) <= 52
    for release in (found.release, found.namespace_release, found.rancher_release):
        assert len(release) <= 53
    for service in (found.release, f"{found.release}-headless", f"{found.etcd}-headless"):
        assert len(service) <= 63
        assert re.fullmatch("[a-z]([-a-z0-9]*[a-z0-9])?", service)
    assert len(found.namespace) <= 63
    for long in (found.external_secret, found.vcluster_usage, found.namespace_usage):
        assert len(long) <= 253


def test_the_longest_name_uses_all_room() -> None:
    """The limit is not lower than it must be."""
    assert len(names.derive(LONGEST, "", "vcluster-system").etcd) == 52


@settings(deadline=None)
@given(VALID, VALID)
def test_distinct_vclusters_share_nothing(one: str, other: str) -> None:
    """Two VClusters get in each other's way nowhere."""
    mine, theirs = (_in_the_platform(names.derive(n, "", "vcluster-system")) for n in (one, other))
    assert (one == other) == bool(mine & theirs)


@settings(deadline=None)
@given(VALID, VALID)
def test_cut_cluster_roles_stay_distinct(one: str, other: str) -> None:
    """The chart cuts the name of its ClusterRole at 63; two clusters still have one each."""
    mine, theirs = (_cluster_role(names.derive(n, "", "vcluster-system")) for n in (one, other))
    assert (one == other) == (mine == theirs)


@settings(deadline=None)
@given(PAIRS, PAIRS)
def test_distinct_customers_share_nothing(one: tuple[str, str], other: tuple[str, str]) -> None:
    """Nor do those of two customers, however alike their names are: on the host, or at home."""
    mine, theirs = (_of_a_customer(*pair) for pair in (one, other))
    assert (one == other) == bool(mine & theirs)


@settings(deadline=None)
@given(PAIRS, VALID)
def test_both_scopes_share_a_host(pair: tuple[str, str], name: str) -> None:
    """A control plane of the other scope on the same host gets in nobody's way."""
    mine = _of_a_customer(*pair)
    assert not mine & _in_the_platform(names.derive(name, "", "vcluster-system"))


def _cluster_role(found: names.Names) -> str:
    """Return the name that the vcluster chart gives to its ClusterRole."""
    return f"vc-{found.release}-v-{found.namespace}"[:63]


def _of_a_customer(customer: str, name: str) -> set[tuple[str, ...]]:
    """Return what lies on the host beside that of all others, and in the customer's namespace."""
    found = names.derive(name, customer, "vcluster-system")
    on_host = {
        ("Namespace", found.namespace),
        ("ClusterRole", _cluster_role(found)),
        ("ConfigMap", found.state_config_map),
        ("Helm release", found.namespace_release),
        ("Helm release", found.rancher_release),
    }
    at_home = {(*each, customer) for each in _in_the_platform(found) if each[0] != "Namespace"}
    return on_host | at_home


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
