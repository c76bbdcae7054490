"""From a spec and the Input to decisions: defaults filled in, names looked up."""

from typing import Any

import pytest

from function.api.errors import InvalidError
from function.api.fields import Owner, Quota
from function.api.input import NodePool
from function.api.names import Names
from function.api.xr import Reader
from function.decision import resolve as resolving
from function.decision.placement import Host
from function.decision.resolve import RancherImport
from function.observed.current import Current, Storage
from function.observed.state import Observed
from tests.support.factories import RANCHER, config, deployed, vcluster, wanted

PLATFORM: dict[str, Any] = {
    "plans": {
        "small": {
            "storage": {"size": "5Gi", "storageClassName": "standard"},
            "quota": {"cpu": "10", "memory": "20Gi", "pods": 50},
        },
        "large": {"storage": {"size": "20Gi"}, "quota": {"cpu": "40"}},
    },
    "nodePools": {"tenants": {"pool": "tenants"}},
    "hosts": {"local": {"providerConfig": "default", "cidrs": ["10.0.0.0/8"]}},
    "rancher": {**RANCHER, "projects": {"kunde1": "local:p-1"}, "owners": [{"user": "u-admin"}]},
}
IMPORTED = Observed(rancher=deployed(name="kunde1-rancher"))
NOW = Current("Single", Storage("5Gi", None), "0.36.1", "1.34.3", "default", None)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        pytest.param(
            "names", Names("kunde1", "", "vcluster-system", "kunde1", "kunde1-vcluster"), id="names"
        ),
        pytest.param("uid", "uid-of-kunde1", id="uid"),
        pytest.param("retries", 2, id="retries"),
        pytest.param("availability", "Single", id="availability"),
        pytest.param("highly_available", False, id="highly_available"),
        pytest.param("storage", Storage("5Gi", "standard"), id="storage-of-the-plan"),
        pytest.param("chart", "0.36.1", id="the-last-chart"),
        pytest.param("kubernetes", "1.35.0", id="the-default-version"),
        pytest.param("quota", Quota(cpu="10", memory="20Gi", pods=50), id="quota-of-the-plan"),
        pytest.param("pod_security", "baseline", id="the-first-level-allowed"),
        pytest.param("network_policy", True, id="network_policy"),
        pytest.param("egress", (), id="egress"),
        pytest.param(
            "sync",
            {
                "ingresses": False,
                "networkPolicies": False,
                "podDisruptionBudgets": False,
                "serviceAccounts": False,
                "storageClasses": True,
                "ingressClasses": False,
            },
            id="sync",
        ),
        pytest.param("pool", NodePool(), id="pool"),
        pytest.param("host", Host("local", "default", ("10.0.0.0/8",)), id="the-only-host"),
        pytest.param("readers", (), id="readers"),
        pytest.param(
            "rancher",
            RancherImport(
                "kunde1",
                "",
                (Owner(user="u-admin"),),
                {"caas.telekom.de/tenant": "kunde1", "caas.telekom.de/plan": "small"},
            ),
            id="rancher-with-the-platforms-owners",
        ),
        pytest.param("leaves_rancher", False, id="leaves_rancher"),
        pytest.param("deletion_protection", False, id="deletion_protection"),
        pytest.param("values", {}, id="values"),
    ],
)
def test_defaults(field: str, expected: object) -> None:
    """An empty spec gets everything from the platform."""
    found = wanted(vcluster(retries=2), config(PLATFORM))
    assert getattr(found, field) == expected


