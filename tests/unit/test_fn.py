"""The gRPC edge: what comes in as protobuf, and what goes out."""

import asyncio
import json
from typing import Any

import pytest
from crossplane.function import resource
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from google.protobuf import duration_pb2, json_format
from structlog.testing import capture_logs

from dev.scripts import life
from function import fn, protobuf
from function.observed import stamp
from function.observed.state import Condition, ForeignRelease
from function.response.response import Composed, Response

SECRET = "s3cr3t-VALUE"


def run(req: fnv1.RunFunctionRequest) -> fnv1.RunFunctionResponse:
    """Call the function."""
    return asyncio.run(fn.run_function(req))


def test_whole_numbers_become_integers() -> None:
    """A number that protobuf made a float is written as people wrote it."""
    req = fnv1.RunFunctionRequest()
    json_format.ParseDict({"spec": {"a": 3, "b": 1.5, "c": [True, None]}}, req.input)
    assert (
        json.dumps(protobuf.decode(req).input) == '{"spec": {"a": 3, "b": 1.5, "c": [true, null]}}'
    )


def test_managed_fields_are_left_out() -> None:
    """The larger half of an object is never looked at, but a user's own field of that name is."""
    req = fnv1.RunFunctionRequest()
    resource.update(
        req.observed.composite,
        {"metadata": {"name": "x", "managedFields": [{}]}, "spec": {"managedFields": "y"}},
    )
    assert protobuf.decode(req).composite == {
        "metadata": {"name": "x"},
        "spec": {"managedFields": "y"},
    }


def test_only_public_details_enter() -> None:
    """The kubeconfig is a fact, not a value, to all behind the edge."""
    req = life.request("kunde1", "ready")
    req.observed.resources["vcluster"].connection_details["password"] = SECRET.encode()
    seen = protobuf.decode(req).observed.vcluster
    assert seen
    assert seen.details == {
        "generation": "1",
        "installed": stamp.annotation(seen.values),
        "workload": "map[availableReplicas:1 observedGeneration:1 replicas:1 updatedReplicas:1]",
    }
    assert seen.has_kubeconfig


def test_reading_does_not_make_resources() -> None:
    """Looking for a resource in protobuf's map must not put it there."""
    req = life.request("kunde1", "nothing")
    run(req)
    assert [*req.observed.resources] == []


def test_strangers_are_releases_that_another_controls() -> None:
    """A Release of ours that Crossplane just made is none; one of an earlier VCluster is."""
    req = life.request("kunde1", "nothing")
    ours = life.composite("kunde1")["metadata"]["uid"]
    for owner in ("someone else", ours):
        resource.update(
            req.required_resources["namespace"].items.add(),
            {
                "metadata": {
                    "name": "kunde1-namespace",
                    "namespace": "vcluster-system",
                    "deletionTimestamp": "2026-01-01T00:00:00Z",
                    "ownerReferences": [{"uid": owner, "controller": True}],
                }
            },
        )
    assert protobuf.decode(req).observed.foreign_releases == (
        ForeignRelease("kunde1-namespace", "vcluster-system", terminating=True),
    )


def test_how_soon_crossplane_calls_again() -> None:
    """The pause of the answer is the TTL of the response, also of one that refuses."""
    for answer, seconds in ((Response(ready=True, pause=120), 120), (Response(fatal="no"), 10)):
        assert protobuf.encode(fnv1.RunFunctionRequest(), answer).meta.ttl.seconds == seconds


def test_encode() -> None:
    """An answer becomes a response beside what earlier steps desire."""
    req = fnv1.RunFunctionRequest(meta=fnv1.RequestMeta(tag="t"))
    resource.update(req.desired.composite, {"status": {"bucket": "b", "blockedBy": "old"}})
    answer = Response(
        resources={
            "a": Composed({"kind": "A"}, ready=True),
            "b": Composed({"kind": "B"}, ready=False),
        },
        status={"blockedBy": "B"},
        conditions=(Condition("Accepted", "True", "Accepted"),),
    )
    want = fnv1.RunFunctionResponse(
        meta=fnv1.ResponseMeta(tag="t", ttl=duration_pb2.Duration(seconds=10)),
        conditions=[
            fnv1.Condition(type="Accepted", status=fnv1.STATUS_CONDITION_TRUE, reason="Accepted")
        ],
        context={},
    )
    resource.update(want.desired.composite, {"status": {"bucket": "b", "blockedBy": "B"}})
    resource.update(want.desired.resources["a"], {"kind": "A"})
    resource.update(want.desired.resources["b"], {"kind": "B"})
    want.desired.resources["a"].ready = fnv1.READY_TRUE
    want.desired.resources["b"].ready = fnv1.READY_FALSE
    assert protobuf.encode(req, answer) == want


