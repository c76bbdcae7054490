"""The charts of the Rancher import, installed by real Helm on a real API server.

There are no controllers, so Jobs do not run: hooks are accepted, but not waited for.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from dev.scripts import life
from function import protobuf
from function.compose import compose
from jobs.rancher import report as program_report
from tests.integration.installation import install_rights, make

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from dev.apiserver.client import Client

    Install = Callable[[dict[str, Any]], None]
    Helm = Callable[..., subprocess.CompletedProcess[str]]

CHART = life.ROOT / "charts" / "vcluster-rancher"
WATCH = life.ROOT / "charts" / "vcluster-rancher-watch"
PLATFORM = "vcluster-system"
RBAC = "rbac.authorization.k8s.io/v1"

IMPORTED = [
    example
    for example in life.names()
    if "rancher" in compose(protobuf.decode(life.request(example, "ready"))).resources
]

FIRST = {
    "phase": "Pending",
    "reason": "JobStarting",
    "message": "The import's Job has not begun. If this stays, look at its pods in namespace "
    "vcluster-system.",
    "clusterId": "",
    "observedInputs": "",
}
REPORTED = {
    "phase": "Connected",
    "reason": "Connected",
    "message": "",
    "clusterId": "c-m-x7k2p",
    "observedInputs": "0123456789abcdef",
}
WATCHING = {
    "image": "ghcr.io/example/function-vcluster:0.1.0",
    "rancher": {
        "url": "https://rancher.example.org",
        "tokenSecret": {"name": "rancher-api"},
        "caSecret": {"name": "rancher-api", "key": "ca.crt"},
        "egress": ["198.51.100.10/32", "2001:db8::/64"],
    },
}

KUBECONFIG = ("get", "rights", "secrets", "vc-kunde1-vcluster")
READ_STATE = ("get", PLATFORM, "configmaps", "rights-rancher")
REPORT = ("patch", PLATFORM, "configmaps", "rights-rancher")
READ_ABANDONED = ("get", PLATFORM, "configmaps", "vcluster-abandoned")
ABANDON = ("patch", PLATFORM, "configmaps", "vcluster-abandoned")
CREATE = ("create", PLATFORM, "configmaps", "")
LIST = ("list", PLATFORM, "configmaps", "")
READ_OTHER = ("get", PLATFORM, "configmaps", "other-rancher")
WRITE_OTHER = ("patch", PLATFORM, "configmaps", "other-rancher")

ATTEMPTS = [
    KUBECONFIG,
    READ_STATE,
    REPORT,
    READ_ABANDONED,
    ABANDON,
    CREATE,
    LIST,
    READ_OTHER,
    WRITE_OTHER,
    ("patch", "rights", "secrets", "vc-kunde1-vcluster"),
    ("get", "rights", "secrets", "other"),
    ("list", "rights", "secrets", ""),
    ("get", "rights", "configmaps", "kube-root-ca.crt"),
    ("get", PLATFORM, "secrets", "rancher-api"),
    ("list", PLATFORM, "secrets", ""),
    ("delete", PLATFORM, "configmaps", "rights-rancher"),
    ("update", PLATFORM, "configmaps", "rights-rancher"),
    ("watch", PLATFORM, "configmaps", ""),
    ("create", PLATFORM, "pods", ""),
    ("get", "kube-system", "configmaps", "extension-apiserver-authentication"),
    ("list", "", "namespaces", ""),
]
ALLOWED = {
    "import": {KUBECONFIG, READ_STATE, REPORT},
    "deregister": {READ_STATE, REPORT, ABANDON, CREATE},
    "watch": {REPORT, ABANDON, LIST, WRITE_OTHER},
}


@pytest.fixture
def platform(apiserver: Client) -> Client:
    """Yield a client of a cluster that has the platform's namespace."""
    make(apiserver, namespace(PLATFORM))
    return apiserver


