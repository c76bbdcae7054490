"""Adoption: what was installed by hand stays exactly as it is, until the platform lets go."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from function.api import names
from function.api.errors import InvalidError, Problem
from function.api.input import Adopted
from function.api.names import Names
from function.compose import compose
from function.decision import adoption
from function.observed.state import Condition, Observed, ObservedRelease, ObservedUsage, Request
from function.response.response import Response
from tests.support.factories import INPUT, RANCHER, at, changed, config, deployed, rolled_out

BY_HAND: dict[str, Any] = {
    "controlPlane": {
        "statefulSet": {"persistence": {"volumeClaim": {"size": "7Gi"}}},
        "distro": {"k8s": {"version": "v1.34.3"}},
    },
    "sync": {"toHost": {"ingresses": {"enabled": True}}},
}
ENTRY: dict[str, Any] = {
    "namespace": "vcluster-shop",
    "release": "my-vcluster",
    "chart": "0.35.3",
    "values": BY_HAND,
}
HA: dict[str, Any] = {
    "controlPlane": {
        "backingStore": {
            "etcd": {
                "deploy": {"enabled": True, "statefulSet": {"highAvailability": {"replicas": 3}}}
            }
        },
        "statefulSet": {"highAvailability": {"replicas": 3}},
        "advanced": {"podDisruptionBudget": {"enabled": True}},
    }
}
NAMES = Names("kunde9", "", "vcluster-system", "vcluster-shop", "my-vcluster", adopted=True)
NAMESPACE = deployed(name="vcluster-shop-namespace", external_name="vcluster-shop-namespace")
VCLUSTER = deployed(
    name="vcluster-shop-vcluster",
    external_name="my-vcluster",
    chart_version="0.35.3",
    deployed_version="0.35.3",
    values=BY_HAND,
    connection_keys=frozenset({"chart", "initContainers", "generation", "workload", "kubeconfig"}),
    details={
        "initContainers": "[map[image:ghcr.io/loft-sh/kubernetes:v1.34.3 name:kubernetes]]",
        **rolled_out("0.35.3"),
    },
    has_kubeconfig=True,
)
UP = Observed(
    namespace=NAMESPACE,
    vcluster=VCLUSTER,
    usages={"namespace-by-vcluster": ObservedUsage(ready=True)},
)


def platform(entry: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """Return an Input in which VCluster kunde9 adopts."""
    adopted = {"kunde9": ENTRY if entry is None else entry}
    return changed(INPUT, {"adopted": adopted, **changes})


def answer(
    observed: Observed = UP,
    given: dict[str, Any] | None = None,
    name: str = "kunde9",
    namespace: str = "",
    **spec: Any,
) -> Response:
    """Return the function's answer."""
    metadata = {"name": name, "uid": "uid-9"} | ({"namespace": namespace} if namespace else {})
    composite = {"metadata": metadata, "spec": spec}
    return compose(Request(given or platform(), composite, observed))


def values(found: Response) -> Any:
    """Return the values that the Release of the vcluster chart asks for."""
    return found.resources["vcluster"].resource["spec"]["forProvider"]["values"]


def test_the_release_is_what_helm_has() -> None:
    """Name, namespace, chart and values are those of the installation, so Helm has no work."""
    found = answer(given=platform(registries={"ghcr.io": "mirror.example.org"}), plan="small")
    release = found.resources["vcluster"].resource
    assert found.fatal == ""
    assert release["metadata"]["name"] == "vcluster-shop-vcluster"
    assert release["metadata"]["annotations"]["crossplane.io/external-name"] == "my-vcluster"
    provider = release["spec"]["forProvider"]
    assert provider["namespace"] == "vcluster-shop"
    assert provider["chart"]["version"] == "0.35.3"
    assert provider["values"] == BY_HAND
    assert {each["name"] for each in release["spec"]["connectionDetails"]} == {
        "my-vcluster",
        "vc-my-vcluster",
    }
    assert found.ready
    assert found.status
    assert found.status["endpoint"] == "https://my-vcluster.vcluster-shop:443"