@pytest.mark.parametrize(
    ("spec", "field", "expected"),
    [
        pytest.param({"plan": "large"}, "storage", Storage("20Gi", None), id="another-plan"),
        pytest.param({"plan": "large"}, "quota", Quota(cpu="40"), id="its-quota"),
        pytest.param({"kubernetesVersion": "1.34"}, "kubernetes", "1.34.3", id="minor"),
        pytest.param({"kubernetesVersion": "1.36.0"}, "kubernetes", "1.36.0", id="full-version"),
        pytest.param({"availability": "HA"}, "availability", "HA", id="availability"),
        pytest.param({"availability": "HA"}, "highly_available", True, id="highly_available"),
        pytest.param(
            {"storage": {"size": "7Gi"}}, "storage", Storage("7Gi", "standard"), id="size"
        ),
        pytest.param(
            {"storage": {"storageClassName": "fast"}},
            "storage",
            Storage("5Gi", "fast"),
            id="storage-class",
        ),
        pytest.param(
            {"quota": {"cpu": "5", "services": 3}},
            "quota",
            Quota(cpu="5", memory="20Gi", pods=50, services=3),
            id="quota-over-the-plans",
        ),
        pytest.param(
            {"quota": {"pods": 0}}, "quota", Quota(cpu="10", memory="20Gi", pods=0), id="no-pods"
        ),
        pytest.param(
            {"isolation": {"podSecurity": "restricted"}}, "pod_security", "restricted", id="level"
        ),
        pytest.param(
            {"isolation": {"networkPolicy": False}}, "network_policy", False, id="network_policy"
        ),
        pytest.param(
            {"isolation": {"egress": ["192.0.2.0/24"]}}, "egress", ("192.0.2.0/24",), id="egress"
        ),
        pytest.param(
            {"nodePool": "tenants"}, "pool", NodePool(labels={"pool": "tenants"}), id="node-pool"
        ),
        pytest.param(
            {"host": "local"}, "host", Host("local", "default", ("10.0.0.0/8",)), id="host"
        ),
        pytest.param(
            {"kubeconfigReaders": [{"kind": "Group", "name": "g"}]},
            "readers",
            (Reader(kind="Group", name="g"),),
            id="readers",
        ),
        pytest.param(
            {
                "rancher": {
                    "clusterName": "shop",
                    "project": "kunde1",
                    "owners": [{"group": "github_team://1", "role": "cluster-member"}],
                }
            },
            "rancher",
            RancherImport(
                "shop",
                "local:p-1",
                (Owner(user="u-admin"), Owner(group="github_team://1", role="cluster-member")),
                {"caas.telekom.de/tenant": "kunde1", "caas.telekom.de/plan": "small"},
            ),
            id="rancher",
        ),
        pytest.param({"rancher": {"enabled": False}}, "rancher", None, id="out-of-rancher"),
        pytest.param({"rancher": {"enabled": False}}, "leaves_rancher", True, id="leaves_rancher"),
        pytest.param({"deletionProtection": True}, "deletion_protection", True, id="protection"),
        pytest.param({"values": {"a": {"b": 1}}}, "values", {"a": {"b": 1}}, id="values"),
    ],
)
def test_spec(spec: dict[str, Any], field: str, expected: object) -> None:
    """What a customer says counts, each field by itself."""
    found = wanted(vcluster(**spec), config(PLATFORM))
    assert getattr(found, field) == expected


@pytest.mark.parametrize(
    ("allowed", "asked", "expected"),
    [
        pytest.param(["storageClasses"], None, True, id="on-where-allowed"),
        pytest.param(["ingresses"], None, False, id="off-where-not"),
        pytest.param(["storageClasses"], False, False, id="switched-off"),
        pytest.param(["ingresses"], True, True, id="asked-where-not-allowed"),
    ],
)
def test_storage_classes(allowed: list[str], *, asked: bool | None, expected: bool) -> None:
    """StorageClasses are synced by default where the platform allows it."""
    found = wanted(vcluster(sync={"storageClasses": asked}), config({"tenant.sync": allowed}))
    assert found.sync["storageClasses"] is expected


@pytest.mark.parametrize(
    "kind",
    [
        "ingresses",
        "networkPolicies",
        "podDisruptionBudgets",
        "serviceAccounts",
        "storageClasses",
        "ingressClasses",
    ],
)
def test_sync(kind: str) -> None:
    """Each kind is switched by its own field."""
    found = wanted(vcluster(sync={"storageClasses": False, kind: True}))
    assert [name for name, on in found.sync.items() if on] == [kind]


