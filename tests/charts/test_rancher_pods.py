"""The pods that hold Rancher's token: what they are allowed, and how they get it."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.charts import CONTAINER_SECURITY, POD_SECURITY, RenderChart

Pod = dict[str, Any]

COMMANDS = ["import", "deregister", "watch"]
CASES = ["minimal", "everything"]


@pytest.fixture(scope="session")
def pods(
    render_chart: RenderChart, case: Callable[[str, str], dict[str, Any]]
) -> Callable[[str], dict[str, Pod]]:
    """Return a function that gives the specs of all pods for a case, by the program's command."""

    def specs(name: str) -> dict[str, Pod]:
        found = [
            o["spec"]["template"]["spec"]
            for chart in ("vcluster-rancher", "vcluster-rancher-watch")
            for o in render_chart(chart, "kunde1-rancher", case(chart, name))
            if o["kind"] in ("Job", "Deployment")
        ]
        return {pod["containers"][0]["args"][0]: pod for pod in found}

    return specs


def test_these_are_all(pods: Callable[[str], dict[str, Pod]]) -> None:
    """No pod is left out of these tests."""
    assert sorted(pods("minimal")) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("values", CASES)
def test_pod_is_hardened(pods: Callable[[str], dict[str, Pod]], values: str, command: str) -> None:
    """It runs as nobody, on a file system that it cannot write to, with nothing it could become."""
    pod = pods(values)[command]
    (container,) = pod["containers"]

    assert pod["securityContext"] == POD_SECURITY
    assert container["securityContext"] == CONTAINER_SECURITY
    assert pod["automountServiceAccountToken"] is True
    assert pod["enableServiceLinks"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers", "initContainers"} & set(pod)


@pytest.mark.parametrize("command", COMMANDS)
def test_program(pods: Callable[[str], dict[str, Pod]], command: str) -> None:
    """The image's other program, the function, is not what starts; its last words are in a file."""
    (container,) = pods("minimal")[command]["containers"]

    assert container["image"] == "ghcr.io/example/function-vcluster:0.1.0"
    assert (container["command"], container["args"]) == (["rancher-import"], [command])
    assert container["terminationMessagePolicy"] == "File"
    assert container["terminationMessagePath"] == "/dev/termination-log"


@pytest.mark.parametrize(
    ("command", "memory"), [("import", "160Mi"), ("deregister", "160Mi"), ("watch", "256Mi")]
)
def test_resources(pods: Callable[[str], dict[str, Pod]], command: str, memory: str) -> None:
    """It asks for little, and cannot take more."""
    (container,) = pods("minimal")[command]["containers"]

    assert container["resources"] == {
        "requests": {"cpu": "20m", "memory": "64Mi", "ephemeral-storage": "16Mi"},
        "limits": {"cpu": "200m", "memory": memory, "ephemeral-storage": "128Mi"},
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_token_is_mounted(pods: Callable[[str], dict[str, Pod]], command: str) -> None:
    """The token is a file that the program's group reads; temporary files never reach a disk."""
    pod = pods("minimal")[command]
    (container,) = pod["containers"]

    assert pod["volumes"] == [
        {
            "name": "rancher",
            "secret": {
                "secretName": "rancher-api",
                "items": [{"key": "token", "path": "token"}],
                "defaultMode": 0o440,
                "optional": True,
            },
        },
        {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "8Mi"}},
    ]
    assert container["volumeMounts"] == [
        {"name": "rancher", "mountPath": "/run/secrets/rancher", "readOnly": True},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 -- a folder of its own
    ]
    assert "imagePullSecrets" not in pod


@pytest.mark.parametrize("command", COMMANDS)
def test_certificates_are_mounted(pods: Callable[[str], dict[str, Pod]], command: str) -> None:
    """Secrets and keys of other names arrive at the same places."""
    pod = pods("everything")[command]
    (container,) = pod["containers"]

    assert pod["volumes"][:2] == [
        {
            "name": "rancher",
            "secret": {
                "secretName": "rancher-token",
                "items": [{"key": "api-token", "path": "token"}],
                "defaultMode": 0o440,
                "optional": True,
            },
        },
        {
            "name": "rancher-ca",
            "secret": {
                "secretName": "rancher-ca",
                "items": [{"key": "root.pem", "path": "ca.crt"}],
                "defaultMode": 0o440,
                "optional": True,
            },
        },
    ]
    assert container["volumeMounts"][1] == {
        "name": "rancher-ca",
        "mountPath": "/run/secrets/rancher-ca",
        "readOnly": True,
    }
    assert pod["imagePullSecrets"] == [{"name": "registry"}, {"name": "mirror"}]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("values", CASES)
def test_no_variable_comes_from_a_secret(
    pods: Callable[[str], dict[str, Pod]], values: str, command: str
) -> None:
    """An environment can be read from outside of a process, so it holds plain values only."""
    (container,) = pods(values)[command]["containers"]

    assert "envFrom" not in container
    assert {key for variable in container["env"] for key in variable} == {"name", "value"}
    assert len({v["name"] for v in container["env"]}) == len(container["env"])


@pytest.mark.parametrize("chart", ["vcluster-rancher", "vcluster-rancher-watch"])
@pytest.mark.parametrize("values", CASES)
def test_no_secret_is_made(
    render_chart: RenderChart,
    case: Callable[[str, str], dict[str, Any]],
    chart: str,
    values: str,
) -> None:
    """The charts name Secrets, and hold none."""
    objects = render_chart(chart, "kunde1-rancher", case(chart, values))

    assert "Secret" not in {o["kind"] for o in objects}
    assert "NetworkPolicy" not in {o["kind"] for o in objects}


def test_a_server_for_the_virtual_cluster(
    render_chart: RenderChart, case: Callable[[str, str], dict[str, Any]]
) -> None:
    """Import and deregistration get the address of an adopted cluster, and no others a variable."""
    values = case("vcluster-rancher", "minimal")

    def told() -> list[list[str]]:
        return [
            [
                e["value"]
                for e in o["spec"]["template"]["spec"]["containers"][0]["env"]
                if e["name"] == "KUBECONFIG_SERVER"
            ]
            for o in render_chart("vcluster-rancher", "kunde1-rancher", values)
            if o["kind"] == "Job"
        ]

    assert told() == [[], []]
    values["vcluster"]["server"] = "https://my-vcluster.shop:443"
    assert told() == [["https://my-vcluster.shop:443"]] * 2
