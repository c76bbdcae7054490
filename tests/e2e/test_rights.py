"""Who used which right, by the audit log, against what our documentation and charts grant.

It looks back on what all other tests made the platform do: run alone, on a new platform, it finds
that most rights have never been used.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from dev.platform.command import PlatformError, run
from dev.platform.place import BIN, ROOT
from dev.platform.supervise import succeeds
from tests.e2e.kube import PLATFORM, RELEASES, Kube, until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dev.platform.machine import Machine

# After all others.
pytestmark = [pytest.mark.further, pytest.mark.alone]

PROVIDER = "system:serviceaccount:crossplane-system:provider-helm"
NAME = "kunde1"
"""Stands for every VCluster in the rights of its Jobs."""

OBJECTS = (
    ("vcluster-", "-vcluster-controller"),
    ("vc-", "-vcluster"),
    ("", "-vcluster-backup"),
    ("", "-vcluster-etcd"),
    ("", "-vcluster-login"),
    ("", "-vcluster-restore"),
    ("", "-vcluster-rotate"),
    ("", "-vcluster"),
    ("", "-access"),
    ("", "-backup"),
    ("", "-rancher"),
)
"""What stands before and after the name of a VCluster in names of its objects: the first fits."""

AFTER_A_FAILURE = {
    "delete secrets. kunde1-vcluster-login",
    "get pods/log. kunde1-vcluster-restore",
    "get pods/log. kunde1-vcluster-rotate",
    "patch configmaps. vcluster-abandoned",
    "patch secrets. kunde1-vcluster-backup",
    "patch secrets. kunde1-vcluster-restore",
}
"""What a Job needs that takes up what another has left; tests/jobs shows that it does."""

IMPLIED = {"bind", "escalate"}
"""No request has these verbs: the API server asks for them when roles are made."""


OLDER_HOSTS = {"list jobs.batch"}
"""What Helm needs on a host before Kubernetes 1.34, where a watch does not list first."""


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One verb on one kind of object."""

    group: str
    resource: str
    name: str
    """Empty if the right is for all names."""
    verb: str


@pytest.fixture(scope="module")
def requests(there: Machine) -> list[dict[str, Any]]:
    """Return what the accounts of Crossplane and of the platform have asked for."""
    logs = (there.place.var / "log").glob("audit*.log")
    found = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    return [one for one in found if "objectRef" in one]


def account(request: dict[str, Any]) -> str:
    """Return whose request it is; the Jobs of all VClusters count as one."""
    user: str = request["user"]["username"]
    jobs = "import|deregister|stop-workloads|fall-asleep|snapshot|finish|restore|apply"
    return re.sub(rf"(:{PLATFORM}):.+-({jobs})$", r"\1:\2", user)


def used(requests: Iterable[dict[str, Any]], who: str) -> set[Right]:
    """Return the rights that were used, with the names of one VCluster for those of all."""
    found = set()
    for one in requests:
        reference = one["objectRef"]
        if account(one) == who and one["annotations"]["authorization.k8s.io/decision"] == "allow":
            parts = (reference["resource"], reference.get("subresource"))
            found.add(
                Right(
                    reference.get("apiGroup", ""),
                    "/".join(part for part in parts if part),
                    _common(reference.get("name", "")),
                    one["verb"],
                )
            )
    return found


def _common(name: str) -> str:
    """Return a name with that of one VCluster in it, in the place of whichever it has."""
    for prefix, suffix in OBJECTS:
        if re.fullmatch(f"{prefix}.+{suffix}", name):
            return f"{prefix}{NAME}{suffix}"
    return name


def granted(rules: Iterable[dict[str, Any]]) -> Iterator[Right]:
    """Return the rights of a role, one by one."""
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for name in rule.get("resourceNames", [""]):
                    for verb in rule["verbs"]:
                        if verb not in IMPLIED:
                            yield Right(group, resource, name, verb)


def never_used(rights: Iterable[Right], requests: set[Right]) -> list[str]:
    """Return the rights that no request needed, in words."""
    unnamed = {Right(one.group, one.resource, "", one.verb) for one in requests}
    return sorted(
        f"{right.verb} {right.resource}.{right.group} {right.name}".strip()
        for right in rights
        if right not in (requests if right.name else unnamed)
    )


def rules_of(kube: Kube, component: str) -> list[dict[str, Any]]:
    """Return the rules that chart vcluster-rancher gives to one of its Jobs, everywhere."""
    release = kube.get(RELEASES, f"{NAME}-rancher", PLATFORM) or {}
    values = json.dumps(release["spec"]["forProvider"]["values"])
    words = ("template", f"{NAME}-rancher", str(ROOT / "charts" / "vcluster-rancher"))
    text = run(str(BIN / "helm"), *words, "--namespace", PLATFORM, "--values", "-", text=values)
    objects = [one for one in yaml.safe_load_all(text) if one]
    [subject] = [
        one["metadata"]["name"]
        for one in objects
        if one["kind"] == "ServiceAccount" and one["metadata"]["name"].endswith(f"-{component}")
    ]
    roles = {one["metadata"]["name"]: one["rules"] for one in objects if one["kind"] == "Role"}
    return [
        rule
        for one in objects
        if one["kind"] == "RoleBinding" and subject in {each["name"] for each in one["subjects"]}
        for rule in roles[one["roleRef"]["name"]]
    ]


def test_nothing_was_forbidden(requests: list[dict[str, Any]]) -> None:
    """No right is missing."""
    missing = {
        (account(one), one["verb"], one["objectRef"]["resource"])
        for one in requests
        if one["annotations"]["authorization.k8s.io/decision"] == "forbid"
    }
    assert missing == set()


