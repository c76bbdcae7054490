"""NodePort as a way in: which ports a spec may have, what the chart gets, and how a clash reads."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from dev.scripts import life
from function import protobuf
from function.api.errors import InvalidError
from function.api.fields import Quota
from function.api.input import LimitRange
from function.api.validate import VersionPair
from function.compose import compose
from function.decision import quota, tenant_limits
from function.decision.allowances import list_allowances
from function.decision.upgrade import UpgradePlan
from function.desired import vcluster
from function.desired.chart_values import build_chart_values
from function.observed import exposure, parse, record
from function.observed import vcluster as observed_vcluster
from function.observed.current import read
from function.observed.exposure import Exposure
from function.observed.state import Condition, Observed, ObservedRelease, Request
from function.response import conditions, upgrade
from tests.support.factories import changed, config, deployed, pods, wanted
from tests.support.factories import vcluster as asking
from tests.unit.desired.test_exposure import HEALTH, SANS, SECRET, observing

PORTS: dict[str, Any] = {"address": "nodes.example.org", "from": 30400, "to": 30499}
PLATFORM: dict[str, Any] = {
    "hosts": {"local": {"nodePorts": PORTS}},
    "expose.domain": "k8s.example.org",
    "tenant.exposeTypes": ["ClusterIP", "NodePort", "LoadBalancer", "Ingress"],
}
ASKED: dict[str, Any] = {"type": "NodePort", "port": 30443}
SERVER = "https://nodes.example.org:30443"


def values(expose: Mapping[str, Any], platform: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the chart's values of a VCluster that is exposed so."""
    found = config({**PLATFORM, **(platform or {})})
    return build_chart_values(wanted(asking(expose=expose), found), found)


@pytest.mark.parametrize(
    ("expose", "platform", "sentence"),
    [
        pytest.param(
            ASKED,
            {"tenant.exposeTypes": ["ClusterIP", "Ingress"]},
            "spec.expose.type: is not a way in that the platform allows. "
            "Choose one of: ClusterIP, Ingress.",
            id="type",
        ),
        pytest.param(
            ASKED,
            {"hosts": {"a": {}, "b": {"providerConfig": "b", "nodePorts": PORTS}}},
            "spec.expose.type: cannot be NodePort on host a, for which the Input has no "
            "hosts.a.nodePorts. Choose another way in, or ask the platform team for node ports.",
            id="host-without-node-ports",
        ),
        pytest.param(
            {"type": "NodePort"},
            {},
            "spec.expose.port: is required with type NodePort. Choose one from 30400 to 30499 that "
            "no other Service has.",
            id="no-port",
        ),
        pytest.param(
            {"type": "NodePort", "port": 30399},
            {},
            "spec.expose.port: must be from 30400 to 30499, the node ports of host local. "
            "Choose one of them that no other Service has.",
            id="below",
        ),
        pytest.param(
            {"type": "NodePort", "port": 30500},
            {},
            "spec.expose.port: must be from 30400 to 30499, the node ports of host local. "
            "Choose one of them that no other Service has.",
            id="above",
        ),
        pytest.param(
            {**ASKED, "hostname": "kunde1.k8s.example.org"},
            {},
            "spec.expose.hostname: is a name below the platform's domain, and type NodePort is "
            "reached by nodes.example.org. Leave it out, or choose another spec.expose.type.",
            id="hostname",
        ),
        *(
            pytest.param(
                {"type": typ, "port": 30443},
                {},
                "spec.expose.port: is a port of the host's nodes, for type NodePort only. "
                "Leave it out, or choose spec.expose.type NodePort.",
                id=f"port-of-{typ}",
            )
            for typ in ("ClusterIP", "LoadBalancer", "Ingress")
        ),
    ],
)
def test_refused(expose: dict[str, Any], platform: dict[str, Any], sentence: str) -> None:
    """A spec gets no port that the platform does not give, and each refusal says what to write."""
    found = config({**PLATFORM, **platform})
    asked = asking(expose=expose, host="a" if "a" in found.hosts else None)
    with pytest.raises(InvalidError) as error:
        tenant_limits.check(asked.spec, wanted(asked, found), found, new=True)
    assert str(error.value) == sentence


