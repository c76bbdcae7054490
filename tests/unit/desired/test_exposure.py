"""The way in from outside: whose a name is, what the chart gets, and when customers get in."""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dev.scripts import life
from function import protobuf
from function.api import names
from function.api.errors import InvalidError, Refusal
from function.api.fields import Quota
from function.api.input import Input, LimitRange
from function.compose import compose
from function.decision import decision, exposure, immutable_fields, quota, tenant_limits
from function.decision.allowances import list_allowances
from function.decision.resolve import ResolvedSpec
from function.desired import vcluster
from function.desired.chart_values import build_chart_values
from function.k8s.helm_values import Values
from function.observed import exposure as observed_exposure
from function.observed import parse
from function.observed import vcluster as observed_vcluster
from function.observed.current import Current, Storage, read
from function.observed.exposure import INTERNAL, Exposure
from function.observed.state import Condition, Observed, ObservedRelease, Request
from tests.support.factories import (
    changed,
    config,
    decided,
    deployed,
    pods,
    recorded,
    rolled_out,
    wanted,
)
from tests.support.factories import vcluster as asking

TYPES = ["LoadBalancer", "Ingress", "Gateway"]
PLATFORM: dict[str, Any] = {
    "expose": {
        "domain": "k8s.example.org",
        "ingress": {"className": "nginx", "annotations": {"example.org/passthrough": "true"}},
        "gateway": {"parentRefs": [{"name": "public", "namespace": "gateways"}]},
        "loadBalancer": {"annotations": {"example.org/pool": "tenants"}},
    },
    "tenant.exposeTypes": ["ClusterIP", *TYPES],
}
HOSTNAME = "kunde1.k8s.example.org"
SERVER = f"https://{HOSTNAME}"