def test_the_customer_reads_that_it_waits() -> None:
    """Accepted stays True, and says what is had at once."""
    assert answer().conditions[0] == Condition("Accepted", "True", "Accepted", adoption.MESSAGE)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param(
            {"kubernetesVersion": "1.35"},
            f"spec.kubernetesVersion: stays 1.34.3 instead of 1.35: {adoption.WAITS}",
            id="kubernetes",
        ),
        pytest.param(
            {"storage": {"size": "9Gi"}},
            "spec.storage.size: stays 7Gi instead of 9Gi: the volume of a StatefulSet cannot be "
            "changed. Take it back, or move what is in the cluster into a new VCluster.",
            id="storage",
        ),
        pytest.param(
            {"storage": {"onDelete": "Retain"}},
            f"spec.storage.onDelete: stays Delete instead of Retain: {adoption.WAITS}",
            id="retain",
        ),
        pytest.param(
            {"power": "Sleeping"},
            f"spec.power: stays Running instead of Sleeping: {adoption.WAITS}",
            id="power",
        ),
        pytest.param(
            {"expose": {"type": "Ingress"}},
            f"spec.expose.type: stays ClusterIP instead of Ingress: {adoption.WAITS}",
            id="expose",
        ),
        pytest.param(
            {"availability": "HA"},
            "spec.availability: stays Single instead of HA: another backing store would start an "
            "empty cluster. Take it back, or move what is in the cluster into a new VCluster.",
            id="availability",
        ),
    ],
)
def test_wishes_that_wait(spec: dict[str, Any], message: str) -> None:
    """What the installed values do not give is refused by name, and changes nothing."""
    allowed: dict[str, Any] = {
        "tenant.exposeTypes": ["ClusterIP", "Ingress"],
        "expose.domain": "k8s.example.org",
        "tenant.power": "Choice",
        "tenant.storage": {"retain": "Allowed"},
    }
    given = platform(**allowed)
    found = answer(given=given, **spec)
    assert found.conditions[0] == Condition("Accepted", "False", "ChangeRefused", message)
    assert values(found) == BY_HAND
    room = found.resources["namespace"].resource["spec"]["forProvider"]["values"]
    assert "onDelete" not in room


def test_a_node_port_that_waits() -> None:
    """A frozen cluster that was exposed by a node port keeps that one, and is asked by its name."""
    ports = {"address": "192.0.2.7", "from": 30400, "to": 30499}
    secret = {"name": "vc-my-vcluster-external", "server": "https://192.0.2.7:30443"}
    installed = changed(
        BY_HAND,
        {
            "controlPlane.service": {"spec": {"type": "NodePort"}, "httpsNodePort": 30443},
            "exportKubeConfig.additionalSecrets": [secret],
        },
    )
    changes = {"hosts": {"local": {"nodePorts": ports}}, "tenant.exposeTypes": ["NodePort"]}
    given = platform({**ENTRY, "values": installed}, **changes)
    same = answer(given=given, expose={"type": "NodePort", "port": 30443})
    assert same.conditions[0].status == "True"
    other = answer(given=given, expose={"type": "NodePort", "port": 30444})
    assert other.conditions[0].message == (
        f"spec.expose.port: stays 30443 instead of 30444: {adoption.WAITS}"
    )
    assert values(same) == values(other) == installed


def test_retain_where_the_service_is_kept() -> None:
    """Data can be retained at once where the installation itself keeps the Service."""
    service = {"annotations": {"helm.sh/resource-policy": "keep"}}
    kept = changed(BY_HAND, {"controlPlane.service": service})
    given = platform({**ENTRY, "values": kept}, **{"tenant.storage": {"retain": "Allowed"}})
    found = answer(given=given, storage={"onDelete": "Retain"})
    assert found.conditions[0].status == "True"
    room = found.resources["namespace"].resource["spec"]["forProvider"]["values"]
    assert room["onDelete"] == "Retain"


def test_the_quota_counts_what_the_chart_gives() -> None:
    """Installed values that name no resources count with the chart's own."""
    given = platform(**{"plans.small.quota": {"memory": "10Gi", "storage": "10Gi", "cpu": "1"}})
    room = answer(given=given).resources["namespace"].resource["spec"]["forProvider"]["values"]
    assert room["quota"] == {
        "requests.cpu": "1240m",
        "limits.cpu": "4",
        "requests.memory": "10624Mi",
        "limits.memory": "14676Mi",
        "requests.storage": "17Gi",
    }