@pytest.mark.parametrize("port", [30400, 30443, 30499])
def test_ports_of_the_range(port: int) -> None:
    """First and last port belong to the range."""
    found = config(PLATFORM)
    asked = asking(expose={"type": "NodePort", "port": port})
    tenant_limits.check(asked.spec, wanted(asked, found), found, new=True)
    assert wanted(asked, found).exposure == Exposure("NodePort", "nodes.example.org", port)


def test_the_address_is_that_of_the_host() -> None:
    """Of several hosts each has an address of its own, and no domain is needed."""
    found = config(
        {
            "hosts": {
                "a": {"nodePorts": PORTS},
                "b": {"providerConfig": "b", "nodePorts": {**PORTS, "address": "192.0.2.7"}},
            },
            "tenant.exposeTypes": ["NodePort"],
        }
    )
    asked = asking(expose=ASKED, host="b")
    tenant_limits.check(asked.spec, wanted(asked, found), found, new=True)
    assert wanted(asked, found).exposure.server == "https://192.0.2.7:30443"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        pytest.param(
            {"hosts": {"local": {}}},
            "input: tenant.exposeTypes with NodePort needs hosts.<name>.nodePorts. Correct it.",
            id="no-host-has-them",
        ),
        pytest.param(
            {"hosts.local.nodePorts.from": 30500},
            "input.hosts.local.nodePorts: from must not be above to. Correct it.",
            id="descending",
        ),
        pytest.param(
            {
                "hosts": {
                    "a": {"nodePorts": PORTS},
                    "b": {"providerConfig": "b", "nodePorts": {**PORTS, "from": 30499}},
                }
            },
            "input: hosts must not give the same nodePorts at one address: two virtual clusters "
            "would have one endpoint. Correct it.",
            id="two-hosts",
        ),
    ],
)
def test_the_input_is_complete(changes: dict[str, Any], sentence: str) -> None:
    """A platform learns at once what NodePort still needs."""
    with pytest.raises(InvalidError) as error:
        config({**PLATFORM, **changes})
    assert str(error.value) == sentence
    assert error.value.reason == "InvalidInput"


def test_hosts_behind_one_address() -> None:
    """A load balancer may lead to two hosts by ranges of their own."""
    config(
        {
            "hosts": {
                "a": {"nodePorts": {**PORTS, "to": 30449}},
                "b": {"providerConfig": "b", "nodePorts": {**PORTS, "from": 30450}},
            }
        }
    )


@pytest.mark.parametrize("address", ["nodes.example.org", "node-1", "192.0.2.7", "2001:db8::7"])
def test_addresses(address: str) -> None:
    """Names in DNS, and addresses of both families."""
    found = config({**PLATFORM, "hosts.local.nodePorts.address": address})
    assert found.hosts["local"].nodePorts
    assert found.hosts["local"].nodePorts.address == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "https://nodes.example.org",
        "nodes.example.org:6443",
        "192.0.2.7:30443",
        "[2001:db8::7]",
        "2001:DB8::7",
        "2001:db8::7%eth0",
        "2001:db8:::7",
        "999.0.2.7",
        "192.0.2",
        "192.0.2.0/24",
        "Nodes.example.org",
        "a..b",
        "*.example.org",
        "a b",
        "a\n",
    ],
)
def test_what_is_no_address(address: str) -> None:
    """What is no address gets neither into a certificate nor into a kubeconfig."""
    with pytest.raises(InvalidError) as error:
        config({**PLATFORM, "hosts.local.nodePorts.address": address})
    assert str(error.value) == (
        "input.hosts.local.nodePorts.address: must be a name in DNS or an IP address, in lower "
        "case, such as nodes.example.org, without scheme and port. Correct it."
    )