def exposed(
    typ: str, hostname: str = "", platform: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the chart's values of a VCluster that is exposed so."""
    found = config({**PLATFORM, **(platform or {})})
    asked = asking(expose={"type": typ, "hostname": hostname})
    return build_chart_values(wanted(asked, found), found)


def refused(expose: dict[str, Any], platform: Mapping[str, Any] | None = None) -> str:
    """Return why a new VCluster is refused."""
    found = config({**PLATFORM, **(platform or {})})
    asked = asking(expose=expose)
    with pytest.raises(InvalidError) as error:
        tenant_limits.check(asked.spec, wanted(asked, found), found, new=True)
    return str(error.value)


@pytest.mark.parametrize(
    ("hostname", "expected"),
    [
        pytest.param("", HOSTNAME, id="default"),
        pytest.param(HOSTNAME, HOSTNAME, id="its-own"),
        pytest.param(f"api.{HOSTNAME}", f"api.{HOSTNAME}", id="below-its-own"),
        pytest.param(f"a.b.{HOSTNAME}", f"a.b.{HOSTNAME}", id="further-below"),
    ],
)
def test_hostname(hostname: str, expected: str) -> None:
    """A type is enough; a name may be chosen below one's own."""
    found = config(PLATFORM)
    asked = asking(expose={"type": "Ingress", "hostname": hostname})
    tenant_limits.check(asked.spec, wanted(asked, found), found, new=True)
    assert wanted(asked, found).exposure == Exposure("Ingress", expected)


@pytest.mark.parametrize(
    "hostname",
    [
        "kunde2.k8s.example.org",
        "api.kunde2.k8s.example.org",
        "b-kunde1.k8s.example.org",
        "kunde1-b.k8s.example.org",
        "kunde1.kunde2.k8s.example.org",
        "k8s.example.org",
        "example.org",
        "kunde1",
        "kunde1.example.org",
        "kunde1.k8s.example.org.evil.example",
        "kunde1xk8s.example.org",
        "rancher.example.org",
    ],
)
@pytest.mark.parametrize("typ", TYPES)
def test_a_name_of_somebody_else(typ: str, hostname: str) -> None:
    """Nobody takes another's name, nor one of the platform's."""
    assert refused({"type": typ, "hostname": hostname}) == (
        "spec.expose.hostname: must be kunde1.k8s.example.org, or end with "
        ".kunde1.k8s.example.org, so that no two virtual clusters have one name. "
        "Leave it out, or choose such a name."
    )


LABEL = st.from_regex(r"[a-c]([-ab]{0,3}[a-c])?", fullmatch=True)


@settings(deadline=None)
@given(LABEL, LABEL, st.lists(LABEL, min_size=1, max_size=4))
def test_no_two_have_one_name(one: str, other: str, labels: list[str]) -> None:
    """Whatever name: at most one of two VClusters may have it."""
    domain = "a.b"
    hostname = ".".join((*labels, domain))
    owners = {n for n in (one, other) if exposure.belongs(hostname, n, domain)}
    assert owners <= {labels[-1]}


@pytest.mark.parametrize(
    "hostname",
    [
        "Kunde1.k8s.example.org",
        "*.k8s.example.org",
        "a..b",
        ".a",
        "a.",
        "-a.b",
        "a-.b",
        "a b",
        "a/b",
        "a:443",
        "user@a",
        "{{ .Values }}",
        "a\n",
        f"{'a' * 64}.b",
        ".".join(["a" * 63] * 4) + ".b",
    ],
)
def test_what_is_no_name(hostname: str) -> None:
    """What is no DNS name in lower case gets neither into a certificate nor into an Ingress."""
    with pytest.raises(ValueError, match="hostname"):
        asking(expose={"type": "Ingress", "hostname": hostname})


@pytest.mark.parametrize(
    ("expose", "platform", "sentence"),
    [
        pytest.param(
            {"type": "LoadBalancer"},
            {"tenant.exposeTypes": ["ClusterIP", "Ingress"]},
            "spec.expose.type: is not a way in that the platform allows. "
            "Choose one of: ClusterIP, Ingress.",
            id="type",
        ),
        pytest.param(
            {"type": "Ingress", "hostname": "x.example.org"},
            {"tenant.exposeTypes": ["ClusterIP"], "expose": {}},
            "spec.expose.type: is not a way in that the platform allows. Choose one of: ClusterIP.",
            id="no-domain",
        ),
        pytest.param(
            {"hostname": HOSTNAME},
            {},
            "spec.expose.hostname: is a name for outside, and type ClusterIP has no way in from "
            "there. Leave it out, or choose another spec.expose.type.",
            id="name-without-a-way-in",
        ),
        pytest.param(
            {"type": "Gateway"},
            {"vcluster.chart.versions": ["0.33.4"]},
            "spec.expose.type: cannot be Gateway with this platform's chart, which is older than "
            "0.34. Choose another way in, or ask the platform team for a newer chart.",
            id="gateway-of-an-old-chart",
        ),
    ],
)
def test_refused(expose: dict[str, Any], platform: dict[str, Any], sentence: str) -> None:
    """A spec gets no way in that the platform does not offer."""
    assert refused(expose, platform) == sentence


@pytest.mark.parametrize(
    ("platform", "sentence"),
    [
        pytest.param(
            {"tenant.exposeTypes": ["ClusterIP", "Ingress"]},
            "tenant.exposeTypes other than ClusterIP and NodePort need expose.domain",
            id="domain",
        ),
        pytest.param(
            {"tenant.exposeTypes": ["Gateway"], "expose.domain": "example.org"},
            "tenant.exposeTypes with Gateway needs expose.gateway.parentRefs",
            id="gateway",
        ),
    ],
)
def test_the_input_is_complete(platform: dict[str, Any], sentence: str) -> None:
    """A platform learns at once what a way in that it allows still needs."""
    with pytest.raises(InvalidError) as error:
        config(platform)
    assert str(error.value) == f"input: {sentence}. Correct it."
    assert error.value.reason == "InvalidInput"


@pytest.mark.parametrize(
    "path",
    [
        "controlPlane",
        "controlPlane.ingress",
        "controlPlane.ingress.annotations",
        "controlPlane.service",
        "controlPlane.tlsRoute",
        "exportKubeConfig",
        "exportKubeConfig.additionalSecrets",
    ],
)
def test_values_of_a_tenant_do_not_steer(path: str) -> None:
    """No way around the rules on names by values of one's own, ways in or not."""
    for platform in ({}, PLATFORM):
        with pytest.raises(InvalidError, match=r"^input\.tenant\.values\[0\]: must not reach "):
            config({**platform, "tenant.values": [path]})
    config({**PLATFORM, "tenant.values": ["controlPlane.ingresses"]})


def test_a_gateway_comes_with_the_chart_that_has_it() -> None:
    """A running chart that is too old keeps its way in, and the customer reads why."""
    platform = config({**PLATFORM, "vcluster.chart.versions": ["0.33.4", "0.34.7"]})
    now = Current("Single", Storage(None, None), "0.33.4", "1.35.0", "default", None)
    asked = asking(expose={"type": "Gateway"})
    resolved = wanted(asked, platform, now)
    tenant_limits.check(asked.spec, resolved, platform, new=False)
    for before in (INTERNAL, Exposure("Ingress", HOSTNAME)):
        running_now = replace(now, exposure=before)
        found = decision.decide_existing(resolved, running_now, asked, platform, settled=False)
        assert found.effective.exposure == before
        rule = "chart 0.33 has no TLSRoute, charts from 0.34 have"
        refusal = Refusal(
            "spec.expose.type", before.type, "Gateway", rule, immutable_fields.TAKE_BACK
        )
        assert found.refusals == (refusal,)
    hopped = decision.decide_existing(resolved, now, asked, platform, settled=True)
    assert (hopped.effective.chart, hopped.effective.exposure.type) == ("0.34.7", "Gateway")
    assert hopped.refusals == ()


@pytest.mark.parametrize(
    ("typ", "chart", "possible"),
    [
        ("Gateway", "0.33.4", False),
        ("Gateway", "0.34.0-rc.1", True),
        ("Gateway", "0.34.7", True),
        ("Gateway", "1.0.0", True),
        ("Gateway", "latest", True),
        ("Ingress", "0.31.3", True),
        ("LoadBalancer", "0.31.3", True),
        ("ClusterIP", "0.31.3", True),
    ],
)
def test_is_possible(typ: Any, chart: str, possible: bool) -> None:  # noqa: FBT001  # a table
    """Only a Gateway needs a newer chart."""
    assert exposure.is_possible(Exposure(typ, "x"), chart) is possible


SANS = ["kunde1-vcluster.kunde1.svc", "kunde1-vcluster.kunde1.svc.cluster.local"]
EXTERNAL = {"name": "vc-kunde1-vcluster-external", "context": "kunde1", "server": SERVER}


@pytest.mark.parametrize(
    ("typ", "way_in"),
    [
        pytest.param(
            "LoadBalancer",
            {
                "service": {
                    "spec": {"type": "LoadBalancer"},
                    "annotations": {"example.org/pool": "tenants"},
                }
            },
            id="load-balancer",
        ),
        pytest.param(
            "Ingress",
            {
                "ingress": {
                    "enabled": True,
                    "host": HOSTNAME,
                    "annotations": {"example.org/passthrough": "true"},
                    "spec": {"ingressClassName": "nginx"},
                }
            },
            id="ingress",
        ),
        pytest.param(
            "Gateway",
            {
                "tlsRoute": {
                    "enabled": True,
                    "apiVersion": "gateway.networking.k8s.io/v1",
                    "host": HOSTNAME,
                    "parentRefs": [{"name": "public", "namespace": "gateways"}],
                }
            },
            id="gateway",
        ),
    ],
)
def test_values(typ: str, way_in: dict[str, Any]) -> None:
    """Beside what everybody has: the way in, its name in the certificate, and its kubeconfig."""
    plain = exposed("ClusterIP")
    expected = changed(
        plain,
        {
            "controlPlane.proxy.extraSANs": [*SANS, HOSTNAME],
            "exportKubeConfig.additionalSecrets": [EXTERNAL],
            **{f"controlPlane.{key}": value for key, value in way_in.items()},
        },
    )
    assert exposed(typ) == expected
    assert "ingress" not in plain["controlPlane"]
    assert "additionalSecrets" not in plain["exportKubeConfig"]


def test_values_of_the_platform_stay() -> None:
    """Names in the certificate and kubeconfigs that the platform adds itself are kept."""
    own = {
        "controlPlane": {"proxy": {"extraSANs": ["api.internal"]}},
        "exportKubeConfig": {"additionalSecrets": [{"name": "own"}]},
    }
    found = exposed("Ingress", platform={"vcluster.values": own})
    assert found["controlPlane"]["proxy"]["extraSANs"] == [*SANS, HOSTNAME, "api.internal"]
    assert found["exportKubeConfig"]["additionalSecrets"] == [EXTERNAL, {"name": "own"}]


def test_the_hosts_own_ingress_class() -> None:
    """A platform without a class of its own leaves it to the host."""
    least = {"expose": {"domain": "k8s.example.org"}, "tenant.exposeTypes": ["Ingress"]}
    found = exposed("Ingress", platform=least)
    assert found["controlPlane"]["ingress"] == {
        "enabled": True,
        "host": HOSTNAME,
        "annotations": {},
        "spec": {},
    }


@pytest.mark.parametrize("typ", ["ClusterIP", *TYPES])
def test_what_runs_is_read_back(typ: Any) -> None:
    """What was asked for is recognised in the values of the Release."""
    found = read(Observed(vcluster=deployed(values=exposed(typ))))
    assert found
    assert found.exposure == Exposure(typ, HOSTNAME if typ != "ClusterIP" else "")


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"exportKubeConfig": "text"},
        {"exportKubeConfig": {"additionalSecrets": "text"}},
        {"exportKubeConfig": {"additionalSecrets": ["text", None, {"name": "own"}]}},
        {"exportKubeConfig": {"additionalSecrets": [{"name": "vc-kunde1-vcluster-external"}]}},
        {"controlPlane": {"service": {"spec": {"type": "LoadBalancer"}}}},
    ],
)
def test_what_is_no_way_in_of_ours(values: dict[str, Any]) -> None:
    """What the platform gives every virtual cluster by its own values is its own affair."""
    assert observed_exposure.running(values, "kunde1-vcluster") == INTERNAL


