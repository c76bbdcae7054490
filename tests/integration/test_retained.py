"""Retained data on a real API server: what stays, who may take it over, and who is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from dev.scripts import life
from function import protobuf
from function.compose import compose
from function.observed import namespace as observed_namespace
from function.observed.state import Condition, Request
from tests.integration.installation import install_rights, make
from tests.support.tools import official_chart

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from dev.apiserver.client import Client

    Done = subprocess.CompletedProcess[str]
    Helm = Callable[..., Done]

CHART = life.ROOT / "charts" / "vcluster-namespace"
PLATFORM = "vcluster-system"
PROVIDER = "system:serviceaccount:crossplane-system:provider-helm"
FORMER = "5d2f6c0e-8a31-4b7d-9c64-1e0f7a9b3c58"
HEIR = "0c9ab3a7-53de-4c3f-9ec4-cc0c7a0d1e35"
STRANGER = "227fb97b-6cf6-4f79-9ae9-ffb14550d34d"


@pytest.fixture
def platform(apiserver: Client) -> Client:
    """Yield a client of a cluster with the platform's namespace and provider-helm's rights."""
    make(apiserver, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PLATFORM}})
    install_rights(apiserver)
    return apiserver


@pytest.fixture
def helm(run_helm: Helm, platform: Client, tmp_path: Path) -> Helm:
    """Return a function that runs helm with the rights of provider-helm."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(platform.kubeconfig))

    def run(*arguments: str | Path, values: dict[str, Any] | None = None) -> Done:
        return run_helm(
            *arguments, f"--kube-as-user={PROVIDER}", values=values, kubeconfig=kubeconfig
        )

    return run


@pytest.fixture
def install(helm: Helm) -> Callable[..., Done]:
    """Return a function that installs or upgrades the namespace of a VCluster."""

    def upgrade(name: str, uid: str, **changes: Any) -> Done:
        given = {**values("retained", "namespace"), "name": name, **changes}
        given["owner"] = {"name": name, "uid": uid}
        release = f"{name}-namespace"
        where = f"--namespace={PLATFORM}"
        return helm("upgrade", "--install", release, CHART, where, values=given)

    return upgrade


@pytest.fixture
def retain(
    platform: Client, install: Callable[..., Done], helm: Helm
) -> Callable[[str], dict[str, Any]]:
    """Return a function that makes a namespace, lets it be retained, and returns it."""

    def away(name: str) -> dict[str, Any]:
        done = install(name, FORMER)
        assert done.returncode == 0, done.stderr
        make(platform, claim(name, "data-archiv-vcluster-0"))
        # There is no controller that would run the Job.
        done = helm("uninstall", "--no-hooks", f"{name}-namespace", f"--namespace={PLATFORM}")
        assert done.returncode == 0, done.stderr
        return namespace(platform, name)

    return away


def values(example: str, key: str) -> dict[str, Any]:
    """Return the values that the function gives a chart, of a VCluster that restores nothing."""
    release = compose(protobuf.decode(life.request(example, "ready"))).resources[key].resource
    emitted: dict[str, Any] = release["spec"]["forProvider"]["values"]
    return {k: v for k, v in emitted.items() if k != "restoreFrom"}


def claim(namespace: str, name: str) -> dict[str, Any]:
    """Return a volume claim."""
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    metadata = {"name": name, "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata,
        "spec": spec,
    }


def namespace(client: Client, name: str) -> dict[str, Any]:
    """Return the metadata of a namespace."""
    answer = client.get("v1", "Namespace", name)
    assert answer.status == 200
    found: dict[str, Any] = answer.body["metadata"]
    return found


def told(done: Done) -> tuple[str, str]:
    """Return reason and sentence that the user gets where Helm fails with these words."""
    assert done.returncode != 0
    words = " ".join(f"create failed: failed to install release: {done.stderr}".split())
    found = observed_namespace.rephrase(
        Condition("NamespaceReady", "Unknown", "InstallFailed", words)
    )
    assert found.status == "False"
    return found.reason, found.message


def test_it_stays(platform: Client, retain: Callable[[str], dict[str, Any]]) -> None:
    """Namespace and volumes stay; what is the platform's goes."""
    found = retain("stays")
    assert "deletionTimestamp" not in found
    assert found["labels"]["caas.telekom.de/vcluster-uid"] == FORMER
    volume = platform.get(
        "v1", "PersistentVolumeClaim", "data-archiv-vcluster-0", namespace="stays"
    )
    assert volume.status == 200
    quota = platform.get("v1", "ResourceQuota", "quota", namespace="stays")
    role = platform.get("rbac.authorization.k8s.io/v1", "Role", "stop-workloads", namespace="stays")
    assert (quota.status, role.status) == (404, 404)


