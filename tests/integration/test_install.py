"""What the README tells to apply: it is accepted, and gives the rights that are needed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from dev.scripts import life
from function import protobuf
from function.api import xr
from function.compose import compose
from function.main import main
from tests.integration.crossplane import until
from tests.support.tools import official_chart

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from dev.apiserver.client import Client

PROVIDER = "system:serviceaccount:crossplane-system:provider-helm"


@pytest.fixture
def as_provider(
    installed: Client,
    run_helm: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs helm with the rights of provider-helm, and no others."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(installed.kubeconfig))

    def run(
        *arguments: str | Path, values: dict[str, Any] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return run_helm(
            *arguments, f"--kube-as-user={PROVIDER}", values=values, kubeconfig=kubeconfig
        )

    return run


def emitted(example: str, key: str) -> tuple[str, str, dict[str, Any]]:
    """Return Helm release, namespace and values that the function asks for."""
    release = compose(protobuf.decode(life.request(example, "ready"))).resources[key].resource
    provider = release["spec"]["forProvider"]
    values = {key: value for key, value in provider["values"].items() if key != "restoreFrom"}
    return release["metadata"]["name"], provider["namespace"], values


@pytest.mark.parametrize("example", life.names())
def test_provider_helm_may_do_all_it_must(
    as_provider: Callable[..., subprocess.CompletedProcess[str]], example: str
) -> None:
    """provider-helm's rights suffice to install and uninstall what a VCluster consists of."""
    name, namespace, values = emitted(example, "namespace")
    chart = life.ROOT / "charts" / "vcluster-namespace"
    # There are no controllers that would run the Jobs of hooks, this one of a sleeper's.
    hooks = ("--no-hooks",) if "nap" in values else ()
    installing = ("upgrade", "--install", name, chart, f"--namespace={namespace}", *hooks)
    done = as_provider(*installing, values=values)
    assert done.returncode == 0, done.stderr
    cluster, inside, cluster_values = emitted(example, "vcluster")
    where = f"--namespace={inside}"
    done = as_provider("install", cluster, official_chart(), where, values=cluster_values)
    assert done.returncode == 0, done.stderr
    for release, where in ((cluster, inside), (name, namespace)):
        done = as_provider("uninstall", "--no-hooks", release, f"--namespace={where}")
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("verb", "group", "resource", "allowed"),
    [
        pytest.param("get", "", "pods", True),
        pytest.param("get", "", "pods/log", True),
        pytest.param("delete", "", "pods", True),
        pytest.param("patch", "apps", "statefulsets/scale", True),
        pytest.param("list", "gateway.networking.k8s.io", "tlsroutes", True),
        pytest.param("patch", "gateway.networking.k8s.io", "tlsroutes", False),
        pytest.param("patch", "networking.k8s.io", "ingresses", False),
        pytest.param("get", "", "secrets", False),
        pytest.param("list", "", "secrets", False),
        pytest.param("get", "", "configmaps", False),
        pytest.param("patch", "apps", "statefulsets", False),
        pytest.param("patch", "apps", "deployments", False),
        pytest.param("create", "", "pods", False),
        pytest.param("create", "", "pods/exec", False),
        pytest.param("delete", "apps", "statefulsets", False),
    ],
)
def test_operators(
    installed: Client, *, verb: str, group: str, resource: str, allowed: bool
) -> None:
    """An operator looks, restarts and scales, and never becomes the cluster's administrator."""
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "operators", "namespace": "default"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "vcluster-operator",
        },
        "subjects": [
            {"kind": "Group", "name": "operators", "apiGroup": "rbac.authorization.k8s.io"}
        ],
    }
    assert installed.apply(binding).status in (200, 201)
    name, _, subresource = resource.partition("/")
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": "somebody",
            "groups": ["operators"],
            "resourceAttributes": {
                "namespace": "default",
                "verb": verb,
                "group": group,
                "resource": name,
                "subresource": subresource,
            },
        },
    }
    answer = installed.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    assert answer.body["status"]["allowed"] is allowed


def test_the_data_is_decided_when_the_deletion_begins(installed: Client) -> None:
    """Nobody believes that he saved his data by a change that nothing applies any more."""
    manifest = {
        "apiVersion": xr.API_VERSION,
        "kind": xr.KIND,
        "metadata": {
            "name": "leaving",
            "annotations": {"crossplane.io/paused": "true"},
            "finalizers": ["example.org/slow"],
        },
        "spec": {},
    }
    where = (xr.API_VERSION, xr.KIND, "leaving")
    retain = {"spec": {"storage": {"onDelete": "Retain"}}}
    dry_run = f"/apis/{xr.API_VERSION}/vclusters/leaving?dryRun=All"
    assert installed.apply(manifest).status == 201
    assert installed.delete(*where).status == 200

    def is_refused() -> bool:
        answer = installed.request("PATCH", dry_run, retain, "application/merge-patch+json")
        return answer.status == 422 and "the deletion has begun" in answer.body["message"]

    # A policy is in force a moment after it was made.
    until(is_refused)
    assert installed.patch(*where, {"spec": {"quota": {"pods": 5}}}).status == 200
    assert installed.patch(*where, {"metadata": {"finalizers": None}}).status == 200


def test_a_plan_of_what_runs(installed: Client, tmp_path: Path) -> None:
    """`function plan` reads a control plane, and says what a new Composition would do to it."""
    manifest = {"apiVersion": xr.API_VERSION, "kind": xr.KIND, "metadata": {"name": "planned"}}
    where = ("helm.m.crossplane.io/v1beta1", "Release", "planned-namespace")
    assert installed.apply({**manifest, "spec": {}}).status == 201
    until(lambda: installed.get(*where, namespace="vcluster-system").status == 200)
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(installed.kubeconfig))
    arguments = ["plan", f"--input={life.COMPOSITION}", f"--kubeconfig={kubeconfig}", "-o", "json"]
    answers: list[str] = []

    def is_answered() -> bool:
        """Tell whether the API server serves all kinds, which it does a moment after their CRDs."""
        answers.append(CliRunner().invoke(main, arguments).output)
        return answers[-1].startswith("[")

    until(is_answered)
    plans = {plan["vcluster"]: plan for plan in json.loads(answers[-1])}
    assert [
        [(change["release"], change["action"]) for change in step]
        for step in plans["planned"]["steps"]
    ] == [
        [
            ("vcluster-system/planned-vcluster", "create"),
            ("vcluster-system/planned-rancher", "create"),
        ],
    ]