@pytest.mark.parametrize(
    ("asked", "running", "expected"),
    [
        pytest.param(None, "1.34.3", "1.34.3", id="a-changed-default-moves-nobody"),
        pytest.param("1.34", "1.34.0", "1.34.0", id="a-minor-sticks-to-its-patch"),
        pytest.param("1.34.0", "1.34.0", "1.34.0", id="a-version-that-left-the-list-stays"),
        pytest.param("1.34.3", "1.34.0", "1.34.3", id="another-patch"),
        pytest.param("1.35", "1.34.3", "1.35.0", id="another-minor"),
        pytest.param(None, "", "1.35.0", id="unknown-takes-the-default"),
        pytest.param("1.34", "", "1.34.3", id="unknown-takes-the-newest-patch"),
    ],
)
def test_kubernetes_sticks(asked: str | None, running: str, expected: str) -> None:
    """A minor or a default is resolved once, at creation."""
    now = Current("Single", Storage(None, None), "0.36.1", running, "default", None)
    assert wanted(vcluster(kubernetesVersion=asked), now=now).kubernetes == expected


def test_the_first_allowed_level_is_the_default() -> None:
    """The platform's order of pod security levels decides."""
    platform = config({"tenant.podSecurity": ["restricted", "baseline"]})
    assert wanted(vcluster(), platform).pod_security == "restricted"


@pytest.mark.parametrize(
    ("default", "asked", "imported", "expected"),
    [
        pytest.param(True, None, False, True, id="default-on"),
        pytest.param(False, None, False, False, id="default-off"),
        pytest.param(False, True, False, True, id="asked"),
        pytest.param(True, False, False, False, id="declined"),
        pytest.param(False, None, True, True, id="a-changed-default-deregisters-nobody"),
        pytest.param(True, False, True, False, id="only-the-spec-takes-it-out"),
    ],
)
def test_rancher_enabled(
    *, default: bool, asked: bool | None, imported: bool, expected: bool
) -> None:
    """The spec decides on the import, else the platform, and an import stays."""
    platform = config({"rancher": {**RANCHER, "enabled": default}})
    requested = vcluster(rancher={"enabled": asked})
    found = resolving.resolve_spec(requested, platform, NOW, IMPORTED if imported else Observed())
    assert (found.rancher is not None) is expected
    assert found.leaves_rancher is (asked is False)


def test_no_rancher_anywhere() -> None:
    """A platform without Rancher imports nothing and asks for nothing."""
    assert wanted().rancher is None
    assert wanted(vcluster(rancher={"enabled": False})).rancher is None


TWO_HOSTS = {"hosts": {"b": {"providerConfig": "edge"}, "a": {}}}
NO_RANCHER = "spec.rancher: needs a Rancher, and this platform has none. Leave it out."


@pytest.mark.parametrize(
    ("spec", "platform", "message"),
    [
        pytest.param(
            {"plan": "huge"},
            PLATFORM,
            "spec.plan: is not a plan of the platform. Known: large, small.",
            id="plan",
        ),
        pytest.param(
            {"kubernetesVersion": "1.33"},
            PLATFORM,
            "spec.kubernetesVersion: is not offered by the platform. "
            "Choose one of: 1.34.3, 1.35.0, 1.36.0.",
            id="minor",
        ),
        pytest.param(
            {"kubernetesVersion": "1.35.9"},
            PLATFORM,
            "spec.kubernetesVersion: is not offered by the platform. "
            "Choose one of: 1.34.3, 1.35.0, 1.36.0.",
            id="patch",
        ),
        pytest.param(
            {"nodePool": "gpu"},
            PLATFORM,
            "spec.nodePool: is not a node pool of the platform. Known: tenants.",
            id="node-pool",
        ),
        pytest.param(
            {"nodePool": "gpu"},
            {},
            "spec.nodePool: is not a node pool of the platform. Known: none.",
            id="node-pool-where-there-are-none",
        ),
        pytest.param(
            {"host": "mars"},
            PLATFORM,
            "spec.host: is not a host of the platform. Known: local.",
            id="host",
        ),
        pytest.param(
            {},
            TWO_HOSTS,
            "spec.host: is required where the platform has several hosts. Choose one of: a, b.",
            id="which-host",
        ),
        pytest.param(
            {"rancher": {"project": "kunde2"}},
            PLATFORM,
            "spec.rancher.project: is not a Rancher project of the platform. Known: kunde1.",
            id="project",
        ),
        pytest.param({"rancher": {"enabled": True}}, {}, NO_RANCHER, id="enabled-without-rancher"),
        pytest.param({"rancher": {"project": "a"}}, {}, NO_RANCHER, id="project-without-rancher"),
        pytest.param(
            {"rancher": {"owners": [{"user": "u-1"}]}}, {}, NO_RANCHER, id="owners-without-rancher"
        ),
        pytest.param({"rancher": {"clusterName": "ab"}}, {}, NO_RANCHER, id="name-without-rancher"),
    ],
)
def test_refused(spec: dict[str, Any], platform: dict[str, Any], message: str) -> None:
    """What the platform does not have is refused with what it has."""
    with pytest.raises(InvalidError) as error:
        wanted(vcluster(**spec), config(platform))
    assert str(error.value) == message
    assert error.value.reason == "InvalidSpec"


