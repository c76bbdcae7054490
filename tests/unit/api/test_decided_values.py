"""Values that contradict a field are refused in every layer; lists that both write are joined."""

import functools
import importlib
import json
import os
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import function
from dev.scripts import life
from function import protobuf
from function.api.chart_value import Use
from function.api.decided_values import DECIDED_VALUES
from function.api.errors import InvalidError
from function.api.input import LimitRange
from function.api.written_values import JOINED, row
from function.compose import compose
from function.decision import adoption, chart_keys
from function.decision.allowances import list_allowances
from function.desired import images
from function.desired.chart_values import build_chart_values
from function.k8s import fieldpath
from function.k8s.helm_values import merge
from function.observed import exposure, rollout
from function.observed.state import Request
from tests.support.factories import at, changed, config, vcluster, wanted

WORKLOAD = "controlPlane.statefulSet"
ETCD = "controlPlane.backingStore.etcd"
SERVICE = "controlPlane.service"

HOST_POLICIES = "the policies of install/host.yaml, which refuse what it would make on the host"

CONTRADICTIONS: dict[str, tuple[object, str]] = {
    "controlPlane.distro.k8s.version": ("v1.34.3", "spec.kubernetesVersion"),
    "controlPlane.distro.k8s.image.tag": ("v1.35.0", "spec.kubernetesVersion"),
    "controlPlane.distro.k8s.enabled": (False, "spec.kubernetesVersion"),
    "controlPlane.distro.k3s.enabled": (True, "spec.kubernetesVersion"),
    f"{WORKLOAD}.image.tag": ("0.30.0", "input.vcluster.chart.versions"),
    f"{WORKLOAD}.persistence.volumeClaim.enabled": (False, "spec.availability"),
    f"{WORKLOAD}.persistence.volumeClaim.size": ("50Gi", "spec.storage.size, or the plan"),
    f"{WORKLOAD}.persistence.volumeClaim.storageClass": (
        "fast",
        "spec.storage.storageClassName, or the plan",
    ),
    f"{WORKLOAD}.persistence.volumeClaim.retentionPolicy": ("Retain", "spec.storage.onDelete"),
    f"{WORKLOAD}.persistence.volumeClaim.accessModes": (["ReadWriteMany"], "spec.storage"),
    f"{WORKLOAD}.persistence.volumeClaimTemplates": ([{"metadata": {}}], "spec.storage"),
    f"{WORKLOAD}.persistence.dataVolume": ([{"name": "data"}], "spec.storage"),
    f"{WORKLOAD}.highAvailability.replicas": (3, "spec.availability"),
    f"{WORKLOAD}.scheduling.podManagementPolicy": ("OrderedReady", "spec.availability"),
    f"{ETCD}.deploy.enabled": (True, "spec.availability"),
    f"{ETCD}.deploy.service.enabled": (False, "spec.availability"),
    f"{ETCD}.deploy.statefulSet.enabled": (False, "spec.availability"),
    f"{ETCD}.deploy.statefulSet.highAvailability.replicas": (5, "spec.availability"),
    f"{ETCD}.deploy.statefulSet.persistence.volumeClaimTemplates": ([{}], "spec.storage"),
    f"{ETCD}.embedded.enabled": (True, "spec.availability"),
    f"{ETCD}.external.enabled": (True, "spec.availability"),
    "controlPlane.backingStore.database.external.enabled": (True, "spec.availability"),
    "controlPlane.backingStore.database.embedded.enabled": (False, "spec.availability"),
    "controlPlane.advanced.podDisruptionBudget.enabled": (False, "spec.availability"),
    f"{SERVICE}.enabled": (False, "the function itself"),
    f"{SERVICE}.spec.type": ("LoadBalancer", "spec.expose.type"),
    f"{SERVICE}.spec.loadBalancerClass": ("a/b", "input.expose.loadBalancer.class"),
    f"{SERVICE}.spec.loadBalancerSourceRanges": (
        ["192.0.2.0/24"],
        "input.expose.loadBalancer.sourceRanges",
    ),
    f"{SERVICE}.spec.externalTrafficPolicy": (
        "Local",
        "input.expose.loadBalancer.externalTrafficPolicy",
    ),
    f"{SERVICE}.spec.healthCheckNodePort": (30000, "spec.expose.type"),
    f"{SERVICE}.httpsNodePort": (30000, "spec.expose.port"),
    f"{SERVICE}.kubeletNodePort": (30000, "spec.expose.type"),
    "controlPlane.ingress.enabled": (True, "spec.expose.type"),
    "controlPlane.tlsRoute.enabled": (True, "spec.expose.type"),
    "controlPlane.proxy.port": (443, "the function itself"),
    "controlPlane.standalone.enabled": (
        True,
        "the function, whose virtual clusters are pods in one namespace of the host",
    ),
    "exportKubeConfig.insecure": (True, "spec.expose and the name of the VCluster"),
    "exportKubeConfig.server": ("https://x", "spec.expose and the name of the VCluster"),
    "policies.resourceQuota.enabled": (True, "spec.quota, or the plan"),
    "policies.limitRange.enabled": (True, "spec.quota, or the plan"),
    "policies.networkPolicy.enabled": (True, "spec.isolation.networkPolicy"),
    "policies.podSecurityStandard": ("privileged", "spec.isolation.podSecurity"),
    "sync.toHost.ingresses.enabled": (True, "spec.sync.ingresses"),
    "sync.toHost.storageClasses.enabled": (True, "spec.sync.storageClasses"),
    "sync.toHost.endpoints.enabled": (True, HOST_POLICIES),
    "sync.toHost.endpointSlices.enabled": (True, HOST_POLICIES),
    "controlPlane.advanced.virtualScheduler.enabled": (True, HOST_POLICIES),
    "controlPlane.distro.k8s.scheduler.enabled": (True, HOST_POLICIES),
    "sync.fromHost.nodes.selector.labels": ({"a": "b"}, "spec.nodePool"),
    "sync.toHost.namespaces.enabled": (
        True,
        "the function, whose virtual clusters are pods in one namespace of the host",
    ),
}
"""Values that people write, and the field that decides each."""


