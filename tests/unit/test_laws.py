"""What holds for every request, found by searching for one for which it does not."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from crossplane.function import resource
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from hypothesis import given, settings
from hypothesis import strategies as st

from dev.scripts import life
from function import fn, protobuf
from function.compose import OBSERVED
from function.observed.ownership import KEYS

SECRET = "s3cr3t-of-a-customer"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-2, 2) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=4,
)

CONDITION = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["Ready", "Synced", "Other"]),
        "status": st.sampled_from(["True", "False", "Unknown", "Maybe"]),
        "reason": st.sampled_from(["Available", "ReconcileError", ""]),
        "message": st.sampled_from(["", "create failed: no", "observe failed: no"]),
        "observedGeneration": st.integers(0, 3),
    }
)

STATUS = st.fixed_dictionaries(
    {
        "conditions": st.lists(CONDITION, max_size=3),
        "atProvider": st.fixed_dictionaries(
            {
                "state": st.sampled_from(["", "deployed", "failed", "pending-upgrade"]),
                "revision": st.integers(0, 3),
                "version": st.sampled_from(["0.36.1", "0.35.3", ""]),
            }
        ),
    }
)

SPEC = (
    st.fixed_dictionaries(
        {},
        optional={
            "plan": st.sampled_from(["small", "large", "none"]),
            "kubernetesVersion": st.sampled_from(["1.34", "1.35.0", "1.36", "1.99", 1.35]),
            "availability": st.sampled_from(["Single", "HA", "Two", 3]),
            "storage": st.sampled_from(
                [{"size": "7Gi"}, {"storageClassName": "fast"}, {"size": 1}, {"onDelete": "Retain"}]
            ),
            "isolation": st.sampled_from(
                [{"egress": ["198.51.100.0/28", "192.0.2.0/24", "x"]}, {"networkPolicy": False}]
            ),
            "kubeconfigReaders": st.just([{"kind": "User", "name": "a"}, {"kind": "User"}, 5]),
            "host": st.sampled_from(["local", "nowhere"]),
            "nodePool": st.sampled_from(["tenants", "none"]),
            "values": st.sampled_from(
                [{"rbac": {"role": {"enabled": True}, "x": 1}}, {"a": {"b": [[[{}]]]}, "c": None}]
            ),
            "quota": st.sampled_from([{"pods": 3}, {"cpu": "2"}, {"memory": "900Ti"}]),
            "rancher": st.sampled_from(
                [
                    {"enabled": False},
                    {"enabled": True},
                    {"clusterName": "other"},
                    {"project": "none"},
                    {"enabled": "no"},
                    "no",
                ]
            ),
            "expose": st.sampled_from(
                [
                    {"type": "ClusterIP"},
                    {"type": "Ingress"},
                    {"type": "Ingress", "hostname": "kunde2.k8s.example.org"},
                    {"type": "LoadBalancer"},
                    {"type": "NodePort", "port": 30443},
                    {"type": "NodePort", "port": "x"},
                ]
            ),
            "deletionProtection": st.booleans() | st.just("yes"),
            "sleep": st.sampled_from(
                [{"calendar": "office-hours", "awakeUntil": "2026-12-24T18:00:00Z"}, {}, "x"]
            ),
            "expire": st.sampled_from([{"at": "2026-12-24T18:00:00Z"}, {"at": "soon"}]),
            "backup": st.sampled_from(
                [
                    {},
                    {"schedule": "5 1 * * *"},
                    {"schedule": "* * * * *"},
                    {"schedule": "soon", "onDelete": 5},
                    {"target": "none"},
                    {"restoreFrom": {"vcluster": "1cbfb5e6-3f7c-4a46-9a12-2d5c0f3c7b11"}},
                    {"rollback": {"snapshot": "20260101T000000Z"}},
                    {"rollback": {"snapshot": "latest", "loseNewer": "yes"}},
                    "x",
                ]
            ),
            "access": st.sampled_from(
                [
                    {},
                    {"oidc": [{"issuer": "corp", "admins": ["group:a", 'user:"] || true']}]},
                    {"oidc": [{"issuer": "none"}, {"issuer": "corp"}], "certificate": "Readers"},
                    {"oidc": [{"issuer": "corp", "viewers": ["a"]}], "rotate": -1},
                    {"rotate": 2, "certificate": "Nobody"},
                    "x",
                ]
            ),
            "sync": st.sampled_from([{"ingresses": True}, {"serviceAccounts": True}]),
            "anything": JSON,
        },
    )
    | JSON
)


FATE = st.one_of(
    st.just({}),
    st.just({"gone": True}),
    st.just({"emptied": True}),
    st.fixed_dictionaries({"status": STATUS}),
    st.fixed_dictionaries(
        {"spec": st.dictionaries(st.text(max_size=3), JSON, max_size=2)},
    ),
)
"""What befalls an observed resource."""

CASE = st.fixed_dictionaries(
    {
        "example": st.sampled_from(life.names()),
        "state": st.sampled_from([*life.LIFE]),
        "fates": st.fixed_dictionaries(dict.fromkeys(sorted(KEYS), FATE)),
    },
    optional={
        "spec": SPEC,
        "lost": st.sampled_from(["rancher", "plans", "vcluster", "backup", "access"]),
    },
)
"""A state of an example's life in which anything may be broken."""


def request(case: dict[str, Any]) -> fnv1.RunFunctionRequest:
    """Return the request of a case."""
    req = life.request(case["example"], case["state"])
    if "spec" in case:
        resource.update(req.observed.composite, {"spec": case["spec"]})
    for key in sorted(req.observed.resources):
        entry = req.observed.resources[key]
        fate = case["fates"][key]
        resource.update(entry, {k: v for k, v in fate.items() if k in ("status", "spec")})
        if "emptied" in fate:
            entry.connection_details.clear()
        if "gone" in fate:
            del req.observed.resources[key]
    if "lost" in case and case["lost"] in req.input.fields:
        del req.input.fields[case["lost"]]
    return req