def test_one_error_names_all_that_is_unknown() -> None:
    """Who names an unknown target and an unknown issuer reads of both at once."""
    s3 = {
        "bucket": "backups",
        "endpoint": "https://s3.example.org",
        "secretRef": {"name": "s3"},
    }
    platform = config(
        {"backup": {"defaultTarget": "nightly", "targets": {"nightly": {"s3": s3}}}, "access": {}}
    )
    with pytest.raises(InvalidError) as error:
        wanted(vcluster(backup={"target": "x"}, access={"oidc": [{"issuer": "y"}]}), platform)
    assert str(error.value) == (
        "spec.backup.target: is not a target of the platform. Known: nightly. | "
        "spec.access.oidc[0].issuer: is not an issuer of the platform. Known: none."
    )


def test_one_of_several_hosts() -> None:
    """A spec names its host where there are several."""
    assert wanted(vcluster(host="b"), config(TWO_HOSTS)).host == Host("b", "edge", ())


def test_the_host_that_runs_is_the_default() -> None:
    """A second host makes no spec invalid that was written when there was one."""
    now = Current("Single", Storage(None, None), "0.36.1", "1.35.0", "edge", None)
    assert wanted(vcluster(), config(TWO_HOSTS), now).host == Host("b", "edge", ())
    elsewhere = Current("Single", Storage(None, None), "0.36.1", "1.35.0", "gone", None)
    with pytest.raises(InvalidError, match=r"^input\.hosts: has none with ClusterProvider"):
        wanted(vcluster(), config(TWO_HOSTS), elsewhere)


@pytest.mark.parametrize("name", ["kube-system", "monitoring", "vcluster-system"])
def test_reserved_names(name: str) -> None:
    """A name that would take somebody else's namespace is refused."""
    with pytest.raises(InvalidError, match=r"^metadata\.name: is reserved by the platform"):
        wanted(vcluster(name), config({"hostNamespace.reserved": ["monitoring"]}))


def test_a_name_that_was_reserved_later_stays() -> None:
    """An existing VCluster does not become invalid because its name is reserved now."""
    platform = config({"hostNamespace.reserved": ["monitoring"]})
    assert wanted(vcluster("monitoring"), platform, NOW).names.namespace == "monitoring"


def test_an_input_that_lost_rancher_is_the_platforms_mistake() -> None:
    """An import is not given up because a block of the Input is gone."""
    with pytest.raises(InvalidError) as error:
        resolving.resolve_spec(vcluster(), config(), NOW, IMPORTED)
    assert str(error.value) == (
        "input.rancher: is missing while this VCluster is imported into Rancher. Put it back, or "
        "set spec.rancher.enabled to false to take the cluster out."
    )
    assert error.value.reason == "InvalidInput"


def test_leaving_a_rancher_that_is_gone() -> None:
    """The customer can leave a Rancher that the platform no longer has."""
    requested = vcluster(rancher={"enabled": False})
    found = resolving.resolve_spec(requested, config(), NOW, IMPORTED)
    assert found.rancher is None
    assert found.leaves_rancher


@pytest.mark.parametrize(
    ("written", "pool"),
    [
        pytest.param({}, NodePool(), id="no-labels"),
        pytest.param({"labels": "a"}, NodePool(labels={"labels": "a"}), id="a-label-called-labels"),
        pytest.param({"labels": {"a": "b"}}, NodePool(labels={"a": "b"}), id="whole"),
        pytest.param({"controlPlane": True}, NodePool(controlPlane=True), id="any-node"),
    ],
)
def test_a_node_pool_is_labels_or_more(written: dict[str, object], pool: NodePool) -> None:
    """A plain map of texts is that of the labels."""
    assert config({"nodePools": {"a": written}}).nodePools["a"] == pool