def test_provider_helm_has_no_right_that_it_does_not_use(requests: list[dict[str, Any]]) -> None:
    """Each of install/host.yaml is needed."""
    manifests = yaml.safe_load_all((ROOT / "install" / "host.yaml").read_text())
    [role] = [one for one in manifests if one["metadata"]["name"] == "vcluster-provider-helm"]
    assert set(never_used(granted(role["rules"]), used(requests, PROVIDER))) <= OLDER_HOSTS


@pytest.mark.parametrize("component", ["import", "deregister"])
def test_a_job_has_no_right_that_it_does_not_use(
    kube: Kube, tenants: tuple[str, ...], requests: list[dict[str, Any]], component: str
) -> None:
    """Each that chart vcluster-rancher gives is needed."""
    assert NAME in tenants
    rights = list(granted(rules_of(kube, component)))
    assert rights
    who = f"system:serviceaccount:{PLATFORM}:{component}"
    assert never_used(rights, used(requests, who)) == []


@pytest.mark.parametrize(
    ("chart", "example", "component"),
    [
        ("backup", "minimal", "snapshot"),
        ("backup", "minimal", "finish"),
        ("backup", "everything", "restore"),
        ("access", "everything", "apply"),
    ],
)
def test_a_job_of_backups_or_login_has_no_right_that_it_does_not_use(
    requests: list[dict[str, Any]], chart: str, example: str, component: str
) -> None:
    """Each that their charts give is needed, of what the examples of the charts have."""
    values = ROOT / "tests" / "charts" / "values" / f"vcluster-{chart}" / f"{example}.yaml"
    words = ("template", f"{NAME}-{chart}", str(ROOT / "charts" / f"vcluster-{chart}"))
    text = run(str(BIN / "helm"), *words, "--namespace", PLATFORM, "--values", str(values))
    objects = [one for one in yaml.safe_load_all(text) if one]
    rules = [
        rule
        for one in objects
        if one["kind"] == "Role" and one["metadata"]["name"] == f"{NAME}-{chart}-{component}"
        for rule in one["rules"]
    ]
    who = f"system:serviceaccount:{PLATFORM}:{component}"
    unused = never_used(granted(rules), used(requests, who))
    assert set(unused) <= AFTER_A_FAILURE


@pytest.mark.parametrize(
    ("example", "component"),
    [("retained", "stop-workloads"), ("asleep", "fall-asleep")],
)
def test_what_stops_pods_has_no_right_that_it_does_not_use(
    requests: list[dict[str, Any]], example: str, component: str
) -> None:
    """Each that chart vcluster-namespace gives where data is retained, or for sleep, is needed."""
    values = ROOT / "tests" / "charts" / "values" / "vcluster-namespace" / f"{example}.yaml"
    chart = str(ROOT / "charts" / "vcluster-namespace")
    words = ("template", f"{NAME}-namespace", chart, "--namespace", PLATFORM)
    objects = yaml.safe_load_all(run(str(BIN / "helm"), *words, "--values", str(values)))
    roles = [one for one in objects if one and one["kind"] == "Role"]
    # That of the platform's namespace is for a note of what could not be stopped.
    [role] = [one for one in roles if one["metadata"]["namespace"] != PLATFORM]
    who = f"system:serviceaccount:{PLATFORM}:{component}"
    assert never_used(granted(role["rules"]), used(requests, who)) == []


def test_the_watcher_has_no_right_that_it_does_not_use(
    kube: Kube, requests: list[dict[str, Any]]
) -> None:
    """Each that chart vcluster-rancher-watch gives is needed."""
    role = kube.get("role", "vcluster-rancher-watch", PLATFORM) or {}
    who = f"system:serviceaccount:{PLATFORM}:vcluster-rancher-watch"
    assert never_used(granted(role["rules"]), used(requests, who)) == []


def test_the_clock_has_no_right_that_it_does_not_use(
    kube: Kube, requests: list[dict[str, Any]]
) -> None:
    """Each that chart vcluster-clock gives is needed."""
    role = kube.get("clusterrole", "vcluster-clock") or {}
    who = f"system:serviceaccount:{PLATFORM}:vcluster-clock"
    assert never_used(granted(role["rules"]), used(requests, who)) == []


def test_roles_can_be_made_only_by_who_may_escalate_and_bind(kube: Kube) -> None:
    """The vcluster chart makes roles with rights that provider-helm does not have itself."""
    role = ("create", "clusterrole", "e2e", "--verb=get", "--resource=nodes", "--dry-run=server")
    binding = (
        *("create", "clusterrolebinding", "e2e", "--clusterrole=cluster-admin"),
        *("--serviceaccount=default:default", "--dry-run=server"),
    )
    for words in (role, binding):
        kube(*words, f"--as={PROVIDER}")
    without = kube.get("clusterrole", "vcluster-provider-helm") or {}
    rules = [one for one in without["rules"] if not IMPLIED & set(one["verbs"])]
    assert len(rules) == len(without["rules"]) - 1
    metadata = {"name": "e2e-without"}
    role_ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", **metadata}
    api = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": metadata}
    user = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "e2e-without"}
    kube.apply(api | {"kind": "ClusterRole", "rules": rules})
    kube.apply(api | {"kind": "ClusterRoleBinding", "roleRef": role_ref, "subjects": [user]})
    try:
        until("the roles count", lambda: allows(kube, "e2e-without"), 30)
        for words in (role, binding):
            with pytest.raises(PlatformError, match="attempting to grant RBAC permissions"):
                kube(*words, "--as=e2e-without")
    finally:
        kube("delete", "clusterrole,clusterrolebinding", "e2e-without")


def allows(kube: Kube, user: str) -> bool:
    """Tell whether the API server has taken up what a user may do."""
    question = ("auth", "can-i", "create", "clusterroles", f"--as={user}")
    return succeeds(lambda: kube(*question))