def request_values(req: fnv1.RunFunctionRequest, key: str) -> object:
    """Return the chart values of an observed Release."""
    if key not in req.observed.resources:
        return None
    plain = resource.struct_to_dict(req.observed.resources[key].resource)
    return at(plain, "spec", "forProvider", "values")


def run(req: fnv1.RunFunctionRequest) -> fnv1.RunFunctionResponse:
    """Call the function."""
    return asyncio.run(fn.run_function(req))


def is_fatal(rsp: fnv1.RunFunctionResponse) -> bool:
    """Tell whether Crossplane applies and deletes nothing."""
    return any(result.severity == fnv1.SEVERITY_FATAL for result in rsp.results)


def at(value: object, *path: str) -> object:
    """Return what is at a path of a plain value."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


@settings(max_examples=300, deadline=None)
@given(CASE)
def test_nothing_observed_vanishes(case: dict[str, Any]) -> None:
    """Whatever was observed stays desired, or nothing is touched; but for three words of the user.

    Backups end in two steps, of which the first makes a deletion take none; and a login, of which
    the first removes the rights of all people.
    """
    req = request(case)
    rsp = run(req)
    if is_fatal(rsp):
        return
    observed = {key for key in req.observed.resources if key in KEYS}
    spec = case.get("spec", life.composite(case["example"])["spec"])
    allowed = set()
    if at(spec, "rancher", "enabled") is False:
        allowed.add("rancher")
        if "rancher" not in req.observed.resources:
            allowed.add("vcluster-by-rancher")
    if "backup" not in req.observed.resources:
        allowed.add("vcluster-by-backup")
    elif at(request_values(req, "backup"), "onDelete") == "None":
        allowed.add("backup")
    if at(spec, "access") is None and not at(request_values(req, "access"), "bindings"):
        allowed.add("access")
    if isinstance(spec, Mapping) and spec.get("deletionProtection", False) is False:
        allowed.add("deletion-protection")
    assert observed - {*rsp.desired.resources} <= allowed


@settings(max_examples=300, deadline=None)
@given(CASE)
def test_no_spec_is_a_shelter(case: dict[str, Any]) -> None:
    """Of a VCluster that exists whatever an empty spec lets through comes through.

    An Input that lost the targets holds back those that have backups, as one without Rancher does,
    and so does one that lost `access`.
    """
    req = request(case)
    lost = case.get("lost")
    least: dict[str, Any] = {str(lost): {}} if lost in ("backup", "access") else {}
    if "vcluster" in req.observed.resources and not is_fatal(run(request({**case, "spec": least}))):
        assert not is_fatal(run(req))


@settings(max_examples=100, deadline=None)
@given(CASE)
def test_what_is_marked_was_observed_and_nothing_else(case: dict[str, Any]) -> None:
    """The mark keeps Crossplane from creating: what is new must not have it, what exists must."""
    req = request(case)
    marked = {
        key
        for key, desired in run(req).desired.resources.items()
        if at(resource.struct_to_dict(desired.resource), "metadata", "annotations", OBSERVED)
    }
    desired = {*run(req).desired.resources}
    assert marked == desired & {*req.observed.resources}


@settings(max_examples=100, deadline=None)
@given(CASE)
def test_equal_requests_get_equal_bytes(case: dict[str, Any]) -> None:
    """The same observation gives the same bytes."""
    req = request(case)
    copy = fnv1.RunFunctionRequest.FromString(req.SerializeToString())
    assert protobuf.serialize(run(req)) == protobuf.serialize(run(copy))


@settings(max_examples=100, deadline=None)
@given(CASE, st.binary(max_size=8))
def test_no_secret_comes_out(case: dict[str, Any], noise: bytes) -> None:
    """Neither a kubeconfig nor any other connection detail of unknown meaning leaves again."""
    req = request(case)
    for key in req.observed.resources:
        details = req.observed.resources[key].connection_details
        details["kubeconfig"] = SECRET.encode() + noise
        details["password"] = SECRET.encode()
    assert SECRET.encode() not in protobuf.serialize(run(req))


@settings(max_examples=100, deadline=None)
@given(CASE)
def test_what_earlier_steps_desire_passes_through(case: dict[str, Any]) -> None:
    """Other steps' resources, their readiness and the context stay as they are."""
    req = request(case)
    resource.update(req.desired.resources["bucket"], {"kind": "Bucket", "spec": {"size": 3}})
    req.desired.resources["bucket"].ready = fnv1.READY_TRUE
    resource.update(req.desired.composite, {"status": {"bucket": {"url": "x"}}})
    req.context["apiextensions.crossplane.io/environment"] = {"region": "de"}
    rsp = run(req)
    assert rsp.desired.resources["bucket"] == req.desired.resources["bucket"]
    assert rsp.context == req.context
    desired = resource.struct_to_dict(rsp.desired.composite.resource)
    assert desired["status"]["bucket"] == {"url": "x"}


HASHES = """
import asyncio, hashlib, json
from function import fn, protobuf
from dev.scripts import life
print(json.dumps([
    hashlib.sha256(protobuf.serialize(asyncio.run(fn.run_function(life.request(e, s))))).hexdigest()
    for e in life.names() for s in life.LIFE
]))
"""


def test_processes_with_other_hash_seeds_agree() -> None:
    """Two replicas of the function answer with the same bytes."""

    def hashes(seed: str) -> Any:
        done = subprocess.run(
            [sys.executable, "-c", HASHES],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        )
        return json.loads(done.stdout.splitlines()[-1])

    assert hashes("1") == hashes("2")
