"""What a customer's pods can reach and do, tried by such pods.

The node enforces network policies and pod security. It has no way to the internet, so that a
tenant's pods may go there is not shown.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from dev.platform.command import PlatformError
from dev.platform.place import API_PORT, API_SERVICE, NODE_ADDRESS, RANCHER
from tests.e2e.kube import Kube, Object, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.smoke

IMAGE = "docker.io/library/busybox:1.36.1"
PORT = 8080
SERVE = f"mkdir -p /www && echo hello >/www/index.html && exec httpd -f -p {PORT} -h /www"
KUBELET_PORT = 10250
REACH_SECONDS = 3
ANSWER_SECONDS = 60
SYNC_SECONDS = 10
"""What the syncer takes at most for an object, on a busy machine."""

NAME_SECONDS = 180
"""CoreDNS waits for up to a minute between attempts to reach an API server that has restarted."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """A customer with a pod that serves and tries."""

    name: str
    inside: Kube
    address: str
    """The pod's."""

    def reaches(self, address: str, port: int) -> bool:
        """Tell whether the pod can open a connection."""
        answers: list[str] = []

        def is_answered() -> bool:
            """Try once; that the API is away, as after a change of the plan, is no answer."""
            try:
                self.inside("exec", "server", "--", *connect(address, port))
            except PlatformError as error:
                answers.append(str(error))
                return "command terminated with exit code 1" in answers[-1]
            answers.append("")
            return True

        until("the pod answers", is_answered, ANSWER_SECONDS, lambda: answers[-1])
        return not answers[-1]


def connect(address: str, port: int) -> tuple[str, ...]:
    """Return the command that opens a connection, and fails if it cannot."""
    return ("nc", "-w", str(REACH_SECONDS), address, str(port), "-e", "/bin/echo")


@pytest.fixture(scope="module")
def pair(
    opened: Callable[[str], Kube], tenants: tuple[str, ...]
) -> Iterator[tuple[Tenant, Tenant]]:
    """Return two customers, each with a pod."""
    found = []
    for name in tenants:
        inside = opened(name)
        inside("run", "server", f"--image={IMAGE}", "--", "sh", "-c", SERVE)
        inside("expose", "pod", "server", f"--port={PORT}")
        found.append((name, inside))
    for name, inside in found:
        until(f"the pod of {name} runs", lambda inside=inside: _address(inside), 60)  # type: ignore[misc]
    one, other = (Tenant(name, inside, _address(inside)) for name, inside in found)
    yield one, other
    for _, inside in found:
        inside("delete", "pod,service", "server", "--grace-period=0", "--force")


def looked_up(tenant: Tenant, lookup: tuple[str, ...]) -> str:
    """Return what a pod is told about a name, or nothing as long as nobody knows it."""
    try:
        return tenant.inside("exec", "server", "--", *lookup)
    except PlatformError:
        return ""


def _address(inside: Kube) -> str:
    status = (inside.get("pod", "server", "default") or {}).get("status", {})
    return str(status.get("podIP", "")) if status.get("phase") == "Running" else ""


def test_a_pod_reaches_its_own_cluster(pair: tuple[Tenant, Tenant]) -> None:
    """By address and by name: what follows does not fail for another reason."""
    for tenant in pair:
        until("it serves", lambda tenant=tenant: tenant.reaches(tenant.address, PORT), 30)  # type: ignore[misc]
        service = tenant.inside.get("service", "server", "default") or {}
        name = "server.default.svc.cluster.local"
        known = tenant.inside("exec", "server", "--", "cat", "/etc/resolv.conf")
        resolver = known.partition("nameserver ")[2].split()[0]
        # A static busybox finds no server by itself.
        lookup = ("nslookup", "-type=a", name, resolver)
        answer = f"Address: {service['spec']['clusterIP']}\n"
        until(
            "its name is known",
            lambda tenant=tenant, lookup=lookup, answer=answer: answer in looked_up(tenant, lookup),  # type: ignore[misc]
            NAME_SECONDS,
        )
        url = f"http://{service['spec']['clusterIP']}:{PORT}"
        # A static busybox crashes on the timeout of its wget.
        served = tenant.inside("exec", "server", "--", "timeout", "5", "wget", "-qO-", url)
        assert served == "hello\n"


def test_a_pod_does_not_reach_another_customer(pair: tuple[Tenant, Tenant], kube: Kube) -> None:
    """Neither his pods, nor his API server."""
    one, other = pair
    service = kube.get("service", f"{other.name}-vcluster", other.name) or {}
    assert not one.reaches(other.address, PORT)
    assert not other.reaches(one.address, PORT)
    assert not one.reaches(service["spec"]["clusterIP"], 443)