HEALTH = frozenset({"installed", "generation", "workload", "kubeconfig"})
FIRST = {
    "LoadBalancer": ("serviceLoadBalancer", "v1", "Service", "status.loadBalancer"),
    "Ingress": ("ingressLoadBalancer", "networking.k8s.io/v1", "Ingress", "status.loadBalancer"),
    "Gateway": (
        "routeManagedFields",
        "gateway.networking.k8s.io/v1",
        "TLSRoute",
        "metadata.managedFields",
    ),
}
STATUS = ("routeStatus", "gateway.networking.k8s.io/v1", "TLSRoute", "status")

# As Go's fmt.Sprintf("%v") writes them, and provider-helm 1.3.0 on a real API server did.
WITHOUT_ADDRESS = "map[]"
BY_IP = "map[ingress:[map[ip:10.250.0.9 ipMode:VIP]]]"
WRITTEN_BY_HELM = (
    "[map[apiVersion:gateway.networking.k8s.io/v1 fieldsType:FieldsV1 fieldsV1:map[f:metadata:map["
    "f:labels:map[.:map[] f:app:map[]]] f:spec:map[f:hostnames:map[] f:parentRefs:map[] "
    "f:rules:map[]]] manager:provider operation:Update time:2026-01-01T00:00:00Z]]"
)
WRITTEN_BY_A_GATEWAY = (
    f"{WRITTEN_BY_HELM[:-1]} map[apiVersion:gateway.networking.k8s.io/v1 fieldsType:FieldsV1 "
    "fieldsV1:map[f:status:map[.:map[] f:parents:map[]]] manager:envoy-gateway operation:Update "
    "subresource:status time:2026-01-01T00:00:05Z]]"
)
ACCEPTED = (
    "map[parents:[map[conditions:[map[lastTransitionTime:2026-01-01T00:00:05Z message:Route is "
    "accepted observedGeneration:1 reason:Accepted status:True type:Accepted] map["
    "lastTransitionTime:2026-01-01T00:00:05Z message:Resolved all the Object references for the "
    "Route observedGeneration:1 reason:ResolvedRefs status:True type:ResolvedRefs]] "
    "controllerName:gateway.envoyproxy.io/gatewayclass-controller parentRef:map["
    "group:gateway.networking.k8s.io kind:Gateway name:public namespace:gateways]]]]"
)
NOT_ACCEPTED = ACCEPTED.replace(
    "reason:Accepted status:True", "reason:NotAllowedByListeners status:False"
)
GONE = "map[parents:[]]"


