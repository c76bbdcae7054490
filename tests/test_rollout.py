"""Whether all pods of a workload are new, as provider-helm writes its status."""

import pytest

from function import rollout

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


def test_the_mark_is_of_all_values_and_of_nothing_else() -> None:
    """Values that differ bear another mark, in whatever order they are written the same."""
    annotations = {"controlPlane": {"statefulSet": {"annotations": {"team": "a"}}}}
    found = rollout.marked({"sync": {}, **annotations})
    assert found == {
        "sync": {},
        "controlPlane": {
            "statefulSet": {
                "annotations": {"team": "a", "caas.telekom.de/values": "dfec1af524434cf5"}
            }
        },
    }
    assert rollout.mark(found) == "dfec1af524434cf5"
    assert rollout.marked({**annotations, "sync": {}}) == found
    assert rollout.mark(rollout.marked({"sync": None})) != rollout.mark(rollout.marked({}))
    assert rollout.mark({}) == ""
    assert annotations == {"controlPlane": {"statefulSet": {"annotations": {"team": "a"}}}}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"controlPlane": {"statefulSet": {"annotations": {"team": "a"}, "labels": {}}}},
        {"controlPlane": {"ingress": {"enabled": True}}, "sync": {"toHost": {}}},
    ],
)
def test_a_mark_comes_off_without_a_trace(values: dict[str, object]) -> None:
    """What is compared with a Release's values is what they were before they were marked."""
    marked = rollout.marked(values)
    assert rollout.mark(marked)
    assert rollout.unmarked(marked) == values
    assert rollout.unmarked(values) == values