@pytest.mark.parametrize("layer", ["values", "enforcedValues"])
@pytest.mark.parametrize("path", CONTRADICTIONS)
def test_the_input_contradicts_no_field(path: str, layer: str) -> None:
    """The message names the field to use, and the value, which may be secret, is not in it."""
    value, field = CONTRADICTIONS[path]
    with pytest.raises(InvalidError) as error:
        config({f"vcluster.{layer}.{path}": value})
    (problem, *_) = error.value.problems
    assert problem.field.startswith(f"input.vcluster.{layer}.{path}")
    assert (problem.rule, problem.remedy) == (f"is decided by {field}", "Remove it.")
    assert error.value.reason == "InvalidInput"


@pytest.mark.parametrize("path", CONTRADICTIONS)
def test_no_spec_contradicts_a_field(path: str) -> None:
    """A spec is refused with the same words, whatever the Input allows."""
    value, field = CONTRADICTIONS[path]
    req = observing("kunde1", "nothing")
    answer = compose(replace(req, composite=asking(req, changed({}, {path: value}))))
    assert answer.resources == {}
    assert f"spec.values.{path}" in answer.fatal
    assert f": is decided by {field}. Remove it." in answer.fatal
    assert answer.conditions[0].reason == "InvalidSpec"


@functools.cache
def observing(example: str, state: str) -> Request:
    """Return the request of an example."""
    return protobuf.decode(life.request(example, state))