def seen(typ: str, keys: set[str], hostname: str = "", **details: str) -> ObservedRelease:
    """Return a healthy Release of a way in, with these further details asked for."""
    return deployed(
        values=exposed(typ, hostname),
        connection_keys=HEALTH | keys,
        details={"workload": pods(1), **details},
        has_kubeconfig=True,
        external_server=f"https://{hostname or HOSTNAME}",
    )


def read_of(typ: str, observed: ObservedRelease | None, ha: bool = False) -> list[tuple[str, ...]]:  # noqa: FBT001, FBT002  # a test's helper
    """Return key, kind and path of what is read of a way in."""
    found = config(PLATFORM)
    asked = asking(expose={"type": typ}, availability="HA" if ha else "Single")
    release = vcluster.desired(wanted(asked, found), found, {}, observed)
    return [
        (d["toConnectionSecretKey"], d["apiVersion"], d["kind"], d["fieldPath"])
        for d in release["spec"]["connectionDetails"]
        if d["toConnectionSecretKey"] not in {*HEALTH, "etcdGeneration", "etcdWorkload"}
    ]


SECRET = ("externalKubeconfig", "v1", "Secret", "data.config")


@pytest.mark.parametrize("typ", TYPES)
@pytest.mark.parametrize("ha", [False, True], ids=["single", "ha"])
def test_what_exists_is_read_first(typ: str, ha: bool) -> None:  # noqa: FBT001  # a parameter
    """Nothing that the chart does not make itself: the provider would see nothing at all."""
    assert read_of(typ, None, ha) == [FIRST[typ]]
    assert read_of("ClusterIP", None, ha) == []
    starting = replace(
        seen(typ, {FIRST[typ][0]}), details={"workload": pods(0), "etcdWorkload": pods(3)}
    )
    assert read_of(typ, starting, ha) == [FIRST[typ]]


@pytest.mark.parametrize("typ", TYPES)
def test_the_kubeconfig_joins_once_the_control_plane_is_up(typ: str) -> None:
    """It stays in the list afterwards, whatever becomes of the pods."""
    first = FIRST[typ]
    assert read_of(typ, seen(typ, {first[0]})) == [first, SECRET]
    down = replace(seen(typ, {first[0], SECRET[0]}), details={"workload": pods(0)})
    assert read_of(typ, down) == [first, SECRET]