@pytest.mark.parametrize(
    ("address", "server"),
    [
        ("nodes.example.org", SERVER),
        ("192.0.2.7", "https://192.0.2.7:30443"),
        ("2001:db8::7", "https://[2001:db8::7]:30443"),
    ],
)
def test_values(address: str, server: str) -> None:
    """Type and port of the Service, the address in the certificate, and a kubeconfig for it."""
    platform = {"hosts.local.nodePorts.address": address}
    secret = {"name": "vc-kunde1-vcluster-external", "context": "kunde1", "server": server}
    found = values(ASKED, platform)
    assert found == changed(
        values({"type": "ClusterIP"}, platform),
        {
            "controlPlane.proxy.extraSANs": [*SANS, address],
            "exportKubeConfig.additionalSecrets": [secret],
            "controlPlane.service": {"spec": {"type": "NodePort"}, "httpsNodePort": 30443},
        },
    )
    current = read(Observed(vcluster=deployed(values=found)))
    assert current
    assert current.exposure == Exposure("NodePort", address, 30443)
    kubeconfig = f"clusters:\n- cluster:\n    server: {server}\n".encode()
    assert parse.parse_release({}, {"externalKubeconfig": kubeconfig}).external_server == server


def seen(**changes: Any) -> ObservedRelease:
    """Return a healthy Release with a node port."""
    return replace(
        deployed(
            values=values(ASKED),
            connection_keys=HEALTH | {SECRET[0]},
            details={"workload": pods(1)},
            has_kubeconfig=True,
            external_server=SERVER,
        ),
        **changes,
    )


def test_ready_needs_no_address() -> None:
    """The address is known before: READY waits for the kubeconfig alone."""
    assert observed_vcluster.condition(seen()) == Condition(
        "ControlPlaneReady", "True", "Available", ""
    )
    assert exposure.address(Exposure("NodePort", "nodes.example.org", 30443), seen()) is None
    assert observed_vcluster.condition(
        seen(external_server="https://nodes.example.org:30444")
    ) == Condition(
        "ControlPlaneReady",
        "False",
        "WaitingForKubeconfig",
        f"The control plane runs; its kubeconfig for {SERVER} was not written yet.",
    )


def test_only_the_kubeconfig_is_read() -> None:
    """A Service of type NodePort has no status to wait for."""
    found = config(PLATFORM)
    release = vcluster.desired(wanted(asking(expose=ASKED), found), found, {}, seen())
    details = release["spec"]["connectionDetails"]
    read = [(d["toConnectionSecretKey"], d["kind"], d["name"]) for d in details]
    assert [each for each in read if each[0] not in HEALTH] == [
        ("externalKubeconfig", "Secret", "vc-kunde1-vcluster-external")
    ]


REFUSES = (
    'failed to install release: Service "kunde1-vcluster" is invalid: spec.ports[0].nodePort: '
    "Invalid value: 30443: "
)
TAKEN = f"{REFUSES}provided port is already allocated"
OUTSIDE = (
    f"{REFUSES}provided port is not in the valid range. The range of valid ports is 31000-32767"
)
TAKEN_WORDS = (
    "spec.expose.port: node port 30443 belongs to another Service of the host. Choose another port."
)
OUTSIDE_WORDS = (
    "spec.expose.port: node port 30443 is not one of those that the host gives to Services, "
    "31000-32767. Choose one of them; the platform team corrects hosts.<name>.nodePorts of the "
    "Input."
)


def failing(kind: str, words: str) -> ObservedRelease:
    """Return a Release in which Helm has failed with these words."""
    if kind == "failed":
        return seen(state="failed", description=words)
    if kind == "create":
        synced = Condition("Synced", "False", "ReconcileError", f"create failed: {words}")
        return seen(state="", synced=synced)
    synced = Condition("Synced", "False", "ReconcileError", f"update failed: {words}")
    return seen(synced=synced)


@pytest.mark.parametrize("kind", ["failed", "create", "update"])
@pytest.mark.parametrize(
    ("words", "sentence"),
    [(TAKEN, TAKEN_WORDS), (OUTSIDE, OUTSIDE_WORDS)],
    ids=["taken", "outside"],
)
def test_a_refused_port(kind: str, words: str, sentence: str) -> None:
    """Field and remedy in the place of Helm's words, whichever way Helm failed."""
    found = observed_vcluster.condition(failing(kind, words))
    assert found == Condition("ControlPlaneReady", "False", "PortRefused", sentence)