def asking(req: Request, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the VCluster of a request with these values in its spec."""
    composite: dict[str, Any] = dict(req.composite)
    return {**composite, "spec": {**composite["spec"], "values": values}}


@pytest.mark.parametrize("state", ["nothing", "deploying", "ready"])
@pytest.mark.parametrize("example", ["kunde1", "ha"])
@pytest.mark.parametrize(
    "path",
    [
        "controlPlane.distro.k8s.version",
        "controlPlane.distro.k8s.image.tag",
        f"{WORKLOAD}.image.tag",
        f"{ETCD}.deploy.statefulSet.highAvailability.replicas",
    ],
)
def test_no_cluster_is_touched(path: str, example: str, state: str) -> None:
    """Of a new cluster as of one that runs: nothing goes down by a value in the Input."""
    req = observing(example, state)
    given = changed(req.input or {}, {f"vcluster.enforcedValues.{path}": CONTRADICTIONS[path][0]})
    answer = compose(replace(req, input=given))
    assert answer.resources == {}
    assert answer.fatal.startswith(f"input.vcluster.enforcedValues.{path}: is decided by ")


NO_LISTS: dict[str, object] = {"null": None, "text": "a", "empty-map": {}}


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        pytest.param(
            "exportKubeConfig.secret.name",
            "x",
            "is decided by spec.expose and the name of the VCluster. Remove it. "
            "List it in exportKubeConfig.additionalSecrets.",
            id="what-to-write-instead",
        ),
        pytest.param(
            "controlPlane",
            None,
            "must be a map, because the function writes values below it. Remove it.",
            id="null-above",
        ),
        pytest.param(
            f"{WORKLOAD}.persistence",
            "x",
            "must be a map, because the function writes values below it. Remove it.",
            id="text-above",
        ),
        *(
            pytest.param(
                "controlPlane.proxy.extraSANs",
                value,
                "must be a list, whose entries come beside the function's own. "
                "Write entries that begin with '-', or remove it.",
                id=f"no-list-{name}",
            )
            for name, value in NO_LISTS.items()
        ),
        pytest.param(
            "policies.limitRange",
            {},
            "is decided by spec.quota, or the plan. Remove it.",
            id="an-empty-map",
        ),
    ],
)
def test_other_forms_of_the_same(path: str, value: object, sentence: str) -> None:
    """Nothing that the function decides is taken away, nor replaced by what it is not."""
    with pytest.raises(InvalidError) as error:
        config({f"vcluster.values.{path}": value})
    assert str(error.value) == f"input.vcluster.values.{path}: {sentence}"


def test_what_the_platform_may_set() -> None:
    """What only feeds the function, and what stands beside a decided value, stays free."""
    free = {
        f"{WORKLOAD}.resources.limits.cpu": "3",
        f"{WORKLOAD}.image.repository": "loft-sh/vcluster-pro",
        f"{WORKLOAD}.annotations": {"example.org/a": "b"},
        f"{ETCD}.deploy.statefulSet.image.tag": "3.6.8-0",
        f"{SERVICE}.annotations": {"example.org/a": "b"},
        f"{SERVICE}.spec.ipFamilyPolicy": "PreferDualStack",
        "controlPlane.ingress.labels": {"a": "b"},
        "networking.advanced.clusterDomain": "cluster.example",
        "sync.fromHost.nodes.enabled": True,
        "telemetry": {"enabled": True},
        "policies": {},
    }
    found = config({"vcluster.values": changed({}, free)})
    values = build_chart_values(wanted(vcluster(), found), found)
    assert at(values, f"{WORKLOAD}.resources.limits.cpu") == "3"
    assert at(values, f"{SERVICE}.spec") == {
        "type": "ClusterIP",
        "ipFamilyPolicy": "PreferDualStack",
    }


# --- lists that both write -----------------------------------------------------------------------

SANS = ["kunde1-vcluster.kunde1.svc", "kunde1-vcluster.kunde1.svc.cluster.local"]
HOSTNAME = "kunde1.k8s.example.org"
EXTERNAL = {
    "name": "vc-kunde1-vcluster-external",
    "context": "kunde1",
    "server": f"https://{HOSTNAME}",
}
OUTSIDE = {
    "nodePools": {
        "vc1": {"labels": {"a": "b"}, "tolerations": ["a=b:NoSchedule"], "controlPlane": True}
    },
    "expose": {"domain": "k8s.example.org"},
    "tenant.exposeTypes": ["ClusterIP", "LoadBalancer"],
    "pullSecret": "mirror",
}
OWN: dict[str, list[Any]] = {
    "controlPlane.proxy.extraSANs": ["api.shop.example.org"],
    "controlPlane.advanced.serviceAccount.imagePullSecrets": [{"name": "team"}],
    "controlPlane.advanced.workloadServiceAccount.imagePullSecrets": [{"name": "team"}],
    "exportKubeConfig.additionalSecrets": [{"name": "own"}],
    "rbac.role.extraRules": [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]}],
    f"{WORKLOAD}.scheduling.topologySpreadConstraints": [{"topologyKey": "zone"}],
    f"{ETCD}.deploy.statefulSet.scheduling.topologySpreadConstraints": [{"topologyKey": "zone"}],
    f"{WORKLOAD}.scheduling.tolerations": [{"key": "own", "operator": "Exists"}],
    f"{ETCD}.deploy.statefulSet.scheduling.tolerations": [{"key": "own", "operator": "Exists"}],
    "sync.toHost.pods.enforceTolerations": ["own:NoSchedule"],
    "controlPlane.distro.k8s.controllerManager.extraArgs": ["--v=2"],
    "controlPlane.distro.k8s.apiServer.extraArgs": ["--v=2"],
    f"{WORKLOAD}.persistence.addVolumes": [{"name": "own", "emptyDir": {}}],
    f"{WORKLOAD}.persistence.addVolumeMounts": [{"name": "own", "mountPath": "/own"}],
}
"""For each list that is joined an entry of the platform's own."""

OF_SINGLE = {"controlPlane.distro.k8s.controllerManager.extraArgs"}
"""Lists to which the function adds nothing for HA."""


OF_ISSUERS = {
    "controlPlane.distro.k8s.apiServer.extraArgs",
    f"{WORKLOAD}.persistence.addVolumes",
    f"{WORKLOAD}.persistence.addVolumeMounts",
}
"""Lists to which the function adds something where the API server reads a file of issuers."""


def values_of(platform: Mapping[str, Any], **spec: Any) -> dict[str, Any]:
    """Return the chart's values of a VCluster on a platform with a way in from outside."""
    found = config({**OUTSIDE, **platform})
    requested = wanted(vcluster(**spec), found)
    reads = found.access is not None
    return build_chart_values(replace(requested, authenticates=reads), found)


def test_every_joined_list_has_an_entry_here() -> None:
    """No list is joined without a test."""
    assert {*OWN} == {each.path for each in JOINED}


@pytest.mark.parametrize("layer", ["values", "enforcedValues"])
@pytest.mark.parametrize("path", OWN)
def test_lists_are_joined(path: str, layer: str) -> None:
    """Own entries come beside ours, which are always there, in either layer and in both."""
    availability = "Single" if path in OF_SINGLE else "HA"
    spec = {"availability": availability, "expose": {"type": "LoadBalancer"}, "nodePool": "vc1"}
    issuers: dict[str, Any] = {"access": {}} if path in OF_ISSUERS else {}
    ours = at(values_of(issuers, **spec), path)
    assert ours
    one = {**issuers, f"vcluster.{layer}.{path}": OWN[path]}
    assert at(values_of(one, **spec), path) == [*ours, *OWN[path]]
    both = {f"vcluster.{layer}.{path}": OWN[path] for layer in ("values", "enforcedValues")}
    both = {**issuers, **both}
    assert at(values_of(both, **spec), path) == [*ours, *OWN[path]]


@pytest.mark.parametrize("path", sorted(OF_ISSUERS))
def test_lists_without_issuers_are_as_before(path: str) -> None:
    """Without a file of issuers the higher layer replaces the lower one: nothing restarts."""
    below = f"vcluster.values.{path}"
    assert at(values_of({below: OWN[path]}), path) == OWN[path]
    others = [{"name": "other", "mountPath": "/other"}]
    both = {below: OWN[path], f"vcluster.enforcedValues.{path}": others}
    assert at(values_of(both), path) == others


def test_what_is_ours() -> None:
    """The certificate covers the endpoint, the mirror's secret and the external one are there."""
    found = values_of(
        {f"vcluster.values.{path}": entries for path, entries in OWN.items()},
        expose={"type": "LoadBalancer"},
    )
    assert at(found, "controlPlane.proxy.extraSANs") == [*SANS, HOSTNAME, "api.shop.example.org"]
    for account in ("serviceAccount", "workloadServiceAccount"):
        secrets = at(found, f"controlPlane.advanced.{account}.imagePullSecrets")
        assert secrets == [{"name": "mirror"}, {"name": "team"}]
    assert at(found, "exportKubeConfig.additionalSecrets") == [EXTERNAL, {"name": "own"}]


def test_nobody_takes_the_place_of_an_entry_of_ours() -> None:
    """An entry of the same name does not change ours."""
    path = "exportKubeConfig.additionalSecrets"
    other = [{**EXTERNAL, "server": "https://other.example.org"}]
    found = values_of({f"vcluster.enforcedValues.{path}": other}, expose={"type": "LoadBalancer"})
    assert at(found, path) == [EXTERNAL]


def test_a_tenant_joins_as_well() -> None:
    """Names that a spec adds, where the Input allows it, come beside ours."""
    path = "controlPlane.proxy.extraSANs"
    allowed = {"tenant.values": [path]}
    asked = changed({}, {path: ["api.shop.example.org"]})
    found = values_of(allowed, expose={"type": "LoadBalancer"}, values=asked)
    assert at(found, path) == [*SANS, HOSTNAME, "api.shop.example.org"]


def test_where_nobody_lists_anything_nothing_appears() -> None:
    """A list without entries of either side is left to the chart."""
    found = values_of({})
    assert "additionalSecrets" not in found["exportKubeConfig"]
    assert "scheduling" not in at(found, WORKLOAD)


# --- load balancers ------------------------------------------------------------------------------

BALANCER = {
    "class": "example.org/internal",
    "sourceRanges": ["192.0.2.0/24"],
    "externalTrafficPolicy": "Local",
}


def test_a_load_balancer_is_configured_by_the_input() -> None:
    """Class, ranges and traffic policy reach the Service of type LoadBalancer, and no other."""
    platform = {"expose": {"domain": "k8s.example.org", "loadBalancer": BALANCER}}
    found = values_of(platform, expose={"type": "LoadBalancer"})
    assert at(found, f"{SERVICE}.spec") == {
        "type": "LoadBalancer",
        "loadBalancerClass": "example.org/internal",
        "loadBalancerSourceRanges": ["192.0.2.0/24"],
        "externalTrafficPolicy": "Local",
    }
    assert at(values_of(platform), f"{SERVICE}.spec") == {"type": "ClusterIP"}


# --- the table -----------------------------------------------------------------------------------

WRITABLE = (Use.DECIDED, Use.JOINED, Use.PLATFORM)


def known(path: tuple[str, ...]) -> bool:
    """Tell whether a path that the function writes or reads is in a row."""
    found = row(path)
    return found is not None and found.use in WRITABLE


PLATFORMS = st.fixed_dictionaries(
    {},
    optional={
        "pullSecret": st.just("mirror"),
        "registries": st.just({"docker.io": "m.example.org/d", "ghcr.io": "m.example.org/g"}),
        "plans.small": st.just(
            {
                "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}},
                "storage": {"size": "5Gi", "storageClassName": "fast"},
            }
        ),
    },
)
EXPOSURES: list[dict[str, Any]] = [
    *({"type": typ} for typ in ("ClusterIP", "LoadBalancer", "Ingress", "Gateway")),
    {"type": "NodePort", "port": 30443},
]
SPECS = st.fixed_dictionaries(
    {
        "availability": st.sampled_from(["Single", "HA"]),
        "expose": st.sampled_from(EXPOSURES),
        "storage": st.sampled_from([{}, {"size": "7Gi", "onDelete": "Retain"}]),
        "sync": st.sampled_from([{}, {"ingresses": True, "serviceAccounts": True}]),
        "isolation": st.sampled_from([{}, {"podSecurity": "restricted", "networkPolicy": False}]),
    },
    optional={"nodePool": st.just("tenants"), "kubernetesVersion": st.just("1.36")},
)
FULL: dict[str, Any] = {
    "expose": {
        "domain": "k8s.example.org",
        "ingress": {"className": "nginx", "annotations": {"example.org/a": "b"}},
        "gateway": {"parentRefs": [{"name": "public"}]},
        "loadBalancer": {**BALANCER, "annotations": {"example.org/a": "b"}},
    },
    "hosts": {"local": {"nodePorts": {"address": "192.0.2.7", "from": 30400, "to": 30499}}},
    "tenant.exposeTypes": ["ClusterIP", "LoadBalancer", "NodePort", "Ingress", "Gateway"],
    "nodePools": {"tenants": {"pool": "tenants"}},
}


def given_values(platform: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the chart gets of all that the function knows how to write."""
    found = config({**FULL, **platform})
    return rollout.stamped(build_chart_values(wanted(vcluster(**spec), found), found), "0.36.1")


@settings(deadline=None)
@given(PLATFORMS, SPECS)
def test_all_that_is_written_is_in_the_table(
    platform: dict[str, Any], spec: dict[str, Any]
) -> None:
    """Nothing that the function writes can be contradicted without a rule for it."""
    written = [path for path, _ in fieldpath.leaves(given_values(platform, spec))]
    assert [path for path in written if not known(path)] == []


class Recorder(dict[str, Any]):
    """Values that remember at which paths they are read."""

    def __init__(
        self, values: Mapping[str, Any], read: set[tuple[str, ...]], path: tuple[str, ...] = ()
    ) -> None:
        """Begin at a path."""
        super().__init__(values)
        self.read = read
        self.path = path

    def get(self, key: str, default: Any = None) -> Any:
        """Remember the path, and go on below it."""
        path = (*self.path, key)
        self.read.add(path)
        found = super().get(key, default)
        return Recorder(found, self.read, path) if isinstance(found, dict) else found


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, ...]]:
    """Yield the paths of chart values that are read from now on, whole even where nothing is.

    Whether a version of the chart knows a key is no use of its value.
    """
    seen: set[tuple[str, ...]] = set()

    def recording(start: object, *path: str) -> object:
        if isinstance(start, Recorder):
            seen.add((*start.path, *path))
        return original(start, *path)

    original = fieldpath.get
    modules = pkgutil.walk_packages(function.__path__, "function.")
    for name in {module.name for module in modules} - {"function.__main__"}:
        loaded = importlib.import_module(name)
        if getattr(loaded, "get", None) is original:
            monkeypatch.setattr(loaded, "get", recording)
    for module in (chart_keys, fieldpath):
        monkeypatch.setattr(module, "get", lambda start, *path: original(dict(start), *path))
    return seen


@pytest.mark.parametrize("spec", [{}, {"availability": "HA"}], ids=["single", "ha"])
@pytest.mark.parametrize("way_in", EXPOSURES, ids=lambda way_in: way_in["type"])
def test_all_that_is_read_is_in_the_table(
    read: set[tuple[str, ...]],
    spec: dict[str, Any],
    way_in: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing that the function relies on can be contradicted without a rule for it."""
    values = given_values({"pullSecret": "mirror"}, {**spec, "expose": way_in})
    req = observing("ha" if spec else "kunde1", "ready")
    seen = req.observed.vcluster
    assert seen
    recorded = replace(seen, values=Recorder(merge(seen.values, values), read))
    monkeypatch.setattr(
        "function.compose.build_chart_values",
        lambda *given: Recorder(build_chart_values(*given), read),
    )
    answer = compose(replace(req, observed=replace(req.observed, vcluster=recorded)))
    assert answer.fatal == ""
    list_allowances(Recorder(values, read), LimitRange(), highly_available=bool(spec), agent=None)
    exposure.running(Recorder(values, read), "kunde1-vcluster")
    assert [*adoption.unfit("kunde1", Recorder(values, read))] == []
    paths = {path for path in read if not any(one[: len(path)] == path for one in read - {path})}
    assert ("controlPlane", "distro", "k8s", "version") in paths
    assert sorted(path for path in paths if not known(path)) == []


def test_all_images_are_in_the_table() -> None:
    """Where an image may come from its mirror, there is a row."""
    whole = [path[: path.index("*")] for path in images.OTHER_IMAGES]
    for path in (*(image.path for image in images.CHART_IMAGES), images.COREDNS, *whole):
        assert known(path), path
    assert known(images.DEFAULT_REGISTRY)


def test_no_path_twice() -> None:
    """Each path has one row."""
    assert len({each.keys for each in DECIDED_VALUES}) == len(DECIDED_VALUES)


SCHEMAS = os.environ.get("VCLUSTER_CHART_SCHEMAS", "")


def chart_schemas() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield version and schema of each supported chart."""
    for path in sorted(Path(SCHEMAS).glob("vcluster-*/values.schema.json")):
        version = path.parent.name.removeprefix("vcluster-")
        if version >= "0.31":
            yield version, json.loads(path.read_text())


@pytest.mark.skipif(not SCHEMAS, reason="VCLUSTER_CHART_SCHEMAS names no folder with schemas")
def test_every_path_is_the_charts() -> None:
    """Each row is of a path that a supported chart has."""
    schemas = dict(chart_schemas())
    assert schemas
    for each in DECIDED_VALUES:
        assert any(has(schema, each.keys) for schema in schemas.values()), each.path


def has(schema: Mapping[str, Any], keys: tuple[str, ...]) -> bool:
    """Tell whether a schema knows a path."""
    node: Any = schema
    for key in keys:
        while "$ref" in node:
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
        if "properties" not in node:
            return True
        if key not in node["properties"]:
            return False
        node = node["properties"][key]
    return True
