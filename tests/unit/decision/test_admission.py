"""A refused field stays as it was, the rest of the spec and the platform's changes apply."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from dev.scripts import life
from function import protobuf
from function.commands.plan import simulate
from function.compose import compose
from function.k8s.fieldpath import get
from function.observed.state import Request
from function.response.response import Response
from tests.support.factories import changed

STAYS = "Until then what was granted before stays."
DEFAULT = "Until then the platform's default applies."
LEFT_OUT = "Until then it is left out."

ALL = ["namespace", "vcluster", "rancher", "namespace-by-vcluster", "vcluster-by-rancher"]


def asking(req: Request, spec: Any, platform: Mapping[str, Any] | None = None) -> Request:
    """Return the request with another spec, and other values at dotted paths of the Input."""
    composite = {**req.composite, "spec": spec}
    return replace(req, composite=composite, input=changed(req.input or {}, platform or {}))


def living(spec: Any, platform: Mapping[str, Any] | None = None, **lost: Any) -> Request:
    """Return the request of a VCluster that has lived with a spec until it was READY."""
    req = asking(protobuf.decode(life.request("kunde1", "nothing")), spec, platform)
    for _ in range(5):
        answer = compose(req)
        assert not answer.fatal
        req = simulate.following(req, answer)
    assert answer.ready
    return replace(req, observed=replace(req.observed, **lost))


def without_record(req: Request) -> Request:
    """Return the request of a VCluster whose Releases an earlier version made."""
    seen = req.observed.namespace
    assert seen
    return replace(req, observed=replace(req.observed, namespace=replace(seen, record="")))


def values(answer: Response, key: str = "namespace") -> dict[str, Any]:
    """Return the values of a composed Release."""
    found: dict[str, Any] = answer.resources[key].resource["spec"]["forProvider"]["values"]
    return found


def told(answer: Response) -> list[str]:
    """Return what Accepted says, which must not be fatal."""
    assert answer.fatal == ""
    accepted = answer.conditions[0]
    if accepted.status == "True":
        return []
    assert (accepted.type, accepted.status, accepted.reason) == (
        "Accepted",
        "False",
        "ChangeRefused",
    )
    return accepted.message.split(" | ")


BIGGER = {"plans.small.quota.pods": 80, "hosts.local.cidrs": ["203.0.113.0/24"]}
"""What the platform changes meanwhile."""


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param(
            {"plan": "nosuch"},
            "spec.plan: is not a plan of the platform. Known: large, small. " + DEFAULT,
            id="plan",
        ),
        pytest.param(
            {"expose": {"hostname": "x.example.org"}},
            "spec.expose.hostname: is a name for outside, and type ClusterIP has no way in from "
            "there. Leave it out, or choose another spec.expose.type. " + DEFAULT,
            id="hostname-without-a-way-in",
        ),
        pytest.param(
            {"quota": {"pods": 900}},
            "spec.quota.pods: must be at most 80. Ask for less, or ask the platform team to raise "
            "the limit. " + DEFAULT,
            id="quota",
        ),
        pytest.param(
            {"kubernetesVersion": "1.99"},
            "spec.kubernetesVersion: is not offered by the platform. Choose one of: 1.34.3, "
            "1.35.0, 1.36.0. " + DEFAULT,
            id="kubernetes",
        ),
        pytest.param(
            {"nodePool": "nosuch"},
            "spec.nodePool: is not a node pool of the platform. Known: tenants. " + DEFAULT,
            id="pool",
        ),
        pytest.param(
            {"host": "nosuch"},
            "spec.host: stays on host local instead of nosuch: a virtual cluster cannot move to "
            "another host. Take it back, or move what is in the cluster into a new VCluster.",
            id="host",
        ),
        pytest.param(
            {"rancher": {"project": "nosuch"}},
            "spec.rancher.project: is not a Rancher project of the platform. Known: kunde1, "
            "kunde2. " + DEFAULT,
            id="project",
        ),
        pytest.param(
            {"isolation": {"egress": ["198.51.100.0/28", "203.0.113.0/24"]}},
            "spec.isolation.egress[1]: is not within the ranges that the platform allows. Allowed: "
            "198.51.100.0/24. " + LEFT_OUT,
            id="an-entry-of-a-list",
        ),
        pytest.param(
            {"values": {"rbac": {"role": {"enabled": True}}}},
            "spec.values.rbac.role.enabled: is not a path that the platform allows. Remove it. "
            "Allowed: controlPlane.coredns.overwriteConfig, "
            "networking.advanced.fallbackHostCluster, sync.toHost.pods.enforceTolerations. "
            + DEFAULT,
            id="values",
        ),
        pytest.param(
            {"sleep": {"calendar": "nights", "awakeUntil": "2026-12-24T18:00:00Z"}},
            "spec.sleep: cannot be set on this platform. Leave it out, or ask the platform team to "
            "list a Calendar in tenant.calendars. " + DEFAULT,
            id="sleep",
        ),
        pytest.param(
            {"expire": {"at": "2026-12-24T18:00:00Z"}},
            "spec.expire: cannot be set on this platform. Leave it out, or ask the platform team "
            "to set tenant.expire to Allowed. " + DEFAULT,
            id="expiry",
        ),
        pytest.param(
            {"deletionProtection": "yes"},
            "spec.deletionProtection: must be true or false. Write it without quotes. " + DEFAULT,
            id="malformed",
        ),
        pytest.param(
            {"storage": 5},
            "spec.storage: must be a map. Write key: value pairs below it. " + STAYS,
            id="malformed-map",
        ),
    ],
)
def test_a_refused_field_is_no_shelter(spec: dict[str, Any], message: str) -> None:
    """What the platform changes arrives, and so does the rest of the spec."""
    req = living({})
    readers = [{"kind": "User", "name": "alice"}]
    answer = compose(asking(req, {**spec, "kubeconfigReaders": readers}, BIGGER))
    assert told(answer) == [message]
    assert [*answer.resources] == ALL
    found = values(answer)
    assert found["quota"]["pods"] == "89"
    assert found["networkPolicy"]["hostCidrs"] == ["203.0.113.0/24"]
    assert found["kubeconfig"]["readers"] == readers


@pytest.mark.parametrize("spec", [None, 5, "x", [], {"a": {}}, {"rancher": "off"}])
def test_malformed_at_the_root(spec: Any) -> None:
    """Whatever stands there takes nothing away."""
    req = living({"plan": "large", "deletionProtection": True})
    answer = compose(asking(req, spec))
    assert {*ALL} <= {*answer.resources}
    assert len(told(answer)) == 1


@pytest.mark.parametrize(
    ("before", "spec", "path", "kept"),
    [
        pytest.param({"plan": "large"}, {"plan": "nosuch"}, "quota.pods", "209", id="plan"),
        pytest.param(
            {"quota": {"pods": 7}}, {"quota": {"pods": "x"}}, "quota.pods", "16", id="quota"
        ),
        pytest.param({"quota": {"pods": 7}}, {"quota": []}, "quota.pods", "16", id="whole-quota"),
        pytest.param(
            {"isolation": {"egress": ["198.51.100.0/28"]}},
            {"isolation": {"egress": ["198.51.100.16/28", "nonsense"]}},
            "networkPolicy.egress",
            ["198.51.100.0/28", "192.0.2.10/32"],
            id="list",
        ),
        pytest.param(
            {"rancher": {"project": "kunde1"}},
            {"rancher": {"project": "nosuch"}},
            "rancherProject",
            "local:p-kunde1",
            id="project",
        ),
        pytest.param(
            {"storage": {"onDelete": "Retain"}},
            {"storage": {"onDelete": "Keep"}},
            "onDelete",
            "Retain",
            id="on-delete",
        ),
    ],
)
def test_what_was_granted_stays(
    before: dict[str, Any], spec: dict[str, Any], path: str, kept: Any
) -> None:
    """The record on the Release says what was granted, and goes on saying it."""
    req = living(before)
    answer = compose(asking(req, spec))
    [message] = told(answer)
    assert message.endswith(STAYS)
    assert get(values(answer), *path.split(".")) == kept
    again = compose(simulate.following(asking(req, spec), answer))
    assert again.resources == answer.resources
    assert again.conditions[0] == answer.conditions[0]


@pytest.mark.parametrize(
    ("before", "platform", "key", "path", "then"),
    [
        pytest.param(
            {"sync": {"ingresses": True}},
            {"tenant.sync": ["storageClasses"]},
            "vcluster",
            "sync.toHost.ingresses.enabled",
            False,
            id="sync",
        ),
        pytest.param(
            {"isolation": {"networkPolicy": False}},
            {"tenant.networkPolicy": "Enforced"},
            "namespace",
            "networkPolicy.enabled",
            True,
            id="network-policy",
        ),
        pytest.param(
            {"isolation": {"networkPolicy": False}, "sync": {"networkPolicies": True}},
            {"tenant.networkPolicy": "Enforced"},
            "vcluster",
            "sync.toHost.networkPolicies.enabled",
            False,
            id="what-goes-with-it",
        ),
        pytest.param(
            {"isolation": {"egress": ["198.51.100.0/28", "198.51.100.16/28"]}},
            {"tenant.egress": ["198.51.100.16/28"]},
            "namespace",
            "networkPolicy.egress",
            ["198.51.100.16/28", "192.0.2.10/32"],
            id="egress",
        ),
        pytest.param(
            {"quota": {"pods": 50}},
            {"tenant.quota": {"pods": 20}},
            "namespace",
            "quota.pods",
            "59",
            id="quota",
        ),
        pytest.param(
            {"expose": {"type": "Ingress"}},
            {"tenant.exposeTypes": ["ClusterIP"]},
            "vcluster",
            "controlPlane.ingress.enabled",
            None,
            id="way-in",
        ),
        pytest.param(
            {"rancher": {"project": "kunde1"}},
            {"rancher.projects": {}, "rancher.projectNamespaces": {}},
            "namespace",
            "rancherProject",
            "",
            id="project",
        ),
    ],
)
def test_the_platform_takes_back(
    before: dict[str, Any], platform: dict[str, Any], key: str, path: str, then: Any
) -> None:
    """Who has what is no longer allowed loses it, and reads that."""
    offered = {
        "tenant.networkPolicy": "Choice",
        "tenant.sync": ["storageClasses", "ingresses", "networkPolicies"],
    }
    req = living(before, offered)
    answer = compose(asking(req, before, platform))
    messages = told(answer)
    assert messages
    assert all(message.endswith((DEFAULT, LEFT_OUT)) for message in messages)
    assert get(values(answer, key), *path.split(".")) == then
    assert {*ALL} <= {*answer.resources}


def test_a_manual_upgrade_ends_where_the_platform_says_automatic() -> None:
    """The chart moves on, whatever the spec holds back."""
    spec = {"upgrade": {"policy": "Manual", "chartVersion": "0.35.3"}}
    req = living(spec)
    assert req.observed.vcluster
    assert req.observed.vcluster.chart_version == "0.35.3"
    answer = compose(asking(req, spec, {"tenant.upgrade": "Automatic"}))
    assert len(told(answer)) == 2
    chart = answer.resources["vcluster"].resource["spec"]["forProvider"]["chart"]["version"]
    assert chart == "0.36.1"


@pytest.mark.parametrize("spec", [{"plan": "large"}, {"plan": "nosuch"}])
def test_a_plan_that_left_the_input_stays_for_those_who_have_it(spec: dict[str, str]) -> None:
    """A renamed plan shrinks no quota and restarts no control plane; the alert says who has it."""
    req = living({"plan": "large"})
    assert req.input
    small = {"small": get(req.input, "plans", "small")}
    asked = asking(req, {**spec, "quota": {"services": 7}}, {"plans": small})
    answer = compose(asked)
    assert told(answer) == [f"spec.plan: is not a plan of the platform. Known: small. {STAYS}"]
    assert values(answer)["quota"]["pods"] == "209"
    assert values(answer)["quota"]["services"] == "13"
    assert req.observed.vcluster
    assert values(answer, "vcluster") == req.observed.vcluster.values
    again = compose(simulate.following(asked, answer))
    assert again.resources == answer.resources


def test_a_pool_that_left_the_input_stays_for_those_who_have_it() -> None:
    """No pod moves to nodes that are other tenants'."""
    spec = {"nodePool": "tenants"}
    answer = compose(asking(living(spec), spec, {"nodePools": {}}))
    assert told(answer) == [
        f"spec.nodePool: is not a node pool of the platform. Known: none. {STAYS}"
    ]
    labels = get(values(answer, "vcluster"), "sync", "fromHost", "nodes", "selector", "labels")
    assert labels == {"caas.telekom.de/pool": "tenants"}