def test_held_fields_stay_as_observed() -> None:
    """Those that are there; a start of an upgrade, which is read again, is written at once."""
    req = fnv1.RunFunctionRequest()
    upgrade = {"from": {"chartVersion": "0.35.3", "kubernetesVersion": "v1.35.0"}}
    own = {"blockedBy": "old", "observedGeneration": 3, "rancher": {"phase": "Registered"}}
    foreign = {"conditions": [{"type": "Ready"}], "lastHandledReconcileAt": "x", "bucket": "old"}
    resource.update(req.observed.composite, {"status": {**own, **foreign}})
    resource.update(req.desired.composite, {"status": {"bucket": "b"}})
    status = {"blockedBy": "", "observedGeneration": 4, "upgrade": upgrade}
    for is_held, expected in ((True, {**status, **own}), (False, status)):
        rsp = protobuf.encode(req, Response(status=status, is_held=is_held))
        desired = protobuf.plain(rsp.desired.composite.resource)
        assert desired == {"status": {**expected, "bucket": "b"}}
        assert protobuf.encode(
            fnv1.RunFunctionRequest(), Response(status=status, is_held=is_held)
        ).desired.composite.resource == resource.dict_to_struct({"status": status})


@pytest.mark.parametrize(
    ("answer", "ready"),
    [
        pytest.param(Response(ready=False), fnv1.READY_FALSE, id="nothing-desired-is-not-ready"),
        pytest.param(
            Response(resources={"a": Composed({}, ready=False)}),
            fnv1.READY_UNSPECIFIED,
            id="crossplane-names-the-unready",
        ),
        pytest.param(
            Response(resources={"a": Composed({}, ready=True)}),
            fnv1.READY_FALSE,
            id="all-is-ready-that-exists-but-more-must-come",
        ),
        pytest.param(
            Response(resources={"a": Composed({}, ready=True)}, ready=True),
            fnv1.READY_UNSPECIFIED,
            id="other-steps-may-still-be-unready",
        ),
    ],
)
def test_crossplane_does_not_call_it_ready_too_early(answer: Response, ready: Any) -> None:
    """An XR whose desired resources are all ready counts as ready, also one without any."""
    assert protobuf.encode(fnv1.RunFunctionRequest(), answer).desired.composite.ready == ready


def test_a_bad_spec_is_fatal_and_touches_nothing() -> None:
    """A refused spec of a new VCluster says why; only what earlier steps desire is desired."""
    req = life.request("kunde1", "nothing")
    resource.update(req.observed.composite, {"spec": {"plan": SECRET, "password": SECRET}})
    rsp = run(req)
    assert [*rsp.desired.resources] == []
    assert [(r.severity, r.message) for r in rsp.results] == [
        (
            fnv1.SEVERITY_FATAL,
            (
                "spec.plan: must be a name such as small: lower case letters, digits and dashes. "
                "Correct it. | "
                "spec.password: is not a known field. Remove it or correct it. Known: "
                "access, availability, backup, crossplane, deletionProtection, expire, expose, "
                "host, hostSelector, isolation, kubeconfigReaders, kubernetesVersion, nodePool, "
                "plan, power, quota, rancher, sleep, storage, sync, upgrade, values."
            ),
        )
    ]
    assert SECRET not in str(rsp)


@pytest.mark.parametrize(
    ("req", "field"),
    [
        pytest.param(fnv1.RunFunctionRequest(), "input: is missing", id="empty"),
        pytest.param(
            fnv1.RunFunctionRequest(input=life.request("kunde1", "ready").input),
            "metadata: is missing",
            id="no-metadata",
        ),
    ],
)
def test_requests_without_the_needful(req: fnv1.RunFunctionRequest, field: str) -> None:
    """A request that lacks its Input or its XR gets a fatal answer, not a dropped connection."""
    (result,) = run(req).results
    assert result.severity == fnv1.SEVERITY_FATAL
    assert result.message.startswith(field)


def test_an_error_of_our_own_is_fatal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug leaves everything as it is; its traceback is found by an id, its text nowhere."""

    def broken(_: object) -> Response:
        raise KeyError(SECRET)

    monkeypatch.setattr(fn, "compose", broken)
    with capture_logs() as logs:
        rsp = run(life.request("kunde1", "ready"))
    logged = next(entry for entry in logs if entry["log_level"] == "error")
    (result,) = rsp.results
    assert result.severity == fnv1.SEVERITY_FATAL
    assert result.message == (
        f"Internal error {logged['error_id']} (KeyError). Nothing was changed. The log of the "
        "function has the traceback under this id."
    )
    assert any("in broken" in frame for frame in logged["traceback"])
    assert SECRET not in f"{rsp}{logs}"
    assert rsp.conditions[0].reason == "InternalError"