@pytest.fixture
def helm(
    run_helm: Callable[..., subprocess.CompletedProcess[str]], platform: Client, tmp_path: Path
) -> Helm:
    """Return a function that runs helm in the platform's namespace."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(platform.kubeconfig))

    def run(
        *arguments: str | Path, values: dict[str, Any] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return run_helm(*arguments, f"--namespace={PLATFORM}", values=values, kubeconfig=kubeconfig)

    return run


@pytest.fixture
def install(helm: Helm, platform: Client) -> Install:
    """Return a function that installs or upgrades the import as provider-helm does."""

    def upgrade(given: dict[str, Any]) -> None:
        make(platform, namespace(given["vcluster"]["namespace"]))
        done = helm("upgrade", "--install", given["stateConfigMap"], CHART, values=given)
        assert done.returncode == 0, done.stderr

    return upgrade


def values(name: str, example: str = "kunde1") -> dict[str, Any]:
    """Return what the function gives the chart, for a virtual cluster of another name."""
    answer = compose(protobuf.decode(life.request(example, "ready")))
    emitted = answer.resources["rancher"].resource["spec"]["forProvider"]["values"]
    return {
        **emitted,
        "vcluster": {**emitted["vcluster"], "namespace": name},
        "stateConfigMap": f"{name}-rancher",
    }


@pytest.mark.parametrize("example", IMPORTED)
def test_every_example_installs(
    platform: Client, install: Install, helm: Helm, example: str
) -> None:
    """What the function emits is taken by the API server, hooks included."""
    given = values(f"import-{example}", example)
    install(given)

    hooks = manifests(helm("get", "hooks", given["stateConfigMap"]))
    assert [hook["kind"] for hook in hooks] == ["ServiceAccount", "Role", "RoleBinding", "Job"]
    for hook in hooks:
        answer = platform.apply(hook, dry_run=True)
        assert answer.status == 201, answer.body
    told = state(platform, given)
    assert not program_report.is_outdated(told)
    power = {"power": given["power"]} if "power" in given else {}
    assert told == FIRST | power | {
        "ownerUid": given["owner"]["uid"],
        "clusterName": given["rancher"]["clusterName"],
        "desiredInputs": given["inputs"],
        "report": told["report"],
    }
    assert len(jobs(platform, given)) == 1


def test_an_upgrade_keeps_what_was_reported(platform: Client, install: Install) -> None:
    """Only what the import is to do changes; what it has done stays, an empty message too."""
    given = values("upgraded")
    install(given)
    (old,) = jobs(platform, given)
    report(platform, given, REPORTED)

    renamed = {**given["rancher"], "clusterName": "renamed"}
    install({**given, "inputs": "f" * 16, "rancher": renamed})

    told = state(platform, given)
    assert not program_report.is_outdated(told)
    assert told == REPORTED | {
        "ownerUid": given["owner"]["uid"],
        "clusterName": "renamed",
        "desiredInputs": "f" * 16,
        "report": told["report"],
    }
    (new,) = jobs(platform, given)
    assert new["metadata"]["name"] != old["metadata"]["name"]


def test_a_state_of_the_release_before(platform: Client, install: Install) -> None:
    """Its report comes from a program of this release: one of the release before may still run.

    The function recognizes by the writers of the ConfigMap that there is a report.
    """
    given = values("of-before")
    install(given)
    report(platform, given, {**REPORTED, "report": None})

    install({**given, "image": "ghcr.io/example/function-vcluster:0.2.0"})

    assert "report" not in state(platform, given)
    assert "f:report" not in writers(platform, given)
    report(platform, given, program_report.changed(state(platform, given), {}))
    assert "f:report" in writers(platform, given)
    install(given)
    assert not program_report.is_outdated(state(platform, given))
    assert state(platform, given).items() >= REPORTED.items()


def test_nothing_runs_again_without_a_change(platform: Client, install: Install) -> None:
    """An upgrade with the same values leaves Job and state alone."""
    given = values("unchanged")
    install(given)
    (before,) = jobs(platform, given)
    report(platform, given, REPORTED)

    install(given)

    (after,) = jobs(platform, given)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert state(platform, given).items() >= REPORTED.items()


def test_another_vcluster_begins_anew(platform: Client, install: Install) -> None:
    """A VCluster made again under the same name does not inherit the cluster in Rancher."""
    given = values("reborn")
    install(given)
    report(platform, given, REPORTED)
    uid = "0c9ab3a7-53de-4c3f-9ec4-cc0c7a0d1e35"

    install({**given, "owner": {**given["owner"], "uid": uid}})

    assert state(platform, given).items() >= (FIRST | {"ownerUid": uid}).items()


def test_an_heir_keeps_what_is_known(platform: Client, install: Install) -> None:
    """A VCluster that has another one's virtual cluster knows what that one knew of Rancher."""
    given = values("inherited-state")
    install(given)
    report(platform, given, REPORTED)
    uid = "0c9ab3a7-53de-4c3f-9ec4-cc0c7a0d1e35"
    heir = {**given, "owner": {**given["owner"], "uid": uid}}

    install({**heir, "formerOwnerUid": given["owner"]["uid"], "inputs": "f" * 16})

    assert state(platform, given).items() >= (REPORTED | {"ownerUid": uid}).items()
    install({**heir, "owner": given["owner"], "formerOwnerUid": "another"})
    assert state(platform, given).items() >= FIRST.items()


def test_a_lost_key_comes_back(platform: Client, install: Install) -> None:
    """A key that somebody removed is there after the next upgrade, the others are as they were."""
    given = values("mended")
    install(given)
    report(platform, given, {**REPORTED, "clusterId": None})
    assert "clusterId" not in state(platform, given)

    install(given)

    assert state(platform, given).items() >= (REPORTED | {"clusterId": ""}).items()