IMMUTABLE = [
    pytest.param({"availability": "HA"}, {"availability": "Two"}, id="availability"),
    pytest.param({"availability": "HA"}, {"availability": 2}, id="availability-of-no-text"),
    pytest.param({"storage": {"size": "7Gi"}}, {"storage": {"size": 9}}, id="size"),
    pytest.param({"storage": {"size": "7Gi"}}, {"storage": {"size": "99Ti"}}, id="size-over"),
    pytest.param({"storage": {"size": "7Gi"}}, {"storage": "large"}, id="storage"),
    pytest.param(
        {"storage": {"storageClassName": "fast"}},
        {"storage": {"storageClassName": "no"}},
        id="class",
    ),
    pytest.param({"host": "local"}, {"host": "Nowhere!"}, id="host"),
    pytest.param(
        {"rancher": {"clusterName": "mine"}}, {"rancher": {"clusterName": "-"}}, id="cluster-name"
    ),
    pytest.param({"rancher": {"clusterName": "mine"}}, {"rancher": []}, id="rancher"),
    pytest.param({"availability": "HA", "rancher": {"clusterName": "mine"}}, 7, id="everything"),
]


@pytest.mark.parametrize("has_record", [True, False])
@pytest.mark.parametrize(("before", "spec"), IMMUTABLE)
def test_what_never_changes_is_not_changed_by_a_typing_error(
    before: dict[str, Any], spec: Any, *, has_record: bool
) -> None:
    """No default moves or empties anything, also where an earlier version made the Releases."""
    req = living(before)
    asked = asking(req if has_record else without_record(req), spec)
    answer = compose(asked)
    assert told(answer)
    for key in ("vcluster", "rancher"):
        seen = getattr(req.observed, key)
        assert values(answer, key) == seen.values
    assert values(answer)["highAvailability"] == (before.get("availability") == "HA")