def test_a_quota_changes_no_other_release() -> None:
    """What is not the control plane's changes at once."""
    before, after = answer(), answer(quota={"pods": 3})
    assert before.resources["vcluster"] == after.resources["vcluster"]
    assert before.resources["namespace"] != after.resources["namespace"]


def test_thawed() -> None:
    """Without values it is a VCluster like any other, at the version and with the volume it has."""
    entry = {k: v for k, v in ENTRY.items() if k != "values"}
    found = answer(given=platform(entry))
    asked = values(found)
    assert found.conditions[0] == Condition("Accepted", "True", "Accepted")
    assert at(asked, "controlPlane.distro.k8s.image.tag") == "v1.34.3"
    assert at(asked, "controlPlane.statefulSet.persistence.volumeClaim.size") == "7Gi"
    assert at(asked, "exportKubeConfig.server") == "https://my-vcluster.vcluster-shop:443"
    assert at(asked, "sync.toHost.ingresses.enabled") is False
    chart = found.resources["vcluster"].resource["spec"]["forProvider"]["chart"]
    assert chart["version"] == "0.36.1"


def test_thawed_with_the_charts_own_kubernetes() -> None:
    """The version that came with the chart is kept, though no value names it."""
    unnamed = replace(VCLUSTER, values={"telemetry": {"enabled": False}})
    entry = {k: v for k, v in ENTRY.items() if k != "values"}
    found = answer(replace(UP, vcluster=unnamed), platform(entry))
    assert at(values(found), "controlPlane.distro.k8s.image.tag") == "v1.34.3"


@pytest.mark.parametrize(
    "vcluster",
    [
        pytest.param(None, id="before-it-was-adopted"),
        pytest.param(replace(VCLUSTER, values={}, details={}), id="before-it-was-observed"),
    ],
)
def test_not_thawed_too_early(vcluster: ObservedRelease | None) -> None:
    """Nothing is touched while nobody knows which Kubernetes runs: it could go backwards."""
    entry = {k: v for k, v in ENTRY.items() if k != "values"}
    found = answer(Observed(namespace=NAMESPACE, vcluster=vcluster), platform(entry))
    assert found.fatal.startswith("input.adopted.kunde9.values: is required until the VCluster has")
    assert found.resources == {}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        pytest.param(dict(INPUT), "adopted", id="entry-lost"),
        pytest.param(platform({**ENTRY, "namespace": "other"}), "adopted", id="namespace"),
        pytest.param(platform({**ENTRY, "release": "other"}), "adopted", id="release"),
        pytest.param(platform(platformNamespace="other"), "platformNamespace", id="platform"),
    ],
)
def test_names_are_forever(given: dict[str, Any], field: str) -> None:
    """An entry that is lost or points elsewhere deletes nothing: the answer is fatal."""
    found = answer(given=given)
    assert found.fatal.startswith(f"input.{field}: does not fit the existing Release ")
    assert found.resources == {}


def test_no_entry_for_what_exists() -> None:
    """A VCluster that runs cannot be turned into another one by an entry."""
    seen = deployed(name="kunde9-vcluster", external_name="kunde9-vcluster")
    room = deployed(name="kunde9-namespace", external_name="kunde9-namespace")
    found = answer(Observed(namespace=room, vcluster=seen))
    assert found.fatal.startswith("input.adopted: does not fit the existing Release ")


def test_nobody_takes_an_adopted_namespace() -> None:
    """A VCluster whose name is an adopted namespace is refused: it would get at the cluster."""
    found = answer(Observed(), name="vcluster-shop")
    assert found.fatal == (
        "metadata.name: is reserved by the platform. Create the VCluster under another name."
    )


def test_only_the_named_customer_adopts() -> None:
    """In scope Namespaced the entry is for one namespace; the same name elsewhere gets nothing."""
    given = changed(INPUT, {"adopted": {"team-a/kunde9": ENTRY}})
    mine = answer(Observed(), given, namespace="team-a")
    other = answer(Observed(), given, namespace="team-b")
    assert mine.status
    assert mine.status["namespace"] == "vcluster-shop"
    assert other.status
    assert other.status["namespace"].startswith("team-b-kunde9-")