@pytest.mark.parametrize("typ", TYPES)
def test_what_was_before_does_not_count(typ: str) -> None:
    """While a Release is still the one without the way in, its health says nothing of the new."""
    internal = replace(seen("ClusterIP", set()), external_server="")
    assert read_of(typ, internal) == [FIRST[typ]]
    stale = replace(seen(typ, {FIRST[typ][0]}), generation=3)
    assert read_of(typ, stale) == [FIRST[typ]]


@pytest.mark.parametrize(
    ("keys", "writers", "expected"),
    [
        pytest.param({FIRST["Gateway"][0]}, WRITTEN_BY_HELM, False, id="by-helm-alone"),
        pytest.param({FIRST["Gateway"][0]}, WRITTEN_BY_A_GATEWAY, True, id="by-a-gateway"),
        pytest.param(set(), WRITTEN_BY_A_GATEWAY, False, id="left-from-an-earlier-route"),
        pytest.param({FIRST["Gateway"][0], STATUS[0]}, WRITTEN_BY_HELM, True, id="it-stays"),
    ],
)
def test_a_routes_status_joins_once_there_is_one(
    keys: set[str],
    writers: str,
    expected: bool,  # noqa: FBT001  # a table
) -> None:
    """A TLSRoute has no status until a Gateway's controller writes one."""
    observed = seen("Gateway", keys, routeManagedFields=writers)
    found = read_of("Gateway", observed)
    assert (STATUS in found) is expected
    assert (FIRST["Gateway"] in found) is not expected


def test_another_way_in_is_another_list() -> None:
    """What the last one had is not read any more: it is gone."""
    for before, after in itertools.permutations(TYPES, 2):
        found = read_of(after, seen(before, {FIRST[before][0], SECRET[0]}))
        assert found == [FIRST[after], SECRET]
    assert read_of("ClusterIP", seen("Ingress", {FIRST["Ingress"][0], SECRET[0]})) == []


def ready(typ: str, text: str, **changes: Any) -> tuple[str, str, str]:
    """Return ControlPlaneReady of a way in that reports this."""
    key = STATUS[0] if typ == "Gateway" else FIRST[typ][0]
    observed = replace(seen(typ, {key, SECRET[0]}, **{key: text}), **changes)
    found = observed_vcluster.condition(observed)
    return found.status, found.reason, found.message


WAITS = {
    "LoadBalancer": "Service kunde1-vcluster has no address yet. If this stays, look at its "
    "events, and whether the host's load balancer takes it.",
    "Ingress": "Ingress kunde1-vcluster has no address yet. If this stays, look at its events, "
    "and whether the host's ingress controller takes it.",
    "Gateway": "No Gateway has accepted TLSRoute kunde1-vcluster yet. If this stays, look at its "
    "status, and at the Gateway's listeners and allowedRoutes.",
}


@pytest.mark.parametrize(
    ("typ", "text", "is_reached"),
    [
        pytest.param("LoadBalancer", BY_IP, True, id="load-balancer"),
        pytest.param("LoadBalancer", WITHOUT_ADDRESS, False, id="load-balancer-pending"),
        pytest.param("LoadBalancer", "map[ingress:[]]", False, id="load-balancer-lost"),
        pytest.param("LoadBalancer", "", False, id="load-balancer-not-read"),
        pytest.param("Ingress", "map[ingress:[map[hostname:lb.example.net]]]", True, id="ingress"),
        pytest.param("Ingress", WITHOUT_ADDRESS, False, id="ingress-not-taken"),
        pytest.param("Gateway", ACCEPTED, True, id="gateway"),
        pytest.param("Gateway", NOT_ACCEPTED, False, id="gateway-refused"),
        pytest.param("Gateway", GONE, False, id="gateway-left"),
        pytest.param("Gateway", "", False, id="gateway-not-read"),
        pytest.param("Gateway", "<nil>", False, id="gateway-nothing"),
    ],
)
def test_ready_is_reached(typ: str, text: str, is_reached: bool) -> None:  # noqa: FBT001  # a table
    """READY includes that the way in leads somewhere, now."""
    reached = ("True", "Available", "")
    assert ready(typ, text) == (
        reached if is_reached else ("False", "WaitingForAddress", WAITS[typ])
    )


@pytest.mark.parametrize("server", ["", "https://other.k8s.example.org"])
def test_ready_has_the_right_kubeconfig(server: str) -> None:
    """A kubeconfig of before, with another name or none, is not the one that was asked for."""
    assert ready("LoadBalancer", BY_IP, external_server=server) == (
        "False",
        "WaitingForKubeconfig",
        f"The control plane runs; its kubeconfig for {SERVER} was not written yet.",
    )


def test_a_kubeconfig_of_an_earlier_way_in_does_not_count() -> None:
    """The provider's Secret keeps what it was once asked for, until it is asked again."""
    observed = replace(
        seen("LoadBalancer", {FIRST["LoadBalancer"][0]}, serviceLoadBalancer=BY_IP),
        external_server=SERVER,
    )
    assert observed_vcluster.condition(observed).reason == "WaitingForKubeconfig"