def test_other_failures_keep_helms_words() -> None:
    """Only the port that is asked for is spoken of."""
    assert observed_vcluster.condition(failing("failed", "no such host")).reason == "ReleaseFailed"
    other = replace(failing("failed", TAKEN), values=values({"type": "LoadBalancer"}))
    assert observed_vcluster.condition(other).reason == "ReleaseFailed"
    assert observed_vcluster.condition(seen(values=values(ASKED))).reason == "Available"


def request(state: str = "ready", **expose: Any) -> Request:
    """Return a request of the exposed example, on a platform with node ports."""
    req = protobuf.decode(life.request("exposed", state))
    spec: Any = req.composite["spec"]
    composite = {**req.composite, "spec": {**spec, "expose": expose}}
    return replace(req, input=changed(req.input or {}, PLATFORM), composite=composite)


def exposed(**expose: Any) -> Request:
    """Return a request of what has this way in, as its record says too."""
    req = request(**expose)
    for _ in range(2):  # The quota comes first.
        answer = compose(req)
        req = observing(req, req)
        seen_now = req.observed.namespace
        assert seen_now
        annotations = answer.resources["namespace"].resource["metadata"]["annotations"]
        ready = Condition("Ready", "True", "Available")
        room = replace(seen_now, ready=ready, record=annotations[record.ANNOTATION])
        req = replace(req, observed=replace(req.observed, namespace=room))
    return req


def test_events_and_upgrades_tell_of_it() -> None:
    """The event is a warning, and an upgrade at that time has failed."""
    req = exposed(**ASKED)
    assert req.observed.vcluster
    broken = replace(req.observed.vcluster, state="failed", description=TAKEN)
    answer = compose(replace(req, observed=replace(req.observed, vcluster=broken)))
    (found,) = (c for c in answer.conditions if c.type == "ControlPlaneReady")
    assert (found.status, found.reason, found.message) == ("False", "PortRefused", TAKEN_WORDS)
    (event,) = (e for e in answer.events if e.reason == "ControlPlaneReady")
    assert event.warning
    first, second = VersionPair("0.35.3", "1.35.0"), VersionPair("0.36.1", "1.35.0")
    way = UpgradePlan(second, second, (first, second))
    step = upgrade.progress(way, settled=False)
    assert upgrade.condition(way, step, "", found) == Condition(
        "Upgraded", "False", "UpgradeFailed", f"Step 1 of 1: chart 0.35.3 to 0.36.1. {TAKEN_WORDS}"
    )


def test_a_tenant_reads_it_too() -> None:
    """It names nothing of the host's but the port, so it is no secret in scope Namespaced."""
    found = observed_vcluster.condition(failing("failed", TAKEN))
    assert conditions.for_reader([found], "team-a") == ((found,), ())


INSIDE_AND_OUT: list[dict[str, Any]] = [{"type": "ClusterIP"}, ASKED]


def test_no_more_peers_are_let_in() -> None:
    """The API server's port is open to all anyway; the tenant's pods stay closed."""
    rooms = [
        compose(request(**expose)).resources["namespace"].resource["spec"]["forProvider"]["values"]
        for expose in INSIDE_AND_OUT
    ]
    assert rooms[0]["networkPolicy"] == rooms[1]["networkPolicy"]
    assert rooms[1]["kubeconfig"]["secret"] == "vc-laden-vcluster-external"


def test_status() -> None:
    """The status names address and port, and the kubeconfig for them."""
    answer = compose(request(**ASKED))
    assert answer.status
    assert answer.status["endpoint"] == SERVER
    assert "address" not in answer.status
    assert answer.status["kubeconfigSecretRef"]["name"] == "vc-laden-vcluster-external"