def test_an_heir_takes_it_over(
    platform: Client, install: Callable[..., Done], retain: Callable[[str], dict[str, Any]]
) -> None:
    """Whoever names its UID gets the same namespace, which bears the new one's UID from then on."""
    before = retain("inherited")
    done = install("inherited", HEIR, restoreFrom=FORMER)
    assert done.returncode == 0, done.stderr
    after = namespace(platform, "inherited")
    assert after["uid"] == before["uid"]
    assert after["labels"]["caas.telekom.de/vcluster-uid"] == HEIR
    assert platform.get("v1", "ResourceQuota", "quota", namespace="inherited").status == 200
    # Nothing depends on restoreFrom any more, and Delete is Delete again.
    done = install("inherited", HEIR, onDelete="Delete")
    assert done.returncode == 0, done.stderr
    assert "helm.sh/resource-policy" not in namespace(platform, "inherited")["annotations"]


@pytest.mark.parametrize(
    ("changes", "reason", "part"),
    [
        pytest.param({}, "DataRetained", "put the UID of that one into", id="without"),
        pytest.param(
            {"restoreFrom": STRANGER},
            "DataRetained",
            "than spec.storage.restoreFrom names",
            id="wrong",
        ),
        pytest.param(
            {"restoreFrom": HEIR}, "DataRetained", "than spec.storage.restoreFrom names", id="own"
        ),
        pytest.param(
            {"restoreFrom": FORMER, "onDelete": "Delete"},
            "RestoreRefused",
            "spec.storage.onDelete must be Retain",
            id="on-delete",
        ),
        pytest.param(
            {"restoreFrom": FORMER, "highAvailability": True},
            "RestoreRefused",
            "spec.availability must be Single",
            id="availability",
        ),
        pytest.param(
            {"restoreFrom": FORMER, "release": "other"},
            "RestoreRefused",
            "has no volume claim data-other-0",
            id="volume",
        ),
    ],
)
def test_a_refusal_touches_nothing(  # noqa: PLR0913  # what it depends on
    platform: Client,
    request: pytest.FixtureRequest,
    install: Callable[..., Done],
    retain: Callable[[str], dict[str, Any]],
    helm: Helm,
    *,
    changes: dict[str, Any],
    reason: str,
    part: str,
) -> None:
    """A sentence says what to do, without the UID that opens the namespace."""
    name = f"refused-{request.node.callspec.id}"
    before = retain(name)
    found, sentence = told(install(name, HEIR, **changes))
    assert found == reason
    assert part in sentence
    assert FORMER not in sentence
    assert namespace(platform, name) == before
    listed = helm("list", "--all", "--short", f"--namespace={PLATFORM}")
    assert f"{name}-namespace" not in listed.stdout.splitlines()


def test_nothing_to_restore(install: Callable[..., Done]) -> None:
    """Who restores by mistake does not get an empty cluster."""
    reason, sentence = told(install("empty", HEIR, restoreFrom=FORMER))
    assert reason == "NothingToRestore"
    assert sentence == (
        "There is no namespace empty to restore from. Leave spec.storage.restoreFrom out for a "
        "new, empty VCluster."
    )


def test_a_namespace_that_is_being_removed(platform: Client, install: Callable[..., Done]) -> None:
    """What still terminates is waited for, and not called data."""
    assert install("leaving", FORMER, onDelete="Delete").returncode == 0
    platform.delete("v1", "Namespace", "leaving")
    reason, sentence = told(install("leaving", HEIR))
    assert reason == "Terminating"
    assert sentence.endswith("The new one is created as soon as it is gone.")


def test_a_lost_control_plane(platform: Client, install: Callable[..., Done]) -> None:
    """What still runs on the host is taken over by its UID, whatever is to become of it later."""
    assert install("running", FORMER, onDelete="Delete").returncode == 0
    make(platform, claim("running", "data-archiv-vcluster-0"))
    assert told(install("running", HEIR, onDelete="Delete"))[0] == "DataRetained"
    done = install("running", HEIR, onDelete="Delete", restoreFrom=FORMER)
    assert done.returncode == 0, done.stderr
    assert namespace(platform, "running")["labels"]["caas.telekom.de/vcluster-uid"] == HEIR