def test_health_comes_first() -> None:
    """Whoever looks for the cause is not sent to the load balancer for pods that do not run."""
    assert ready("LoadBalancer", WITHOUT_ADDRESS, details={"workload": pods(0)})[1] == "Unavailable"


def test_upgrades_do_not_wait_for_an_address() -> None:
    """A lost load balancer does not hold up the next chart."""
    assert observed_vcluster.is_settled(
        seen(
            "LoadBalancer",
            {SECRET[0]},
            initContainers="[map[image:ghcr.io/loft-sh/kubernetes:v1.35.0 name:kubernetes]]",
            **rolled_out("0.36.1"),
        )
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(BY_IP, "10.250.0.9", id="ip"),
        pytest.param(
            "map[ingress:[map[hostname:a1.elb.example.net] map[ip:10.0.0.2]]]",
            "a1.elb.example.net",
            id="the-first-of-two",
        ),
        pytest.param(
            "map[ingress:[map[ip:2001:db8::1 ipMode:VIP ports:[map[error:no ip:1.2.3.4 port:443 "
            "protocol:TCP]]]]]",
            "2001:db8::1",
            id="ipv6",
        ),
        pytest.param("map[ingress:[map[hostname: ip:192.0.2.1]]]", "192.0.2.1", id="empty-name"),
        pytest.param("map[ingress:[map[ipMode:VIP]]]", None, id="mode-alone"),
        pytest.param("map[ingress:[map[hostname:A_b]]]", None, id="no-name"),
        pytest.param("map[ingress:[map[hostname:$(id)]]]", None, id="no-name-either"),
        pytest.param("map[ingress:[map[ip:999.0.0.1]]]", "999.0.0.1", id="a-name-of-digits"),
        pytest.param(WITHOUT_ADDRESS, None, id="none"),
        pytest.param("<nil>", None, id="nothing"),
        pytest.param("", None, id="not-read"),
    ],
)
def test_address(text: str, expected: str | None) -> None:
    """The address is read out of what Go prints of a map."""
    key = FIRST["LoadBalancer"][0]
    observed = seen("LoadBalancer", {key}, **{key: text})
    assert observed_exposure.address(Exposure("LoadBalancer", HOSTNAME), observed) == expected


