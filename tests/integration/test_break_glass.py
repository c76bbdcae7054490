"""Break-glass kubeconfigs on a real API server, which is control plane, host and inside at once."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner, Result

from dev.fake_rancher import tls
from function.main import main
from tests.integration.installation import make
from tests.support.chart_rights import account_token

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dev.apiserver.client import Client

GONE_SECONDS = 30
"""The API server remembers a token that it has accepted for ten seconds."""

STATUS_SECONDS = 60
NAME = "glass"


@pytest.fixture
def vcluster(installed: Client) -> Iterator[dict[str, Any]]:
    """Yield a VCluster whose Secret on the host leads back to the same API server."""
    body = {
        "apiVersion": "caas.telekom.de/v1alpha1",
        "kind": "VCluster",
        "metadata": {"name": NAME},
        "spec": {},
    }
    make(installed, body)
    yield body
    installed.delete("caas.telekom.de/v1alpha1", "VCluster", NAME)


@pytest.fixture
def ready(installed: Client, vcluster: dict[str, Any]) -> Client:
    """Return a client where the VCluster's kubeconfig is on the host."""
    path = (vcluster["apiVersion"], vcluster["kind"], NAME)
    deadline = time.monotonic() + STATUS_SECONDS
    while not installed.get(*path).body.get("status", {}).get("release"):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    make(installed, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAME}})
    write_secret(installed, installed.kubeconfig)
    return installed


def write_secret(client: Client, kubeconfig: dict[str, Any]) -> None:
    """Write the Secret of the control plane."""
    data = base64.b64encode(yaml.safe_dump(kubeconfig).encode()).decode()
    metadata = {"name": f"vc-{NAME}-vcluster", "namespace": NAME}
    make(
        client,
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"config": data}},
    )


def run(client: Client, folder: Path, *words: str) -> Result:
    """Run the command as the administrator."""
    file = folder / "kubeconfig"
    file.write_text(json.dumps(client.kubeconfig))
    return CliRunner().invoke(main, ["kubeconfig", *words, f"--kubeconfig={file}"])


def issued(client: Client, folder: Path, *words: str) -> str:
    """Return the kubeconfig that the command prints."""
    result = run(client, folder, NAME, *words)
    assert result.exit_code == 0, result.output or result.exception
    return result.output


def bearer(client: Client, printed: str) -> Client:
    """Return a client with the token of a printed kubeconfig."""
    [user] = yaml.safe_load(printed)["users"]
    return replace(client, token=user["user"]["token"])


def reader(client: Client) -> Client:
    """Return a client of someone who may read everything, and write nothing."""
    name, group = "glass-reader", "rbac.authorization.k8s.io"
    role = {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": name}}
    rule = {"apiGroups": ["", "caas.telekom.de"], "resources": ["*"], "verbs": ["get"]}
    make(client, {**role, "rules": [rule]})
    subject = {"kind": "ServiceAccount", "namespace": "default", "name": name}
    reference = {"apiGroup": group, "kind": "ClusterRole", "name": name}
    kind = {"kind": "ClusterRoleBinding", "roleRef": reference, "subjects": [subject]}
    make(client, {**role, **kind})
    metadata = {"name": name, "namespace": "default"}
    make(client, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
    return replace(client, token=account_token(client, "default", name))


def accounts(client: Client) -> set[str]:
    """Return the names of accounts and bindings, which have to be the same."""
    label = "?labelSelector=caas.telekom.de/owned-by=break-glass"
    paths = (
        "/api/v1/namespaces/kube-system/serviceaccounts",
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    )
    found = [
        {each["metadata"]["name"] for each in client.request("GET", path + label).body["items"]}
        for path in paths
    ]
    assert found[0] == found[1]
    return found[0]


def events(client: Client) -> list[tuple[str, str]]:
    """Return reason and message of the Events on the VCluster."""
    path = f"/api/v1/namespaces/default/events?fieldSelector=involvedObject.name={NAME}"
    items = client.request("GET", path).body["items"]
    return [
        (each["reason"], each["message"])
        for each in items
        if each["reason"].startswith("BreakGlass")
    ]


def status_of(client: Client) -> int:
    """Return what the API server answers to what only administrators may."""
    return client.request("GET", "/api/v1/secrets").status


def test_from_asking_to_the_end(ready: Client, tmp_path: Path) -> None:
    """An administrator gets in by their name, the VCluster says so, and a revocation ends it."""
    printed = issued(ready, tmp_path, "--for=30m")
    inside = bearer(ready, printed)

    assert status_of(inside) == 200
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    said = inside.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review)
    name = said.body["status"]["userInfo"]["username"]
    assert name.startswith("system:serviceaccount:kube-system:break-glass-admin-")
    [(reason, message)] = events(ready)
    assert reason == "BreakGlass"
    assert message.startswith("admin asked for a kubeconfig with the rights of cluster-admin until")
    assert ready.token not in printed

    assert issued(ready, tmp_path, "--revoke") == f"{name.rpartition(':')[2]}\n"
    assert accounts(ready) == set()
    deadline = time.monotonic() + GONE_SECONDS
    while status_of(inside) != 401:
        assert time.monotonic() < deadline
        time.sleep(1)
    assert (
        "BreakGlassRevoked",
        "admin revoked all kubeconfigs that administrators asked for.",
    ) in (events(ready))


def test_a_token_is_for_the_time_that_was_asked_for(ready: Client, tmp_path: Path) -> None:
    """The API server's own end of the token is that of the Event."""
    payload = bearer(ready, issued(ready, tmp_path, "--for=10m")).token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))

    assert claims["exp"] - claims["iat"] == 600