def test_a_new_installation_begins_anew(platform: Client, install: Install, helm: Helm) -> None:
    """Nothing of a release is left for the next one of its name."""
    given = values("reinstalled")
    install(given)
    (before,) = jobs(platform, given)
    report(platform, given, REPORTED)

    done = helm("uninstall", "--no-hooks", given["stateConfigMap"])
    assert done.returncode == 0, done.stderr
    assert (
        platform.get("v1", "ConfigMap", given["stateConfigMap"], namespace=PLATFORM).status == 404
    )
    assert jobs(platform, given) == []
    install(given)

    assert state(platform, given).items() >= FIRST.items()
    (after,) = jobs(platform, given)
    assert after["metadata"]["uid"] != before["metadata"]["uid"]


def test_a_namespace_that_is_gone_does_not_hold_the_release(
    platform: Client, install: Install, helm: Helm
) -> None:
    """A release whose virtual cluster vanished with its namespace can still be uninstalled.

    Its hooks, as Helm keeps them from the last upgrade, need nothing there either.
    """
    given = values("vanished")
    install(given)
    vanish(platform, "vanished", "vanished-rancher-kubeconfig")

    hooks = manifests(helm("get", "hooks", given["stateConfigMap"]))
    assert {hook["metadata"]["namespace"] for hook in hooks} == {PLATFORM}
    done = helm("uninstall", "--no-hooks", given["stateConfigMap"])
    assert done.returncode == 0, done.stderr


def test_no_secret_gets_into_a_release(platform: Client, install: Install, helm: Helm) -> None:
    """Neither token nor kubeconfig is in anything that Helm keeps or shows."""
    given = values("discreet")
    make(platform, namespace("discreet"))
    canary = "token-canary:5ecret"
    held = given["rancher"]["tokenSecret"]
    kubeconfig = given["vcluster"]["kubeconfigSecret"]
    make(platform, secret(PLATFORM, held["name"], {held["key"]: canary}))
    make(platform, secret("discreet", kubeconfig["name"], {kubeconfig["key"]: canary}))
    install(given)

    shown = helm("get", "all", given["stateConfigMap"])
    assert shown.returncode == 0, shown.stderr
    assert "How far it is: kubectl --namespace vcluster-system" in shown.stdout
    assert held["name"] in shown.stdout
    for form in (canary, base64.b64encode(canary.encode()).decode()):
        assert form not in shown.stdout


def test_rights_where_data_is_retained(platform: Client, install: Install) -> None:
    """The deregistration reads the kubeconfig then, and no other Secret."""
    install({**values("rights"), "onDelete": "Retain"})
    account = f"system:serviceaccount:{PLATFORM}:rights-rancher-deregister"

    assert {a for a in ATTEMPTS if a[1] == "rights" and may(platform, account, a)} == {KUBECONFIG}


@pytest.mark.parametrize("account", ["import", "deregister", "watch"])
def test_rights(platform: Client, install: Install, helm: Helm, account: str) -> None:
    """Each account may do what its program does, and nothing next to it."""
    given = values("rights")
    install(given)
    for hook in manifests(helm("get", "hooks", given["stateConfigMap"])):
        if hook["kind"] != "Job":
            make(platform, hook)
    done = helm("upgrade", "--install", "watch", WATCH, values=WATCHING)
    assert done.returncode == 0, done.stderr
    name = "vcluster-rancher-watch" if account == "watch" else f"rights-rancher-{account}"

    allowed = {
        attempt
        for attempt in ATTEMPTS
        if may(platform, f"system:serviceaccount:{PLATFORM}:{name}", attempt)
    }

    assert allowed == ALLOWED[account]


def test_provider_helm_may_install_it(platform: Client, helm: Helm) -> None:
    """provider-helm's rights suffice to install, upgrade and remove the import."""
    provider = "system:serviceaccount:crossplane-system:provider-helm"
    install_rights(platform)
    given = values("provided")
    make(platform, namespace("provided"))

    for inputs in (given["inputs"], "f" * 16):
        done = helm(
            "upgrade",
            "--install",
            "provided-rancher",
            CHART,
            f"--kube-as-user={provider}",
            values={**given, "inputs": inputs},
        )
        assert done.returncode == 0, done.stderr
    done = helm("uninstall", "--no-hooks", "provided-rancher", f"--kube-as-user={provider}")
    assert done.returncode == 0, done.stderr
    assert jobs(platform, given) == []


