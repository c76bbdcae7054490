"""Whether all pods of a workload are new, as provider-helm writes its status."""

import pytest

from function.observed import rollout

SINGLE = (
    "map[availableReplicas:1 collisionCount:0 currentReplicas:1 currentRevision:demo-6b9 "
    "observedGeneration:3 readyReplicas:1 replicas:1 updateRevision:demo-6b9 updatedReplicas:1]"
)
DEPLOYMENT = (
    "map[availableReplicas:3 conditions:[map[lastTransitionTime:2026-01-01T00:00:00Z "
    "lastUpdateTime:2026-01-01T00:00:00Z message:Deployment has minimum availability. "
    "reason:MinimumReplicasAvailable status:True type:Available]] observedGeneration:3 "
    "readyReplicas:3 replicas:3 updatedReplicas:3]"
)


@pytest.mark.parametrize(
    ("status", "generation", "complete", "under_way"),
    [
        pytest.param(SINGLE, "3", True, False, id="stateful-set"),
        pytest.param(DEPLOYMENT, "3", True, False, id="deployment"),
        pytest.param(SINGLE, "4", False, True, id="its-controller-has-not-seen-the-change"),
        pytest.param(
            SINGLE.replace("updateRevision:demo-6b9", "updateRevision:demo-7c0"),
            "3",
            False,
            True,
            id="a-pod-of-the-old-revision",
        ),
        pytest.param(
            DEPLOYMENT.replace(" replicas:3", " replicas:4"),
            "3",
            False,
            True,
            id="an-old-pod-beside",
        ),
        pytest.param(
            DEPLOYMENT.replace(" updatedReplicas:3", ""),
            "3",
            False,
            True,
            id="no-new-pod-at-all",
        ),
        pytest.param(
            DEPLOYMENT.replace("[availableReplicas:3", "[availableReplicas:2"),
            "3",
            False,
            False,
            id="a-pod-is-not-available",
        ),
        pytest.param(
            SINGLE.replace("availableReplicas:1", "availableReplicas:0"),
            "3",
            False,
            False,
            id="the-new-pod-does-not-come-up",
        ),
        pytest.param(
            SINGLE.replace("replicas:1", "replicas:0").replace("Replicas:1", "Replicas:0"),
            "3",
            False,
            False,
            id="a-pod-that-is-away",
        ),
        pytest.param(
            "map[availableReplicas:0 observedGeneration:3 replicas:0]",
            "3",
            False,
            False,
            id="scaled-to-nothing",
        ),
        pytest.param("map[]", "3", False, True, id="no-status-yet"),
        pytest.param("", "", False, False, id="not-read-yet"),
        pytest.param("", "3", False, False, id="status-not-read-yet"),
        pytest.param(SINGLE, "", False, False, id="no-generation"),
    ],
)
def test_rollout(status: str, generation: str, *, complete: bool, under_way: bool) -> None:
    """The next step of an upgrade waits for the last old pod; a pod that is lost is no rollout."""
    details = {"generation": generation, "workload": status}
    assert rollout.is_complete(details, "generation", "workload") is complete
    assert rollout.is_under_way(details, "generation", "workload") is under_way


TAG = {"distro": {"k8s": {"image": {"tag": "v1.35.0"}}}}


def test_the_stamp_is_of_chart_kubernetes_and_all_values() -> None:
    """Values that differ bear another stamp, in whatever order they are written the same."""
    annotations = {"controlPlane": {"statefulSet": {"annotations": {"team": "a"}}, **TAG}}
    found = rollout.stamped({"sync": {}, **annotations}, "0.36.1")
    written = '{"chart":"0.36.1","kubernetes":"v1.35.0","values":"eb540af663eedfab"}'
    assert found == {
        "sync": {},
        "controlPlane": {
            "statefulSet": {"annotations": {"team": "a", "caas.telekom.de/installed": written}},
            **TAG,
        },
    }
    assert rollout.stamped({**annotations, "sync": {}}, "0.36.1") == found
    assert rollout.stamped({"sync": {}, **annotations}, "0.35.3") != found
    assert rollout.stamped({"sync": None}, "0.36.1") != rollout.stamped({}, "0.36.1")
    assert annotations == {"controlPlane": {"statefulSet": {"annotations": {"team": "a"}}, **TAG}}


FORMER = {"controlPlane": {"statefulSet": {"annotations": {"caas.telekom.de/values": "dfec"}}}}


def test_the_former_digest_stays_until_something_changes() -> None:
    """An update of the function restarts no control plane."""
    values: dict[str, object] = {"sync": {"toHost": {}}}
    observed = {**values, **FORMER}
    assert rollout.stamped(values, "0.36.1", observed) == observed
    assert rollout.unstamped(observed) == values
    changed: dict[str, object] = {"sync": {"toHost": {"pods": {}}}}
    assert rollout.stamped(changed, "0.36.1", observed) == rollout.stamped(changed, "0.36.1")
    assert rollout.stamped(values, "0.36.1", values) == rollout.stamped(values, "0.36.1")


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"controlPlane": {"statefulSet": {"annotations": {"team": "a"}, "labels": {}}}},
        {"controlPlane": {"ingress": {"enabled": True}}, "sync": {"toHost": {}}},
    ],
)
def test_a_stamp_comes_off_without_a_trace(values: dict[str, object]) -> None:
    """What is compared with a Release's values is what they were before they got a stamp."""
    stamped = rollout.stamped(values, "0.36.1")
    assert stamped != values
    assert rollout.unstamped(stamped) == values
    assert rollout.unstamped(values) == values