def test_what_is_over_goes_with_the_next(ready: Client, tmp_path: Path) -> None:
    """An account whose time is over leaves nothing behind; others stay as they are."""
    issued(ready, tmp_path, "--revoke")
    issued(ready, tmp_path)
    [old] = accounts(ready)
    past = {"metadata": {"annotations": {"caas.telekom.de/until": "2020-01-01T00:00:00Z"}}}
    ready.patch("v1", "ServiceAccount", old, past, namespace="kube-system")
    ready.patch("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", old, past)
    issued(ready, tmp_path)
    [second] = accounts(ready)
    assert second != old

    issued(ready, tmp_path)
    assert second in accounts(ready)
    assert len(accounts(ready)) == 2


def test_no_access_without_its_event(ready: Client, tmp_path: Path) -> None:
    """Whoever may read the Secret, but not write the Event, gets none."""
    run(ready, tmp_path, NAME, "--revoke")

    result = run(reader(ready), tmp_path, NAME)

    assert result.exit_code == 1
    assert "events is forbidden" in result.output
    assert accounts(ready) == set()


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("absent",), '"absent" not found'),
        ((NAME, "--for=5m"), "--for: must be from 10m to 24h"),
        ((NAME, "--server=https://127.0.0.1:1"), "give --server with an address that you reach"),
        ((NAME, "--server=http://127.0.0.1:1"), "must be a URL with https"),
        ((NAME, "--context=other"), "other"),
        ((NAME, "--host-context=other"), "other"),
    ],
)
def test_refusals(ready: Client, tmp_path: Path, words: tuple[str, ...], part: str) -> None:
    """The error is one line that says what to do, and no traceback."""
    result = run(ready, tmp_path, *words)

    assert result.exit_code == 1
    assert part in result.output
    assert result.output.startswith("function: ")
    assert result.output.count("\n") == 1


def test_a_strange_server_gets_no_credentials(ready: Client, tmp_path: Path) -> None:
    """The CA of the Secret has to be the server's."""
    strange = ready.kubeconfig
    folder = tmp_path / "strange"
    folder.mkdir()
    pair = tls.make(folder, tls.NAMES)
    authority = base64.b64encode(pair.ca.read_bytes()).decode()
    strange["clusters"][0]["cluster"]["certificate-authority-data"] = authority
    write_secret(ready, strange)

    result = run(ready, tmp_path, NAME)

    assert result.exit_code == 1
    assert "CERTIFICATE_VERIFY_FAILED" in result.output
    assert ready.token not in result.output