@pytest.mark.parametrize(
    ("before", "after", "platform", "granted", "sentence"),
    [
        pytest.param(
            ASKED, {"type": "NodePort", "port": 30444}, {}, (30444, "NodePort"), "", id="port"
        ),
        pytest.param(
            ASKED,
            {"type": "NodePort", "port": 3},
            {},
            (30443, "NodePort"),
            "spec.expose.port: must be from 30400 to 30499, the node ports of host local. Choose "
            "one of them that no other Service has. Until then what was granted before stays.",
            id="port-outside",
        ),
        pytest.param(
            ASKED,
            {"type": "NodePort"},
            {},
            (30443, "NodePort"),
            "spec.expose.port: is required with type NodePort. Choose one from 30400 to 30499 that "
            "no other Service has. Until then what was granted before stays.",
            id="port-removed",
        ),
        pytest.param(
            {"type": "Ingress"},
            {"type": "NodePort"},
            {},
            (None, None),
            "spec.expose.port: is required with type NodePort. Choose one from 30400 to 30499 that "
            "no other Service has. Until then what was granted before stays.",
            id="from-ingress-without-port",
        ),
        pytest.param(
            ASKED,
            ASKED,
            {"hosts.local.nodePorts.to": 30442},
            (None, None),
            "spec.expose.port: must be from 30400 to 30442, the node ports of host local. Choose "
            "one of them that no other Service has. Until then the platform's default applies.",
            id="range-shrinks",
        ),
    ],
)
def test_changes(
    before: dict[str, Any],
    after: dict[str, Any],
    platform: dict[str, Any],
    granted: tuple[int | None, str | None],
    sentence: str,
) -> None:
    """A wrong change leaves the way in that there is; the rest of the spec is applied."""
    req = exposed(**before)
    changed_input = changed(req.input or {}, platform)
    answer = compose(replace(req, composite=request(**after).composite, input=changed_input))
    found = answer.resources["vcluster"].resource["spec"]["forProvider"]["values"]
    service = found["controlPlane"]["service"]
    typ = service["spec"]["type"]
    assert (service.get("httpsNodePort"), typ if typ == "NodePort" else None) == granted
    (accepted,) = (c for c in answer.conditions if c.type == "Accepted")
    assert accepted.message == sentence


def test_a_port_without_a_record() -> None:
    """Where nothing records what was granted, the Release shows the port that stays."""
    req = exposed(**ASKED)
    assert req.observed.namespace
    room = replace(req.observed.namespace, record="")
    asked = request(type="NodePort", port=3).composite
    observed = replace(req.observed, namespace=room)
    found = compose(replace(req, composite=asked, observed=observed)).resources["vcluster"]
    service = found.resource["spec"]["forProvider"]["values"]["controlPlane"]["service"]
    assert (service["spec"]["type"], service["httpsNodePort"]) == ("NodePort", 30443)


@pytest.mark.parametrize("before", [{"type": "ClusterIP"}, {"type": "LoadBalancer"}])
def test_a_node_port_waits_for_its_quota(before: dict[str, Any]) -> None:
    """Helm would give up on a Service that the quota refuses, so that is raised first."""
    req = replace(exposed(**before), composite=request(**ASKED).composite)
    assert service_of(req) == before["type"]
    raised = observing(req, req)
    assert raised.observed.namespace
    hard: Any = raised.observed.namespace.values["quota"]
    assert (hard["services.loadbalancers"], hard["services.nodeports"]) == ("0", "1")
    assert raised.observed.vcluster
    assert service_of(raised) == "NodePort"


def service_of(req: Request) -> str:
    """Return the type of the Service that is asked for."""
    found = compose(req).resources["vcluster"].resource["spec"]["forProvider"]["values"]
    return str(found["controlPlane"]["service"]["spec"]["type"])


@pytest.mark.parametrize(
    ("asked", "platform", "hard"),
    [
        ({"nodePorts": 0}, {}, {"services.nodeports": "1"}),
        (
            {"loadBalancers": 2, "nodePorts": 3},
            {},
            {"services.loadbalancers": "2", "services.nodeports": "12"},
        ),
        (
            {"nodePorts": 0},
            {"vcluster.values.networking.advanced.proxyKubelets.byHostname": True},
            {"services.nodeports": "2"},
        ),
        ({}, {}, {}),
    ],
)
def test_quota(asked: dict[str, int], platform: dict[str, Any], hard: dict[str, str]) -> None:
    """The control plane's node ports take none of the tenant's."""
    rows = list_allowances(
        values(ASKED, platform), LimitRange(), highly_available=False, agent=None
    )
    assert quota.hard(Quota(**asked), rows, LimitRange()) == hard
