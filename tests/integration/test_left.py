"""A failed first installation, and a namespace that was left, by real Helm on a real API server.

provider-helm repairs a failed first revision by uninstalling it: so do these tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.crossplane import until
from tests.integration.installation import make
from tests.integration.test_retained import (
    CHART,
    FORMER,
    HEIR,
    PLATFORM,
    claim,
    helm,
    install,
    namespace,
    platform,
    told,
    values,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dev.apiserver.client import Client
    from tests.integration.test_retained import Done, Helm

__all__ = ["helm", "install", "platform"]

WHERE = f"--namespace={PLATFORM}"
HERE = "3f0e4a52-2c58-4d7e-8d5a-0f4be04b6c11"
ELSEWHERE = "b1a6c9de-52d1-45a5-9f0c-64b1f6e20e02"
KEEP = "helm.sh/resource-policy"
ADMISSION = "admissionregistration.k8s.io/v1"
POLICY = "no-limit-ranges"


@pytest.fixture
def refuse(platform: Client) -> Iterator[Callable[..., None]]:
    """Yield a function that lets the API server refuse every LimitRange, or admit them again."""
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["limitranges"],
    }
    spec = {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "false", "message": "No LimitRange today."}],
    }
    binding = {"policyName": POLICY, "validationActions": ["Deny"]}

    def is_refused() -> bool:
        sample = {"apiVersion": "v1", "kind": "LimitRange", "spec": {"limits": []}}
        metadata = {"name": "sample", "namespace": "default"}
        return platform.apply({**sample, "metadata": metadata}, dry_run=True).status >= 400

    def switch(*, on: bool) -> None:
        for kind, found in (
            ("ValidatingAdmissionPolicy", spec),
            ("ValidatingAdmissionPolicyBinding", binding),
        ):
            if on:
                metadata = {"name": POLICY}
                policy = {"apiVersion": ADMISSION, "kind": kind, "metadata": metadata}
                make(platform, {**policy, "spec": found})
            else:
                platform.delete(ADMISSION, kind, POLICY)
        until(lambda: is_refused() is on)

    make(platform, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}})
    yield switch
    switch(on=False)


def given(name: str, uid: str, control_plane: str = "", **changes: Any) -> dict[str, Any]:
    """Return values of the chart for a VCluster without retained data."""
    emitted = {**values("kunde1", "namespace"), "name": name, "release": f"{name}-vcluster"}
    owner = {"name": name, "uid": uid, **({"controlPlane": control_plane} if control_plane else {})}
    return {**emitted, "owner": owner, **changes}


def run(helm: Helm, verb: str, wanted: dict[str, Any]) -> Done:
    """Install or upgrade the namespace of a VCluster."""
    return helm(verb, f"{wanted['name']}-namespace", CHART, WHERE, values=wanted)


def uninstall(helm: Helm, name: str) -> None:
    """Uninstall as provider-helm does."""
    done = helm("uninstall", f"{name}-namespace", WHERE)
    assert done.returncode == 0, done.stderr


def is_going(client: Client, name: str) -> bool:
    """Tell whether a namespace is gone, or is being removed."""
    answer = client.get("v1", "Namespace", name)
    return answer.status == 404 or "deletionTimestamp" in answer.body["metadata"]


def by_hand(client: Client, name: str) -> None:
    """Make a namespace that Helm may take for one of the Release that will hold it."""
    owner = {
        "meta.helm.sh/release-name": f"{name}-namespace",
        "meta.helm.sh/release-namespace": PLATFORM,
    }
    labels = {"app.kubernetes.io/managed-by": "Helm"}
    metadata = {"name": name, "labels": labels, "annotations": owner}
    make(client, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    make(client, claim(name, "data-byhand-0"))


def test_an_adopted_namespace_outlives_a_failed_installation(
    platform: Client, helm: Helm, refuse: Callable[..., None]
) -> None:
    """It is kept until the Release was deployed once, and then goes with the VCluster."""
    by_hand(platform, "adopted")
    wanted = given("adopted", HEIR, takeover=True)
    refuse(on=True)
    for _ in range(2):
        failed = run(helm, "install", wanted)
        assert "No LimitRange today." in failed.stderr
        uninstall(helm, "adopted")
        assert not is_going(platform, "adopted")
    refuse(on=False)
    assert run(helm, "install", wanted).returncode == 0
    before = namespace(platform, "adopted")
    assert before["annotations"][KEEP] == "keep"
    assert run(helm, "upgrade", given("adopted", HEIR)).returncode == 0
    after = namespace(platform, "adopted")
    assert (after["uid"], KEEP in after["annotations"]) == (before["uid"], False)
    uninstall(helm, "adopted")
    assert is_going(platform, "adopted")


def test_a_lost_record_takes_no_namespace_along(
    platform: Client, helm: Helm, refuse: Callable[..., None]
) -> None:
    """Helm takes the next installation for the first one; what was there stays if it fails."""
    wanted = given("lost", HEIR)
    assert run(helm, "install", wanted).returncode == 0
    assert KEEP not in namespace(platform, "lost").get("annotations", {})
    platform.delete("v1", "Secret", "sh.helm.release.v1.lost-namespace.v1", namespace=PLATFORM)
    platform.delete("v1", "LimitRange", "limits", namespace="lost")
    refuse(on=True)
    assert run(helm, "install", wanted).returncode != 0
    uninstall(helm, "lost")
    assert not is_going(platform, "lost")


def test_what_a_failed_installation_made_itself_goes(
    platform: Client, helm: Helm, refuse: Callable[..., None]
) -> None:
    """A new VCluster whose first installation fails begins anew each time."""
    refuse(on=True)
    assert run(helm, "install", given("own", HEIR)).returncode != 0
    assert not is_going(platform, "own")
    uninstall(helm, "own")
    assert is_going(platform, "own")


def test_a_name_that_was_left_can_be_used_again(platform: Client, helm: Helm) -> None:
    """Its Helm release is there and nothing ever ran: the next VCluster of the name takes both."""
    assert run(helm, "install", given("left", FORMER, HERE)).returncode == 0
    done = run(helm, "upgrade", given("left", HEIR, HERE))
    assert done.returncode == 0, done.stderr
    labels = namespace(platform, "left")["labels"]
    assert labels["caas.telekom.de/vcluster-uid"] == HEIR
    assert labels["caas.telekom.de/control-plane"] == HERE


USED: dict[str, dict[str, Any]] = {
    "claim": claim("", "data-of-a-tenant"),
    "secret": {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "vc-x"}},
    "service": {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "used-service-vcluster"},
        "spec": {"ports": [{"port": 443}]},
    },
}


@pytest.mark.parametrize("what", USED)
def test_what_was_used_is_not_taken(platform: Client, helm: Helm, what: str) -> None:
    """Whatever a virtual cluster leaves says that one has run."""
    name = f"used-{what}"
    assert run(helm, "install", given(name, FORMER, HERE)).returncode == 0
    found = USED[what]
    make(platform, {**found, "metadata": {**found["metadata"], "namespace": name}})
    assert told(run(helm, "upgrade", given(name, HEIR, HERE)))[0] == "DataRetained"
    assert namespace(platform, name)["labels"]["caas.telekom.de/vcluster-uid"] == FORMER


@pytest.mark.parametrize(("first", "second"), [(HERE, ELSEWHERE), (HERE, ""), ("", HERE), ("", "")])
def test_another_control_plane_takes_nothing(
    platform: Client, helm: Helm, first: str, second: str
) -> None:
    """There a VCluster of the name may live that has only just begun."""
    name = f"elsewhere-{len(first)}-{len(second)}"
    assert run(helm, "install", given(name, FORMER, first)).returncode == 0
    assert told(run(helm, "upgrade", given(name, HEIR, second)))[0] == "DataRetained"
    assert namespace(platform, name)["labels"]["caas.telekom.de/vcluster-uid"] == FORMER