@pytest.mark.parametrize(
    ("verb", "where", "resource", "allowed"),
    [
        ("list", "stopped", "pods", True),
        ("deletecollection", "stopped", "pods", True),
        ("delete", "stopped", "pods", False),
        ("create", "stopped", "pods", False),
        ("get", "stopped", "secrets", False),
        ("list", "stopped", "persistentvolumeclaims", False),
        ("delete", "stopped", "persistentvolumeclaims", False),
        ("list", PLATFORM, "pods", False),
        ("deletecollection", "kube-system", "pods", False),
    ],
)
def test_the_rights_of_the_hook(  # noqa: PLR0913  # what it depends on
    platform: Client,
    install: Callable[..., Done],
    *,
    verb: str,
    where: str,
    resource: str,
    allowed: bool,
) -> None:
    """It stops pods of the one namespace, and nothing else."""
    assert install("stopped", FORMER).returncode == 0
    attributes = {"verb": verb, "namespace": where, "resource": resource}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": f"system:serviceaccount:{PLATFORM}:stopped-stop-workloads",
            "resourceAttributes": attributes,
        },
    }
    answer = platform.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    assert answer.body["status"]["allowed"] is allowed


def test_the_hook_is_taken(platform: Client, install: Callable[..., Done], helm: Helm) -> None:
    """The API server takes what Helm makes before it uninstalls, in the platform's namespace."""
    assert install("hooked", FORMER).returncode == 0
    done = helm("get", "hooks", "hooked-namespace", f"--namespace={PLATFORM}")
    hooks = [one for one in yaml.safe_load_all(done.stdout) if one]
    assert sorted((one["kind"], one["metadata"]["namespace"]) for one in hooks) == [
        ("Job", PLATFORM),
        ("Role", PLATFORM),
        ("RoleBinding", PLATFORM),
        ("ServiceAccount", PLATFORM),
    ]
    for hook in hooks:
        answer = platform.apply(hook, dry_run=True)
        assert answer.status == 201, answer.body


def test_the_service_stays_that_owns_everything(platform: Client, helm: Helm) -> None:
    """The official chart leaves its Service to the next installation, which takes it over."""
    make(platform, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "owner"}})
    where = "--namespace=owner"
    given = values("retained", "vcluster")

    def owner() -> str:
        found = platform.get("v1", "Service", "archiv-vcluster", namespace="owner")
        return str(found.body["metadata"]["uid"])

    done = helm("install", "archiv-vcluster", official_chart(), where, values=given)
    assert done.returncode == 0, done.stderr
    before = owner()
    stateful_set = platform.get("apps/v1", "StatefulSet", "archiv-vcluster", namespace="owner")
    policy = stateful_set.body["spec"]["persistentVolumeClaimRetentionPolicy"]
    assert policy["whenDeleted"] == "Retain"
    assert helm("uninstall", "archiv-vcluster", where).returncode == 0
    assert owner() == before
    gone = platform.get("apps/v1", "StatefulSet", "archiv-vcluster", namespace="owner")
    assert gone.status == 404
    done = helm("install", "archiv-vcluster", official_chart(), where, values=given)
    assert done.returncode == 0, done.stderr
    assert owner() == before


@pytest.mark.parametrize("example", ["kunde1", "ha"])
def test_the_policy_can_be_changed_both_ways(platform: Client, helm: Helm, example: str) -> None:
    """The fields are mutable: an upgrade to Retain and back is taken by the API server."""
    name = f"changed-{example}"
    make(platform, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    request = protobuf.decode(life.request(example, "ready"))
    spec = dict(request.composite["spec"])  # type: ignore[call-overload]
    for policy in ("Delete", "Retain", "Delete"):
        composite = {**request.composite, "spec": {**spec, "storage": {"onDelete": policy}}}
        given = _vcluster_values(request, composite)
        done = helm(
            "upgrade", "--install", "cluster", official_chart(), f"--namespace={name}", values=given
        )
        assert done.returncode == 0, done.stderr


def _vcluster_values(request: Request, composite: dict[str, Any]) -> dict[str, Any]:
    """Return the values of the official chart for a VCluster that runs."""
    answer = compose(Request(request.input, composite, request.observed))
    release = answer.resources["vcluster"].resource
    found: dict[str, Any] = release["spec"]["forProvider"]["values"]
    return found