@pytest.mark.parametrize(
    ("before", "spec"),
    [
        pytest.param({"deletionProtection": True}, {"deletionProtection": "on"}, id="protection"),
        pytest.param({"storage": {"onDelete": "Retain"}}, {"storage": 0}, id="retain"),
        pytest.param({"expose": {"type": "Ingress"}}, {"expose": {"type": "Door"}}, id="way-in"),
    ],
)
def test_releases_without_a_record_show_what_ran(
    before: dict[str, Any], spec: dict[str, Any]
) -> None:
    """Those of an earlier version lose neither protection nor data nor the way in."""
    req = living(before)
    answer = compose(asking(without_record(req), spec))
    assert told(answer)
    assert {*answer.resources} == {*req.observed.usages, "namespace", "vcluster", "rancher"}
    assert req.observed.vcluster
    assert values(answer, "vcluster") == req.observed.vcluster.values


def test_a_new_vcluster_is_refused_as_a_whole() -> None:
    """No default decides what can never be changed again."""
    req = protobuf.decode(life.request("kunde1", "nothing"))
    answer = compose(asking(req, {"availability": "Ha"}))
    assert answer.fatal.startswith("spec.availability: must be 'Single' or 'HA'")
    assert answer.resources == {}


def test_refused_between_namespace_and_control_plane() -> None:
    """What was granted when the namespace was made is what is made in it."""
    req = living({"availability": "HA"}, vcluster=None, rancher=None)
    answer = compose(asking(req, {"availability": "Two"}))
    assert told(answer)
    store = get(values(answer, "vcluster"), "controlPlane", "backingStore", "etcd", "deploy")
    assert get(store, "enabled") is True
    assert compose(asking(without_record(req), {"availability": "Two"})).fatal