def go(value: object) -> str:
    """Return a value as Go's fmt.Sprintf("%v") writes it, which sorts the keys of a map."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{k}:{go(v)}' for k, v in sorted(value.items()))}]"
    if isinstance(value, list):
        return f"[{' '.join(go(each) for each in value)}]"
    return "<nil>" if value is None else str(value)


def test_go() -> None:
    """The helper writes what the real one did."""
    assert go({}) == WITHOUT_ADDRESS
    assert go({"ingress": [{"ipMode": "VIP", "ip": "10.250.0.9"}]}) == BY_IP


ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "ip": st.ip_addresses().map(str),
        "hostname": st.from_regex(r"[a-z0-9]{1,5}(\.[a-z0-9]{1,5}){1,2}", fullmatch=True),
        "ipMode": st.sampled_from(["VIP", "Proxy"]),
        "ports": st.just([{"port": 443, "protocol": "TCP"}]),
    },
)


@settings(deadline=None)
@given(st.lists(ENTRY, max_size=3))
def test_an_address_is_found_if_there_is_one(entries: list[dict[str, Any]]) -> None:
    """The first entry with an address has it, by name before number."""
    expected = next(
        (each.get("hostname") or each["ip"] for each in entries if {"hostname", "ip"} & {*each}),
        None,
    )
    key = FIRST["Ingress"][0]
    observed = seen("Ingress", {key}, **{key: go({"ingress": entries})})
    assert observed_exposure.address(Exposure("Ingress", HOSTNAME), observed) == expected


@settings(deadline=None)
@given(st.text(), st.sampled_from(TYPES))
def test_nothing_that_is_told_breaks_anything(text: str, typ: Any) -> None:
    """Whatever a controller writes, the answer is yes or no."""
    keys = {FIRST[typ][0], STATUS[0], SECRET[0]}
    observed = seen(typ, keys, **dict.fromkeys(keys, text))
    assert observed_vcluster.condition(observed).reason in ("Available", "WaitingForAddress")
    observed_exposure.address(Exposure(typ, HOSTNAME), observed)


@pytest.mark.parametrize(
    ("kubeconfig", "expected"),
    [
        (b"clusters:\n- cluster:\n    server: https://a.example.org\n  name: x\n", "https://a.example.org"),
        (b"    server: https://a.example.org:443\n", "https://a.example.org:443"),
        (b"    server: https://[2001:db8::7]:30443\n", "https://[2001:db8::7]:30443"),
        (b"    server: https://a.example.org:443/path\n", ""),
        (b"    server: https://user:token@a\n", ""),
        (b"users: []\n", ""),
        (b"\xff\xfe", ""),
        (b"", ""),
    ],
)  # fmt: skip
def test_only_the_server_of_a_kubeconfig_enters(kubeconfig: bytes, expected: str) -> None:
    """The credentials stay outside."""
    found = parse.parse_release({}, {"externalKubeconfig": kubeconfig})
    assert found.external_server == expected
    assert found.details == {}


def test_details_of_ways_in_are_public() -> None:
    """Addresses and conditions are no secret."""
    details = {key: b"x" for key, *_ in (*FIRST.values(), STATUS)}
    assert parse.parse_release({}, details).details == dict.fromkeys(sorted(details), "x")


def request(state: str = "ready", **expose: Any) -> Request:
    """Return a request of the exposed example, on a platform with every way in."""
    req = protobuf.decode(life.request("exposed", state))
    platform = changed(req.input or {}, PLATFORM)
    spec: Any = req.composite["spec"]
    composite = {**req.composite, "spec": {**spec, "expose": expose or spec["expose"]}}
    return replace(req, input=platform, composite=composite)


def observing(req: Request, answer_to: Request) -> Request:
    """Return a request in which the Releases are what another was answered with."""
    answer = compose(answer_to)
    seen_now = req.observed
    changes = {}
    for key in ("namespace", "vcluster"):
        provider = answer.resources[key].resource["spec"]
        changes[key] = replace(
            getattr(seen_now, key),
            values=provider["forProvider"]["values"],
            connection_keys=frozenset(
                d["toConnectionSecretKey"] for d in provider.get("connectionDetails", ())
            ),
        )
    return replace(req, observed=replace(seen_now, **changes))


def control_plane(req: Request) -> tuple[Condition, str]:
    """Return ControlPlaneReady, and the type of the Service that is asked for."""
    answer = compose(req)
    (found,) = (c for c in answer.conditions if c.type == "ControlPlaneReady")
    values = answer.resources["vcluster"].resource["spec"]["forProvider"]["values"]
    return found, values["controlPlane"]["service"]["spec"]["type"]


@pytest.mark.parametrize(
    ("typ", "endpoint", "secret"),
    [
        (
            "ClusterIP",
            "https://laden-vcluster.laden.svc:443",
            "vc-laden-vcluster",
        ),
        *((typ, "https://laden.k8s.example.org", "vc-laden-vcluster-external") for typ in TYPES),
    ],
)
def test_status_and_readers(typ: str, endpoint: str, secret: str) -> None:
    """The status names what a customer uses, and his readers may read that and no other."""
    answer = compose(request(type=typ))
    assert answer.status
    assert answer.status["endpoint"] == endpoint
    assert answer.status["kubeconfigSecretRef"]["name"] == secret
    namespace = answer.resources["namespace"].resource["spec"]["forProvider"]["values"]
    assert namespace["kubeconfig"]["secret"] == secret
    rancher = answer.resources["rancher"].resource["spec"]["forProvider"]["values"]
    assert rancher["vcluster"]["kubeconfigSecret"]["name"] == "vc-laden-vcluster"
    (internal,) = (
        d
        for d in answer.resources["vcluster"].resource["spec"]["connectionDetails"]
        if d["toConnectionSecretKey"] == "kubeconfig"
    )
    assert internal["name"] == "vc-laden-vcluster"


def test_the_address_leaves_the_status_with_its_way_in() -> None:
    """An address of before is no address of now."""
    before, after = compose(request()).status, compose(request(type="LoadBalancer")).status
    assert before
    assert after
    assert before["address"] == "192.0.2.20"
    assert "address" not in after


def test_no_more_peers_are_let_in() -> None:
    """The API server's port is open to all anyway; the customer's pods stay closed."""
    for typ in ("ClusterIP", *TYPES):
        answer = compose(request(type=typ))
        values = answer.resources["namespace"].resource["spec"]["forProvider"]["values"]
        assert values["networkPolicy"]["ingressFrom"] == []


def test_a_load_balancer_waits_for_its_quota() -> None:
    """Helm would give up on a Service that the quota refuses, so that is raised first."""
    internal = observing(request(type="ClusterIP"), request(type="ClusterIP"))
    req = replace(internal, composite=request(type="LoadBalancer").composite)
    found, service = control_plane(req)
    assert (found.status, found.reason, service) == ("Unknown", "Updating", "ClusterIP")
    raised = observing(req, req)
    assert raised.observed.namespace
    quota_now: Any = raised.observed.namespace.values["quota"]
    assert (quota_now["services.loadbalancers"], quota_now["services.nodeports"]) == ("1", "1")
    for reason in ("Creating", "Available"):
        status: Any = "True" if reason == "Available" else "False"
        room = replace(raised.observed.namespace, ready=Condition("Ready", status, reason))
        found, service = control_plane(
            replace(raised, observed=replace(raised.observed, namespace=room))
        )
        assert (found.status, found.reason) == ("Unknown", "Updating")
        assert service == ("LoadBalancer" if reason == "Available" else "ClusterIP")


@pytest.mark.parametrize("offer", [{}, {"byHostname": True}, {"byHostname": False}])
@pytest.mark.parametrize("limits", [{}, {"loadBalancers": 2}, {"nodePorts": 3, "loadBalancers": 0}])
@pytest.mark.parametrize("typ", ["LoadBalancer", "NodePort"])
def test_the_wait_ends_with_the_quota_that_is_desired(
    typ: str, limits: dict[str, int], offer: dict[str, bool]
) -> None:
    """The room that is waited for is the room that the namespace gets, however it is counted."""
    kubelets = {"networking": {"advanced": {"proxyKubelets": offer}}} if offer else {}
    ports = {"hosts.local.nodePorts": {"from": 30000, "to": 32767, "address": "192.0.2.1"}}
    given = {**PLATFORM, **ports, "vcluster.values": kubelets, "plans.small.quota": limits}
    found = config(given)
    port = {"port": 30443} if typ == "NodePort" else {}
    asked = wanted(asking("laden", expose={"type": typ, **port}), found)
    hard = decided(asked, found).quota.hard
    room = deployed(values={"quota": hard}, name="laden-namespace")
    assert exposure.awaits_quota(asked, INTERNAL, found, room) is False
    for name in (exposure.LOAD_BALANCERS, exposure.NODE_PORTS):
        if name in hard:
            less = {**hard, name: str(int(hard[name]) - 1)}
            assert exposure.awaits_quota(
                asked, INTERNAL, found, replace(room, values={"quota": less})
            )


def test_values_are_rendered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while an exposure waits for quota."""
    internal = observing(request(type="ClusterIP"), request(type="ClusterIP"))
    waiting = replace(internal, composite=request(type="LoadBalancer").composite)
    seen = []

    def render(spec: ResolvedSpec, platform: Input) -> Values:
        seen.append(spec.exposure.type)
        return build_chart_values(spec, platform)

    monkeypatch.setattr("function.compose.build_chart_values", render)
    compose(waiting)
    assert seen == ["ClusterIP"]