@pytest.mark.parametrize(
    ("address", "port"),
    [(NODE_ADDRESS, API_PORT), (API_SERVICE, 443), (NODE_ADDRESS, KUBELET_PORT)],
    ids=["API server", "its Service", "kubelet"],
)
def test_a_pod_does_not_reach_the_host(
    pair: tuple[Tenant, Tenant], kube: Kube, address: str, port: int
) -> None:
    """The host's API server and kubelet are closed; a pod outside all tenants reaches them."""
    assert not pair[0].reaches(address, port)
    kube("run", "outsider", "-n", "default", f"--image={IMAGE}", "--", "sleep", "600")
    try:
        kube("wait", "pod/outsider", "-n", "default", "--for=condition=Ready")
        kube("exec", "outsider", "-n", "default", "--", *connect(address, port))
    finally:
        kube("delete", "pod", "outsider", "-n", "default", "--grace-period=0", "--force")


def test_a_pod_reaches_what_the_platform_opens(pair: tuple[Tenant, Tenant]) -> None:
    """Rancher, for its agent, by the Input's `rancher.egress`."""
    address, port = RANCHER.split(":")
    assert pair[0].reaches(address, int(port))


def _pod(**fields: object) -> Object:
    spec = {"containers": [{"name": "main", "image": IMAGE, "command": ["sleep", "600"]}]}
    return {"kind": "Pod", "spec": {**spec, **fields}}


def _claim(**fields: object) -> Object:
    size = {"requests": {"storage": "1Mi"}}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": size}
    return {"kind": "PersistentVolumeClaim", "spec": {**spec, **fields}}


def _service(**fields: object) -> Object:
    return {"kind": "Service", "spec": {"ports": [{"port": PORT}], **fields}}


DENIED = {"annotations": {"k8s.v1.cni.cncf.io/networks": "default/host"}}


@pytest.mark.parametrize(
    ("obj", "metadata", "rule"),
    [
        pytest.param(_pod(nodeName="NODE"), {}, "spec.nodeName would pass by", id="node"),
        pytest.param(_pod(), DENIED, "annotations are refused by the platform", id="annotation"),
        pytest.param(_claim(volumeName="another"), {}, "spec.volumeName is refused", id="volume"),
        pytest.param(_claim(storageClassName=""), {}, "a storage class is needed", id="no-class"),
    ],
)
def test_what_would_leave_the_bounds_of_the_host_is_refused(
    pair: tuple[Tenant, Tenant], kube: Kube, obj: Object, metadata: Object, rule: str
) -> None:
    """What the syncer sends of it the host refuses, and an event inside says why."""
    tenant = pair[0]
    [node] = [one["metadata"]["name"] for one in kube.list("nodes")]
    named = {"name": "bounds", "namespace": "default", **metadata}
    tried = json.dumps({"apiVersion": "v1", **obj, "metadata": named}).replace("NODE", node)
    tenant.inside("apply", "-f", "-", text=tried)
    kind = str(obj["kind"])
    try:

        def is_said() -> bool:
            events = tenant.inside.list("events", "default")
            return any(
                rule in event.get("message", "")
                for event in events
                if (event["involvedObject"]["kind"], event["involvedObject"]["name"])
                == (kind, "bounds")
            )

        until("an event says so", is_said, 60)
        on_host = [one["metadata"]["name"] for one in kube.list(f"{kind}s".lower(), tenant.name)]
        assert [name for name in on_host if name.startswith("bounds-x-")] == []
    finally:
        tenant.inside("delete", kind, "bounds", "--grace-period=0", "--force")


@pytest.mark.parametrize(
    ("obj", "rule"),
    [
        pytest.param(_service(externalIPs=["192.0.2.1"]), "spec.externalIPs", id="external-ips"),
        pytest.param(
            _service(type="LoadBalancer", loadBalancerIP="192.0.2.1"),
            "spec.loadBalancerIP",
            id="load-balancer-ip",
        ),
        pytest.param(
            _service(type="ExternalName", externalName="kubernetes.default.svc.cluster.local"),
            "type ExternalName",
            id="external-name",
        ),
    ],
)
def test_services_that_lead_to_others_are_refused(
    pair: tuple[Tenant, Tenant], obj: Object, rule: str
) -> None:
    """The virtual cluster asks the host first, and hands its words on."""
    named = {"name": "bounds", "namespace": "default"}
    with pytest.raises(PlatformError, match=f"{rule} is refused"):
        pair[0].inside.apply({"apiVersion": "v1", **obj, "metadata": named})