def test_a_malformed_retry_keeps_the_one_before() -> None:
    """The number of attempts is not taken back while Helm makes them."""
    req = living({})
    metadata = get(req.composite, "metadata")
    assert isinstance(metadata, dict)

    def with_retry(found: Request, retry: str) -> Request:
        annotations = {"caas.telekom.de/retry": retry}
        composite = {**found.composite, "metadata": {**metadata, "annotations": annotations}}
        return replace(found, composite=composite)

    second = with_retry(req, "4")
    third = with_retry(simulate.following(second, compose(second)), "many")
    answer = compose(third)
    rule = "must be a whole number, 0 to 9999"
    field = "metadata.annotations[caas.telekom.de/retry]"
    assert told(answer) == [f'{field}: {rule}. Write "1". {STAYS}']
    limit = answer.resources["vcluster"].resource["spec"]["rollbackLimit"]
    assert limit == compose(second).resources["vcluster"].resource["spec"]["rollbackLimit"]


def test_only_the_spec_itself_takes_a_cluster_out_of_rancher() -> None:
    """A refused `spec.rancher` deregisters nothing, and one that was out stays out."""
    assert "rancher" in compose(asking(living({}), {"rancher": {"enabled": "false"}})).resources
    out = living({"rancher": {"enabled": False}})
    assert "rancher" not in compose(asking(out, {"rancher": {"enabled": "?"}})).resources


@pytest.mark.parametrize("text", ["", "{", "[]", '{"spec":5}', "[" * 5000, '{"spec":{"plan":9}}'])
def test_a_record_that_somebody_broke_is_none(text: str) -> None:
    """Nothing that stands there harms."""
    req = living({})
    assert req.observed.namespace
    seen = replace(req.observed.namespace, record=text)
    broken = replace(req, observed=replace(req.observed, namespace=seen))
    answer = compose(asking(broken, {"plan": "nosuch"}))
    assert [*answer.resources] == ALL
    assert told(answer)


def test_what_the_input_itself_contradicts_holds_nothing_up() -> None:
    """A limit that no spec keeps is told, and the rest is applied."""
    answer = compose(asking(living({}), {}, {"tenant.podSecurity": ["restricted"], **BIGGER}))
    [message] = told(answer)
    assert message.startswith("spec.isolation.podSecurity: cannot be restricted together with the")
    assert message.endswith("Use baseline, or set spec.rancher.enabled to false.")
    assert values(answer)["quota"]["pods"] == "89"