def test_the_import_is_told_the_server() -> None:
    """The kubeconfig of an installation by hand says localhost, so the import gets an address."""
    given = platform(rancher=RANCHER)
    found = answer(given=given, rancher={"clusterName": "shop"})
    told = found.resources["rancher"].resource["spec"]["forProvider"]["values"]["vcluster"]
    assert told == {
        "namespace": "vcluster-shop",
        "release": "my-vcluster",
        "kubeconfigSecret": {"name": "vc-my-vcluster", "key": "config"},
        "server": "https://my-vcluster.vcluster-shop:443",
    }


ETCD = "controlPlane.backingStore.etcd"


@pytest.mark.parametrize(
    ("installed", "paths"),
    [
        pytest.param(BY_HAND, [], id="single"),
        pytest.param({}, [], id="nothing-given"),
        pytest.param(HA, [], id="ha"),
        pytest.param(
            changed({}, {f"{ETCD}.embedded.enabled": True}),
            [f"{ETCD}.embedded.enabled"],
            id="embedded-etcd",
        ),
        pytest.param(
            changed({}, {f"{ETCD}.external.enabled": True}),
            [f"{ETCD}.external.enabled"],
            id="external-etcd",
        ),
        pytest.param(
            changed({}, {"controlPlane.backingStore.database.external.enabled": True}),
            ["controlPlane.backingStore.database.external.enabled"],
            id="external-database",
        ),
        pytest.param(
            changed({}, {"controlPlane.distro.k3s.enabled": True}),
            ["controlPlane.distro.k3s.enabled"],
            id="k3s",
        ),
        pytest.param(
            changed({}, {"controlPlane.statefulSet.persistence.volumeClaim.enabled": False}),
            ["controlPlane.statefulSet.persistence.volumeClaim.enabled"],
            id="no-volume",
        ),
        pytest.param(
            changed({}, {"controlPlane.statefulSet.persistence.volumeClaimTemplates": [{}]}),
            ["controlPlane.statefulSet.persistence.volumeClaimTemplates"],
            id="own-volume",
        ),
        pytest.param(
            changed({}, {"controlPlane.statefulSet.highAvailability.replicas": 2}),
            ["controlPlane.statefulSet.highAvailability.replicas"],
            id="two-with-one-database",
        ),
        pytest.param(
            changed(HA, {f"{ETCD}.deploy.statefulSet.highAvailability.replicas": 1}),
            [f"{ETCD}.deploy.statefulSet.highAvailability.replicas"],
            id="one-member",
        ),
        pytest.param(
            changed(HA, {"controlPlane.statefulSet.persistence.volumeClaim.enabled": True}),
            ["controlPlane.statefulSet.persistence.volumeClaim.enabled"],
            id="ha-with-a-volume",
        ),
        pytest.param(
            changed(HA, {"controlPlane.advanced": {}}),
            ["controlPlane.advanced.podDisruptionBudget.enabled"],
            id="ha-without-budget",
        ),
        pytest.param(
            {"exportKubeConfig": {"insecure": True}}, ["exportKubeConfig.insecure"], id="no-ca"
        ),
        pytest.param({"policies": {"limitRange": None}}, ["policies.limitRange"], id="null"),
        pytest.param(
            {"networking": {"advanced": {"clusterDomain": "corp"}}, "privateNodes": {"enabled": 1}},
            ["privateNodes.enabled", "networking.advanced.clusterDomain"],
            id="all-at-once",
        ),
    ],
)
def test_what_cannot_be_adopted(installed: dict[str, Any], paths: list[str]) -> None:
    """What would start empty or fail when it is thawed is refused before, by its path."""
    spec = {"availability": "HA"} if "backingStore" in installed.get("controlPlane", {}) else {}
    found = [problem.field for problem in adoption.unfit("kunde9", installed)]
    assert found == [f"input.adopted.kunde9.values.{path}" for path in paths]
    seen = replace(VCLUSTER, values=installed)
    told = answer(replace(UP, vcluster=seen), platform({**ENTRY, "values": installed}), **spec)
    assert bool(told.fatal) is bool(paths)
    assert told.conditions[0].reason in (
        ("InvalidInput",) if paths else ("Accepted", "ChangeRefused")
    )


