"""The policies of install/control-plane.yaml: a deletion takes everything along, and ends."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from function.api import xr
from function.compose import OBSERVED
from tests.integration.crossplane import until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from dev.apiserver.client import Answer, Client

API = f"/apis/{xr.API_VERSION}/vclusters"
PLATFORM = "vcluster-system"
COMPOSED = (
    ("helm.m.crossplane.io/v1beta1", "Release", "-namespace"),
    ("protection.crossplane.io/v1beta1", "ClusterUsage", "-deletion-protection"),
)
FOREGROUND = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Foreground"}
CALL_SECONDS = 2
"""How soon Crossplane calls the function after a change, on a busy machine."""

COMPOSER = "apiextensions.crossplane.io/composed/0123456789abcdef"
"""How Crossplane signs what it applies for a VCluster."""

COMPOSITE = "apiextensions.crossplane.io/composite"
"""How Crossplane signs what it notes in a VCluster."""

MARKED: dict[str, Any] = {
    "apiVersion": "helm.m.crossplane.io/v1beta1",
    "kind": "Release",
    "metadata": {"name": "seen", "namespace": PLATFORM, "annotations": {OBSERVED: "true"}},
    "spec": {
        "forProvider": {
            "chart": {"name": "a", "repository": "https://example.org", "version": "1.0.0"},
            "namespace": "a",
        },
        "providerConfigRef": {"kind": "ClusterProviderConfig", "name": "default"},
    },
}
USER = "writer-of-vclusters"
ORPHAN = {"metadata": {"finalizers": ["orphan"]}}


def vcluster(name: str, **spec: Any) -> dict[str, Any]:
    """Return a VCluster."""
    metadata = {"name": name}
    return {"apiVersion": xr.API_VERSION, "kind": xr.KIND, "metadata": metadata, "spec": spec}


def composed(client: Client, name: str = "hanging") -> list[dict[str, Any]]:
    """Return what exists of what a VCluster consists of."""
    found = [
        client.get(version, kind, f"{name}{suffix}", namespace=PLATFORM)
        for version, kind, suffix in COMPOSED
    ]
    return [answer.body for answer in found if answer.status == 200]


def test_a_deletion_ends_though_the_function_hangs(
    installed: Client, function_process: subprocess.Popen[bytes]
) -> None:
    """Crossplane applies an old answer to a VCluster that is going, and creates nothing anew."""
    name = "hanging"
    path = f"{API}/{name}"
    assert installed.apply(vcluster(name, deletionProtection=True)).status == 201

    def is_marked() -> bool:
        found = composed(installed)
        marks = [one["metadata"].get("annotations", {}).get(OBSERVED) for one in found]
        return marks == ["true"] * len(COMPOSED)

    until(is_marked)
    until(lambda: _is_refused(installed))
    function_process.send_signal(signal.SIGSTOP)
    try:
        poked = {"metadata": {"annotations": {"example.org/poked": "true"}}}
        assert installed.patch(xr.API_VERSION, xr.KIND, name, poked).status == 200
        time.sleep(CALL_SECONDS)
        assert installed.request("DELETE", path, FOREGROUND).status == 200
        # The garbage collector deletes what the VCluster owns, and provider-helm lets it go.
        for version, kind, suffix in COMPOSED:
            gone = installed.delete(version, kind, f"{name}{suffix}", namespace=PLATFORM)
            assert gone.status == 200
        assert composed(installed) == []
    finally:
        function_process.send_signal(signal.SIGCONT)

    def has_let_go() -> bool:
        found = installed.request("GET", path).body["metadata"]
        return bool(found["finalizers"] == ["foregroundDeletion"])

    until(has_let_go)
    assert composed(installed) == []
    where = (xr.API_VERSION, xr.KIND, name)
    assert installed.patch(*where, {"metadata": {"finalizers": None}}).status == 200
    until(lambda: installed.request("GET", path).status == 404)


@pytest.fixture
def going(installed: Client) -> Iterator[None]:
    """Have a VCluster that is being deleted, once the policy of these is in force."""
    where = (xr.API_VERSION, xr.KIND, "going")
    manifest = vcluster("going")
    manifest["metadata"]["annotations"] = {"crossplane.io/paused": "true"}
    manifest["metadata"]["finalizers"] = ["example.org/slow"]
    assert installed.apply(manifest).status == 201
    assert installed.delete(*where).status == 200
    until(lambda: _note(installed, COMPOSITE, "going").status == 422)
    yield
    assert installed.patch(*where, {"metadata": {"finalizers": None}}).status == 200


@pytest.mark.usefixtures("going")
def test_crossplane_makes_nothing_for_what_is_going(installed: Client) -> None:
    """Crossplane alone is kept from it, and for that VCluster alone: it brings none back either."""
    living = vcluster("living")
    living["metadata"]["annotations"] = {"crossplane.io/paused": "true"}
    assert installed.apply(living).status == 201
    for name in ("going", "gone"):
        answer = _note(installed, COMPOSITE, name)
        assert answer.status == 422
        assert "for a VCluster that is being deleted" in answer.body["message"]
        assert _note(installed, "kubectl", name).status in (200, 201)
    assert _note(installed, COMPOSITE, "living").status == 200
    assert installed.delete(xr.API_VERSION, xr.KIND, "living").status == 200


def _note(client: Client, manager: str, name: str) -> Answer:
    """Note in a VCluster what is about to be applied, as Crossplane does."""
    reference = {"apiVersion": "helm.m.crossplane.io/v1beta1", "kind": "Release", "name": "seen"}
    body = vcluster(name, crossplane={"resourceRefs": [reference]})
    query = f"?fieldManager={manager}&force=true&dryRun=All"
    return client.request("PATCH", f"{API}/{name}{query}", body, "application/apply-patch+yaml")


@pytest.mark.usefixtures("going")
def test_nothing_begins_after_the_deletion(
    installed: Client, function_process: subprocess.Popen[bytes]
) -> None:
    """An answer from before the deletion does not create the first Releases after it either."""
    name = "brief"
    path = f"{API}/{name}"
    where = (xr.API_VERSION, xr.KIND, name)
    function_process.send_signal(signal.SIGSTOP)
    try:
        assert installed.apply(vcluster(name, deletionProtection=True)).status == 201
        until(lambda: "finalizers" in installed.request("GET", path).body["metadata"])
        time.sleep(CALL_SECONDS)
        assert installed.request("DELETE", path, FOREGROUND).status == 200
    finally:
        function_process.send_signal(signal.SIGCONT)
    until(
        lambda: (
            installed.request("GET", path).body["metadata"]["finalizers"] == ["foregroundDeletion"]
        )
    )
    assert composed(installed, name) == []
    assert installed.patch(*where, {"metadata": {"finalizers": None}}).status == 200


def _apply(client: Client, manager: str) -> Answer:
    path = "/apis/helm.m.crossplane.io/v1beta1/namespaces/vcluster-system/releases/seen"
    query = f"?fieldManager={manager}&force=true&dryRun=All"
    return client.request("PATCH", path + query, MARKED, "application/apply-patch+yaml")


def _is_refused(client: Client) -> bool:
    answer = _apply(client, COMPOSER)
    return answer.status == 422 and "not created a second time" in answer.body["message"]


def test_people_create_what_is_marked(installed: Client) -> None:
    """A Release from a backup comes back by kubectl, whatever annotations it has."""
    until(lambda: _is_refused(installed))
    assert _apply(installed, "kubectl").status == 201
    path = "/apis/helm.m.crossplane.io/v1beta1/namespaces/vcluster-system/releases?dryRun=All"
    assert installed.request("POST", path, MARKED).status == 201


@pytest.fixture
def writer(installed: Client) -> Client:
    """Return a client whose user may write VClusters and nothing else."""
    rbac = "rbac.authorization.k8s.io"
    rules = [{"apiGroups": ["caas.telekom.de"], "resources": ["vclusters"], "verbs": ["*"]}]
    for kind, fields in (
        ("ClusterRole", {"rules": rules}),
        (
            "ClusterRoleBinding",
            {
                "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": USER},
                "subjects": [{"apiGroup": rbac, "kind": "User", "name": USER}],
            },
        ),
    ):
        obj = {"apiVersion": f"{rbac}/v1", "kind": kind, "metadata": {"name": USER}, **fields}
        assert installed.apply(obj).status in (200, 201)
    paused = vcluster("kept")
    paused["metadata"]["annotations"] = {"crossplane.io/paused": "true"}
    assert installed.apply(paused).status in (200, 201)

    def is_refused() -> bool:
        answer = _delete(installed, {"propagationPolicy": "Orphan"})
        return answer.status == 422 and "--cascade=orphan" in answer.body["message"]

    until(is_refused)
    return installed


def _delete(client: Client, options: dict[str, Any], user: str = USER, path: str = "") -> Answer:
    body = {"apiVersion": "v1", "kind": "DeleteOptions", "dryRun": ["All"], **options}
    return client.request("DELETE", path or f"{API}/kept", body, user=user)


@pytest.mark.parametrize("options", [{"propagationPolicy": "Orphan"}, {"orphanDependents": True}])
@pytest.mark.parametrize("path", [f"{API}/kept", f"{API}?fieldSelector=metadata.name=kept"])
def test_nothing_is_left_behind(writer: Client, options: dict[str, Any], path: str) -> None:
    """Whoever writes VClusters cannot delete one and keep what it consists of, in either way."""
    answer = _delete(writer, options, path=path)
    assert answer.status == 422
    assert "without its VCluster" in answer.body["message"]
    assert _delete(writer, options, user="", path=path).status == 200


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"propagationPolicy": "Foreground"},
        {"propagationPolicy": "Background"},
        {"orphanDependents": False},
    ],
)
def test_a_deletion_that_takes_all_along_is_free(writer: Client, options: dict[str, Any]) -> None:
    """Every other way to delete works as before."""
    assert _delete(writer, options).status == 200


def test_no_finalizer_leaves_anything_behind(writer: Client) -> None:
    """The finalizer of the garbage collector says the same as the option, and is refused too."""
    query = "?dryRun=All"
    merge = "application/merge-patch+json"
    manifest = vcluster("finalized")
    manifest["metadata"]["finalizers"] = ["orphan"]
    answers = [
        writer.request("POST", API + query, manifest, user=USER),
        writer.request("PATCH", f"{API}/kept{query}", ORPHAN, merge, user=USER),
    ]
    assert [answer.status for answer in answers] == [422, 422]
    assert all("finalizer orphan" in answer.body["message"] for answer in answers)
    assert writer.request("POST", API + query, manifest).status == 201
    assert writer.request("PATCH", f"{API}/kept{query}", ORPHAN, merge).status == 200
    allowed = {"metadata": {"finalizers": ["example.org/mine"]}}
    assert writer.request("PATCH", f"{API}/kept{query}", allowed, merge, user=USER).status == 200


def test_a_finalizer_that_is_there_stops_nothing_else(writer: Client) -> None:
    """What the platform has set can be changed further by its owner."""
    merge = "application/merge-patch+json"
    where = (xr.API_VERSION, xr.KIND, "left")
    manifest = vcluster("left")
    manifest["metadata"].update(annotations={"crossplane.io/paused": "true"}, **ORPHAN["metadata"])
    assert writer.apply(manifest).status == 201
    try:
        changed = {"spec": {"quota": {"pods": 5}}}
        answer = writer.request("PATCH", f"{API}/left?dryRun=All", changed, merge, user=USER)
        assert answer.status == 200, answer.body
    finally:
        writer.patch(*where, {"metadata": {"finalizers": None}})
        writer.delete(*where)