def test_endpoints_of_a_tenant_stay_inside(pair: tuple[Tenant, Tenant], kube: Kube) -> None:
    """A Service without a selector leads nowhere on the host, whatever Endpoints it has inside."""
    one, other = pair
    named = {"name": "bounds", "namespace": "default"}
    one.inside.apply({"apiVersion": "v1", **_service(), "metadata": named})
    try:
        subsets = [{"addresses": [{"ip": other.address}], "ports": [{"port": PORT}]}]
        endpoints = {"apiVersion": "v1", "kind": "Endpoints", "metadata": named}
        one.inside.apply({**endpoints, "subsets": subsets})
        time.sleep(SYNC_SECONDS)
        services = [each["metadata"]["name"] for each in kube.list("services", one.name)]
        assert [name for name in services if name.startswith("bounds-x-")] != []
        for kind in ("endpoints", "endpointslices.discovery.k8s.io"):
            found = [each["metadata"]["name"] for each in kube.list(kind, one.name)]
            assert [name for name in found if name.startswith("bounds")] == []
    finally:
        one.inside("delete", "service,endpoints", "bounds", "--ignore-not-found")


def test_the_syncer_binds_no_pods_and_makes_no_endpoints(
    pair: tuple[Tenant, Tenant], kube: Kube
) -> None:
    """Nor has it the right to, which is what the policies rely on for bindings."""
    account = f"--as=system:serviceaccount:{pair[0].name}:vc-{pair[0].name}-vcluster"
    for resource in (
        ("pods", "--subresource=binding"),
        ("endpoints",),
        ("endpointslices.discovery.k8s.io",),
    ):
        with pytest.raises(PlatformError, match="exit code 1"):
            kube("auth", "can-i", "create", *resource, "-n", pair[0].name, account)
    kube("auth", "can-i", "create", "pods", "-n", pair[0].name, account)


HOSTILE = [
    pytest.param({"securityContext": {"privileged": True}}, {}, "privileged", id="privileged"),
    pytest.param({}, {"hostNetwork": True}, "host namespaces", id="host-network"),
    pytest.param(
        {}, {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, "hostPath volumes", id="path"
    ),
]


def _hostile(namespace: str, container: Object, spec: Object) -> Object:
    main = {"name": "main", "image": IMAGE, "command": ["sleep", "600"], **container}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "hostile", "namespace": namespace},
        "spec": {"containers": [main], **spec},
    }


@pytest.mark.parametrize(("container", "spec", "rule"), HOSTILE)
def test_pod_security_refuses_what_would_take_the_host(
    pair: tuple[Tenant, Tenant], container: Object, spec: Object, rule: str
) -> None:
    """The virtual cluster itself refuses such a pod, with the rule."""
    with pytest.raises(PlatformError, match=rf"violates PodSecurity \"baseline:latest\": {rule}"):
        pair[0].inside.apply(_hostile("default", container, spec))


def test_pod_security_inside_cannot_be_lifted(pair: tuple[Tenant, Tenant]) -> None:
    """A customer relabels a namespace of his own: the syncer puts the label back."""
    inside = pair[0].inside
    inside("create", "namespace", "hostile")
    try:
        label = "pod-security.kubernetes.io/enforce"
        inside("label", "namespace", "hostile", f"{label}=privileged", "--overwrite")

        def is_back() -> bool:
            found = inside.get("namespace", "hostile") or {}
            return bool(found["metadata"]["labels"][label] == "baseline")

        until("the label is back", is_back, 30)
        with pytest.raises(PlatformError, match="violates PodSecurity"):
            inside.apply(_hostile("hostile", {}, {"hostNetwork": True}))
    finally:
        inside("delete", "namespace", "hostile", seconds=120)


@pytest.mark.parametrize(("container", "spec", "rule"), HOSTILE)
def test_the_host_refuses_what_got_through_inside(
    kube: Kube, pair: tuple[Tenant, Tenant], container: Object, spec: Object, rule: str
) -> None:
    """Whoever asks: the syncer has rights on pods there, but none to pod security."""
    pod = json.dumps(_hostile(pair[0].name, container, spec))
    refusal = rf"violates PodSecurity \"baseline:latest\": {rule}"
    with pytest.raises(PlatformError, match=refusal):
        kube("create", "--dry-run=server", "-f", "-", text=pod)