def test_a_load_balancer_that_exists_is_kept() -> None:
    """Whatever becomes of the quota or the namespace, it does not come and go."""
    found = config(PLATFORM)
    asked = wanted(asking("laden", expose={"type": "LoadBalancer"}), found)
    req = request(type="LoadBalancer")
    assert req.observed.vcluster
    assert req.observed.namespace
    broken = replace(req.observed.namespace, ready=Condition("Ready", "False", "Creating"))
    exposed_now = replace(req.observed.vcluster, values=build_chart_values(asked, found))
    req = replace(req, observed=replace(req.observed, namespace=broken, vcluster=exposed_now))
    assert control_plane(req)[1] == "LoadBalancer"


@pytest.mark.parametrize(
    ("typ", "asked", "balancers", "ports"),
    [
        ("LoadBalancer", 0, "1", "1"),
        ("LoadBalancer", 2, "3", "9"),
        ("Ingress", 0, "0", "0"),
        ("Gateway", 2, "2", "8"),
    ],
)
def test_quota(typ: str, asked: int, balancers: str, ports: str) -> None:
    """The platform's own load balancer takes none of the customer's."""
    rows = list_allowances(exposed(typ), LimitRange(), highly_available=False, agent=None)
    hard = quota.hard(Quota(loadBalancers=asked), rows, LimitRange())
    assert hard == {"services.loadbalancers": balancers, "services.nodeports": ports}


def test_no_quota_of_load_balancers_stays_none() -> None:
    """What is not limited is not limited by the platform's share."""
    rows = list_allowances(
        exposed("LoadBalancer"), LimitRange(), highly_available=False, agent=None
    )
    assert quota.hard(Quota(), rows, LimitRange()) == {}


def test_a_name_fits_wherever_it_may_be_used() -> None:
    """The longest VCluster in the longest domain still has a name in DNS."""
    domain = ".".join(["a" * 63, "b" * 63, "c" * 61])
    long = "k" * names.LONGEST
    found = config({**PLATFORM, "expose.domain": domain})
    asked = asking(long, expose={"type": "Ingress"})
    hostname = wanted(asked, found).exposure.hostname
    assert hostname == f"{long}.{domain}"
    asking(expose={"type": "Ingress", "hostname": hostname})
    with pytest.raises(InvalidError, match="at most 189"):
        config({**PLATFORM, "expose.domain": f"{domain}c"})


def test_recorded_releases_are_internal() -> None:
    """Releases of before this was built are as they were."""
    found = read(Observed(vcluster=recorded("kunde2-03")))
    assert found
    assert found.exposure == INTERNAL