@pytest.mark.parametrize(
    ("availability", "installed", "has"),
    [("HA", BY_HAND, "Single"), ("Single", HA, "HA")],
)
def test_availability_must_fit(availability: Any, installed: dict[str, Any], has: str) -> None:
    """A spec that expects another availability is refused before anything is created."""
    found = answer(Observed(), platform({**ENTRY, "values": installed}), availability=availability)
    assert found.fatal == (
        f"spec.availability: must be {has}, as the adopted virtual cluster was installed. Write "
        f"{has}: another backing store would start an empty cluster."
    )
    assert found.conditions[0].reason == "InvalidSpec"


@pytest.mark.parametrize(
    ("adopted", "rule"),
    [
        pytest.param(
            {"a": ENTRY, "b": {**ENTRY, "release": "b"}},
            "adopted must not name a namespace twice",
            id="twice",
        ),
        *(
            pytest.param(
                {"a": {**ENTRY, "namespace": namespace}},
                "adopted must not name a namespace that is reserved by the platform",
                id=namespace,
            )
            for namespace in ("kube-system", "vcluster-system", "cattle-system", "mine")
        ),
    ],
)
def test_the_input(adopted: dict[str, Any], rule: str) -> None:
    """No two VClusters get one namespace, and nobody that of the platform."""
    with pytest.raises(InvalidError) as refused:
        config({"adopted": adopted, "hostNamespace.reserved": ["mine"]})
    assert refused.value.problems == (Problem("input", rule, "Correct it."),)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"namespace": "a" * 44}, "input.adopted.kunde9.namespace"),
        ({"release": "9"}, "input.adopted.kunde9.release"),
        ({"release": "a" * 48}, "input.adopted.kunde9.release"),
        ({"chart": "0.30.1"}, "input.adopted.kunde9.chart"),
        ({"values": ["s3cr3t"]}, "input.adopted.kunde9.values"),
    ],
)
def test_the_form_of_an_entry(changes: dict[str, Any], field: str) -> None:
    """Field and rule are told, never what stands there: it may be secret."""
    with pytest.raises(InvalidError) as refused:
        config({"adopted": {"kunde9": {**ENTRY, **changes}}})
    assert [problem.field for problem in refused.value.problems] == [field]
    assert "s3cr3t" not in str(refused.value)


def test_no_value_is_told() -> None:
    """A refusal does not quote installed values."""
    secret = {"controlPlane": {"backingStore": {"database": {"external": {"enabled": "s3cr3t"}}}}}
    found = answer(given=platform({**ENTRY, "values": secret}))
    assert found.fatal
    assert "s3cr3t" not in repr(found)


@given(
    st.from_regex(r"[a-z][-a-z0-9]{0,40}[a-z0-9]", fullmatch=True),
    st.from_regex(r"[a-z][-a-z0-9]{0,44}[a-z0-9]", fullmatch=True),
)
def test_names_fit(namespace: str, release: str) -> None:
    """Whatever the Input takes fits Helm's 53 characters, a StatefulSet's 52 and the charts."""
    entry = Adopted(namespace=namespace, release=release, chart="0.36.1")
    found = names.derive("kunde9", "", "vcluster-system", (entry.namespace, entry.release))
    assert len(found.namespace_release) <= 53
    assert len(found.etcd) <= 52
    assert len(found.state_config_map) <= 52
    others = {found.namespace_release, found.vcluster_release, found.rancher_release}
    assert len(others) == 3


def test_derived_names() -> None:
    """Names of an adopted cluster are literal, and forever."""
    found = names.derive("kunde9", "", "vcluster-system", ("vcluster-shop", "my-vcluster"))
    assert found == NAMES
    assert (found.vcluster_usage, found.namespace_usage) == (
        "vcluster-shop-vcluster-by-rancher",
        "vcluster-shop-namespace-by-vcluster",
    )
