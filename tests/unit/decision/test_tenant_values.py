"""`tenant.values` of the Input: what no spec may ever set, and what texts may not have in them."""

from typing import Any

import pytest

from function.api.errors import InvalidError
from function.decision import tenant_limits
from tests.support.factories import changed, config, vcluster, wanted

NEVER = (
    "rbac",
    "experimental",
    "plugins",
    "plugin",
    "controlPlane",
    "controlPlane.statefulSet",
    "controlPlane.statefulSet.resources",
    "controlPlane.distro",
    "controlPlane.distro.k8s.apiServer.extraArgs",
    "controlPlane.backingStore",
    "controlPlane.advanced",
    "controlPlane.advanced.serviceAccount.imagePullSecrets",
    "controlPlane.coredns",
    "controlPlane.coredns.deployment.image",
    "controlPlane.hostPathMapper",
    "controlPlane.ingress",
    "controlPlane.proxy",
    "controlPlane.service",
    "controlPlane.serviceMonitor",
    "controlPlane.tlsRoute",
    "deploy",
    "exportKubeConfig",
    "exportKubeConfig.additionalSecrets",
    "integrations",
    "networking",
    "networking.advanced.clusterDomain",
    "networking.replicateServices.fromHost",
    "platform",
    "policies",
    "policies.podSecurityStandard",
    "privateNodes",
    "sync",
    "sync.fromHost.secrets",
    "sync.toHost",
    "sync.toHost.customResources",
    "sync.toHost.ingresses.enabled",
    "sync.toHost.networkPolicies",
    "sync.toHost.persistentVolumes",
    "sync.toHost.pods",
    "sync.toHost.pods.patches",
    "sync.toHost.pods.priorityClassName",
    "sync.toHost.pods.runtimeClassName",
    "telemetry",
)
ALLOWABLE = (
    "controlPlane.coredns.overwriteConfig",
    "controlPlane.coredns.deployment.nodeSelector",
    "controlPlane.proxy.extraSANs",
    "logging.encoding",
    "networking.advanced.fallbackHostCluster",
    "sync.toHost.pods.enforceTolerations",
    "sync.toHost.secrets.all",
)


@pytest.mark.parametrize("path", NEVER)
def test_paths_that_the_input_may_never_allow(path: str) -> None:
    """They reach the host, other tenants, or what a field decides; nor what is above or below."""
    with pytest.raises(InvalidError) as error:
        config({"tenant.values": ["logging", path]})
    (problem,) = error.value.problems
    assert problem.field == "input.tenant.values[1]"
    assert problem.rule.startswith("must not reach ")
    assert error.value.reason == "InvalidInput"


def test_the_message_names_what_is_reached() -> None:
    """Whoever allows too much reads what of it is too much, and which field to use."""
    with pytest.raises(InvalidError) as error:
        config({"tenant.values": ["rbac.role", "sync.toHost.networkPolicies.enabled"]})
    assert str(error.value) == (
        "input.tenant.values[0]: must not reach rbac, which no spec may set. Correct it. | "
        "input.tenant.values[1]: must not reach sync.toHost.networkPolicies.enabled, which is "
        "decided by spec.sync.networkPolicies. Correct it."
    )


def test_paths_that_the_input_may_allow() -> None:
    """What stays inside the virtual cluster is the platform's choice."""
    assert config({"tenant.values": [*ALLOWABLE]}).tenant.values == [*ALLOWABLE]


def check(values: dict[str, Any]) -> None:
    """Raise what a spec with these values is refused for."""
    platform = config({"tenant.values": [*ALLOWABLE]})
    asked = vcluster(values=values)
    tenant_limits.check(asked.spec, wanted(asked, platform), platform, new=True)


HOSTILE = ("console\nkind: X", "a\r", "a\tb", "\x00", "\x1b[0m", "a\x85b", "a\u2028b", "a\u2029b")


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(
    ("path", "form"),
    [
        pytest.param("logging.encoding", lambda text: text, id="text"),
        pytest.param("controlPlane.proxy.extraSANs", lambda text: ["a", text], id="in-a-list"),
        pytest.param(
            "controlPlane.coredns.deployment.nodeSelector", lambda text: {text: "a"}, id="key"
        ),
        pytest.param(
            "controlPlane.coredns.deployment.nodeSelector", lambda text: {"a": text}, id="in-a-map"
        ),
        pytest.param(
            "sync.toHost.pods.enforceTolerations", lambda text: [{"a": [{text: 1}]}], id="deep"
        ),
        pytest.param("logging.encoding", lambda text: {text: {}}, id="a-key-with-nothing"),
    ],
)
def test_no_control_characters(path: str, form: Any, text: str) -> None:
    """A second line could be another object, and the message does not repeat it."""
    with pytest.raises(InvalidError) as error:
        check(changed({}, {path: form(text)}))
    assert str(error.value) == (
        f"spec.values.{path}: must not have control characters in it, such as the end of a line. "
        "Write it in one line."
    )


def test_a_corefile_has_lines() -> None:
    """CoreDNS' configuration, which never is part of a manifest of the host, may have several."""
    path = "controlPlane.coredns.overwriteConfig"
    check(changed({}, {path: ".:1053 {\n\terrors\n}\n"}))
    with pytest.raises(InvalidError, match=f"^spec.values.{path}: must not have control"):
        check(changed({}, {path: ".:1053 {\r\n}\x00"}))


def test_other_texts() -> None:
    """Letters of any script are no control characters."""
    check(changed({}, {"logging.encoding": "jsön 控制", "sync.toHost.secrets.all": True}))