@pytest.mark.parametrize("command", ["import", "deregister", "watch"])
def test_pods_pass_pod_security(platform: Client, helm: Helm, command: str) -> None:
    """The platform's namespace can be held to the strictest level, `restricted`."""
    strict = namespace("strict")
    strict["metadata"]["labels"] = {"pod-security.kubernetes.io/enforce": "restricted"}
    make(platform, strict)
    pods = {
        template["spec"]["containers"][0]["args"][0]: template
        for chart, given in ((CHART, values("strict")), (WATCH, WATCHING))
        for o in manifests(helm("template", "strict", chart, values=given))
        for template in [o.get("spec", {}).get("template")]
        if template
    }
    metadata = {
        "name": command,
        "namespace": "strict",
        "labels": pods[command]["metadata"]["labels"],
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": pods[command]["spec"],
    }

    answer = platform.apply(pod, dry_run=True)
    assert answer.status == 201, answer.body
    del pods[command]["spec"]["securityContext"]["seccompProfile"]
    refused = platform.apply(pod, dry_run=True)
    assert refused.status == 403
    assert 'violates PodSecurity "restricted:latest": seccompProfile' in refused.body["message"]


def test_the_watch_installs_once(platform: Client, helm: Helm) -> None:
    """The watch is taken by the API server; a second one beside it is refused."""
    done = helm("upgrade", "--install", "watch", WATCH, values=WATCHING)
    assert done.returncode == 0, done.stderr
    found = platform.get("apps/v1", "Deployment", "vcluster-rancher-watch", namespace=PLATFORM)
    assert found.status == 200
    notes = helm("get", "notes", "watch").stdout
    assert "have to let its pods reach 198.51.100.10/32, 2001:db8::/64." in notes

    second = helm("upgrade", "--install", "watch-2", WATCH, values=WATCHING)
    assert second.returncode != 0
    assert "exists and cannot be imported into the current release" in second.stderr


def test_the_watch_finds_every_state(platform: Client, install: Install) -> None:
    """One list call by label gives the state of every import, and no other ConfigMap."""
    for name in ("found-1", "found-2"):
        install(values(name))
    path = f"/api/v1/namespaces/{PLATFORM}/configmaps?labelSelector=caas.telekom.de/state%3Drancher"
    found = platform.request("GET", path).body["items"]

    assert {"found-1-rancher", "found-2-rancher"} <= {o["metadata"]["name"] for o in found}
    assert all(o["data"].keys() >= FIRST.keys() for o in found)


def namespace(name: str) -> dict[str, Any]:
    """Return a namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def secret(where: str, name: str, data: dict[str, str]) -> dict[str, Any]:
    """Return a Secret."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": where},
        "stringData": data,
    }


def manifests(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """Return the objects that helm has shown."""
    assert done.returncode == 0, done.stderr
    return [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]


def state(client: Client, given: dict[str, Any]) -> dict[str, str]:
    """Return what the state ConfigMap says."""
    found = client.get("v1", "ConfigMap", given["stateConfigMap"], namespace=PLATFORM)
    data: dict[str, str] = found.body["data"]
    return data


def writers(client: Client, given: dict[str, Any]) -> str:
    """Return who wrote which fields of the state ConfigMap."""
    found = client.get("v1", "ConfigMap", given["stateConfigMap"], namespace=PLATFORM)
    return str(found.body["metadata"]["managedFields"])


def report(client: Client, given: dict[str, Any], data: Mapping[str, str | None]) -> None:
    """Write into the state as the import does."""
    answer = client.patch(
        "v1", "ConfigMap", given["stateConfigMap"], {"data": data}, namespace=PLATFORM
    )
    assert answer.status == 200, answer.body


def jobs(client: Client, given: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the Jobs of a release."""
    selector = f"app.kubernetes.io/instance%3D{given['stateConfigMap']}"
    found = client.request(
        "GET", f"/apis/batch/v1/namespaces/{PLATFORM}/jobs?labelSelector={selector}"
    )
    items: list[dict[str, Any]] = found.body["items"]
    return items


def may(client: Client, user: str, attempt: tuple[str, str, str, str]) -> bool:
    """Tell whether a user may do something."""
    verb, where, resource, name = attempt
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": user,
            "resourceAttributes": {
                "verb": verb,
                "namespace": where,
                "resource": resource,
                "name": name,
            },
        },
    }
    answer = client.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    allowed: bool = answer.body["status"]["allowed"]
    return allowed


def vanish(client: Client, name: str, right: str) -> None:
    """Remove a namespace and the import's right in it, as the controller of namespaces does."""
    client.delete("v1", "Namespace", name)
    for kind in ("RoleBinding", "Role"):
        assert client.delete(RBAC, kind, right, namespace=name).status == 200
    body = client.get("v1", "Namespace", name).body
    client.request("PUT", f"/api/v1/namespaces/{name}/finalize", {**body, "spec": {}})
    assert client.get("v1", "Namespace", name).status == 404
