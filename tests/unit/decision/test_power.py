"""Power: what runs, what is stopped next, and what the user reads on the way."""

from dataclasses import replace
from typing import Any

import pytest

from dev.scripts import life
from function import protobuf
from function.api.clock_mark import ANNOTATION
from function.api.fields import duration_seconds
from function.commands.plan import simulate
from function.commands.plan.simulated_host import workload_status
from function.compose import compose
from function.decision.power import Power, paused
from function.k8s.fieldpath import mapping
from function.observed import release
from function.observed.state import Condition, ObservedRelease, Request
from function.response.response import Response
from tests.support.factories import at

REPLICAS = "spec.forProvider.values.controlPlane.statefulSet.highAvailability.replicas"
ETCD = (
    "spec.forProvider.values.controlPlane.backingStore.etcd.deploy.statefulSet."
    "highAvailability.replicas"
)
VALUES = "spec.forProvider.values"
CHART = "spec.forProvider.chart.version"


def ready(example: str = "kunde1", **spec: Any) -> Request:
    """Return the request of an example that is READY, with other fields in its spec."""
    return wanting(protobuf.decode(life.request(example, "ready")), **spec)


def wanting(req: Request, **spec: Any) -> Request:
    """Return a request with other fields in its spec."""
    composite = {**req.composite, "spec": {**req.composite["spec"], **spec}}  # type: ignore[dict-item]
    return replace(req, composite=composite)


def told(req: Request, answer: Response) -> Request:
    """Return a request after the conditions of an answer were written."""
    conditions = [each._asdict() for each in answer.conditions]
    status = {**(answer.status or {}), "conditions": conditions}
    return replace(req, composite={**req.composite, "status": status})


def following(req: Request, answer: Response, **details: str) -> Request:
    """Return the next request; details of the control plane may be as before."""
    after = told(simulate.following(req, answer), answer)
    control_plane = after.observed.vcluster
    assert control_plane is not None
    seen = replace(control_plane, details={**control_plane.details, **details})
    return replace(after, observed=replace(after.observed, vcluster=seen))


def awake(answer: Response) -> tuple[str, str]:
    """Return status and reason of condition Awake."""
    return next((c.status, c.reason) for c in answer.conditions if c.type == "Awake")


def condition(answer: Response, kind: str) -> tuple[str, str]:
    """Return status and reason of a condition."""
    return next((c.status, c.reason) for c in answer.conditions if c.type == kind)


def replicas(answer: Response) -> int:
    """Return the replicas of the control plane that an answer wants."""
    return int(at(answer.resources["vcluster"].resource, REPLICAS))


def values(answer: Response, key: str) -> Any:
    """Return the chart values of a Release."""
    return at(answer.resources[key].resource, VALUES)


def nap(answer: Response) -> str | None:
    """Return the nap in the values of the namespace."""
    found: str | None = values(answer, "namespace").get("nap")
    return found


def stopping(number: int, generation: int = 1) -> dict[str, str]:
    """Return details of a workload with this many pods, of a generation."""
    status = {**workload_status(number), "observedGeneration": generation}
    counts = " ".join(f"{key}:{value}" for key, value in status.items())
    return {"generation": str(generation), "workload": f"map[{counts}]"}


def test_the_way_to_sleep() -> None:
    """First no replicas, then, with the last pod gone, the tenant's pods, and only then asleep."""
    req = ready(power="Sleeping")
    first = compose(req)
    assert (replicas(first), nap(first), awake(first)) == (0, None, ("False", "FallingAsleep"))
    waiting = compose(following(req, first, **stopping(1)))
    assert (replicas(waiting), nap(waiting)) == (0, None)
    assert awake(waiting) == ("False", "FallingAsleep")
    gone = following(req, first)
    second = compose(gone)
    assert (replicas(second), nap(second), awake(second)) == (0, "1", ("False", "FallingAsleep"))
    third = compose(following(gone, second))
    assert (replicas(third), nap(third), awake(third)) == (0, "1", ("False", "Sleeping"))


def test_the_words_on_the_way_to_sleep() -> None:
    """READY says why it is False, and by which field; nothing looks like a fault."""
    req = ready(power="Sleeping")
    first = compose(req)
    assert first.status is not None
    assert first.status["blockedBy"] == "falling asleep, by spec.power"
    falling = following(req, first)
    req = following(falling, compose(falling))
    asleep = compose(req)
    assert asleep.status is not None
    assert not asleep.ready
    assert asleep.status["blockedBy"] == "asleep, by spec.power"
    assert asleep.status["power"] == "Sleeping"
    assert asleep.status["rancher"]["phase"] == "Sleeping"
    assert condition(asleep, "ControlPlaneReady") == ("False", "Sleeping")
    assert condition(asleep, "RancherConnected") == ("False", "Sleeping")
    assert condition(asleep, "NamespaceReady") == ("True", "Available")
    assert compose(following(req, asleep)).pause == 14_400
    assert not [event for event in asleep.events if event.warning]


def asleep_of(example: str = "kunde1") -> tuple[Request, Response]:
    """Return a request of a VCluster that sleeps, and its answer."""
    req = ready(example, power="Sleeping")
    for _ in range(4):
        answer = compose(req)
        req = following(req, answer)
    return req, compose(req)


@pytest.mark.parametrize("example", ["kunde1", "ha"])
def test_asleep_nothing_changes_any_more(example: str) -> None:
    """It is looked at once in four hours, and each answer is the one before."""
    req, answer = asleep_of(example)
    assert awake(answer) == ("False", "Sleeping")
    again = compose(following(req, answer))
    assert again == replace(answer, events=())
    intervals = {
        key: composed.resource["metadata"]["annotations"].get("crossplane.io/poll-interval")
        for key, composed in answer.resources.items()
        if composed.resource["kind"] == "Release"
    }
    assert intervals == {"namespace": "4h", "vcluster": "4h", "rancher": "4h"}


def test_highly_available() -> None:
    """Etcd has no replicas either, and is waited for."""
    req = ready("ha", power="Sleeping")
    first = compose(req)
    assert replicas(first) == 0
    assert at(first.resources["vcluster"].resource, ETCD) == 0
    members = {"etcdWorkload": stopping(2)["workload"]}
    assert nap(compose(following(req, first, **members))) is None
    terminating = {"workload": "map[observedGeneration:1 terminatingReplicas:2]"}
    assert nap(compose(following(req, first, **terminating))) is None
    assert nap(compose(following(req, first, workload="map[observedGeneration:1]"))) == "1"


def test_waking_up() -> None:
    """All comes back in one call; it is awake when the control plane is ready."""
    req, _ = asleep_of()
    req = wanting(req, power="Running")
    first = compose(req)
    assert (replicas(first), nap(first), awake(first)) == (1, None, ("False", "WakingUp"))
    second = compose(following(req, first, **stopping(0)))
    assert awake(second) == ("False", "WakingUp")
    assert second.pause == 3
    third = compose(following(req, first))
    assert awake(third) == ("True", "Awake")
    assert third.ready
    assert third.status is not None
    assert third.status["power"] == "Awake"


def test_a_pod_that_starts_is_awaited() -> None:
    """A waking control plane is looked at often, though a failing one is not."""
    req, _ = asleep_of()
    req = wanting(req, power="Running")
    first = compose(req)
    starting = "map[availableReplicas:0 observedGeneration:1 replicas:1 updatedReplicas:1]"
    answer = compose(following(req, first, workload=starting))
    assert condition(answer, "ControlPlaneReady") == ("False", "WakingUp")
    annotations = answer.resources["vcluster"].resource["metadata"]["annotations"]
    assert annotations["crossplane.io/poll-interval"] == "2s"


def test_reversed_at_any_moment() -> None:
    """Who changes their mind while it falls asleep gets what it was, unchanged."""
    req = ready()
    before = compose(req)
    first = compose(wanting(req, power="Sleeping"))
    turned = wanting(following(req, first), power="Running")
    back = compose(turned)
    assert nap(back) is None
    for key in ("namespace", "vcluster", "rancher"):
        assert values(back, key) == values(before, key)
    again = compose(wanting(following(turned, back), power="Sleeping"))
    assert (replicas(again), nap(again)) == (0, None)


def test_each_sleep_has_an_identity() -> None:
    """The next sleep stops the tenant's pods again: its nap is another generation."""
    req, _ = asleep_of()
    woken = wanting(req, power="Running")
    up = following(woken, compose(woken))
    tired = wanting(up, power="Sleeping")
    first = compose(tired)
    second = compose(following(tired, first, **stopping(0, generation=3)))
    assert nap(second) == "3"


def test_a_change_asleep_is_no_new_sleep() -> None:
    """A value that changes meanwhile reaches the Release, and nothing is stopped again."""
    req, _ = asleep_of()
    changed = wanting(req, plan="large")
    answer = compose(changed)
    assert (replicas(answer), nap(answer), awake(answer)) == (0, "1", ("False", "Sleeping"))
    assert answer.resources["vcluster"] != compose(req).resources["vcluster"]
    assert awake(compose(following(changed, answer, **stopping(0, generation=2)))) == (
        "False",
        "Sleeping",
    )


@pytest.mark.parametrize("example", ["kunde1", "ha"])
def test_started_on_the_host(example: str) -> None:
    """Who scales a sleeper up there is shown; once it has no pods, all is stopped again."""
    req, before = asleep_of(example)
    running = {**stopping(1, generation=2), "etcdWorkload": stopping(1)["workload"]}
    up = following(req, before, **running)
    answer = compose(up)
    assert (awake(answer), nap(answer)) == (("False", "FallingAsleep"), nap(before))
    assert next(c.message for c in answer.conditions if c.type == "Awake") == (
        "Falling asleep, by spec.power. Its pods were started on the host: scale the StatefulSet "
        "to 0 there, or wake it up."
    )
    following_up = following(up, answer, **running)
    again = compose(following_up)
    annotations = again.resources["vcluster"].resource["metadata"]["annotations"]
    assert (annotations["crossplane.io/poll-interval"], again.pause) == ("30s", 30)
    assert compose(following(following_up, again, **running)) == again
    stopped = {**stopping(0, generation=3), "etcdWorkload": stopping(0)["workload"]}
    down = following(up, answer, **stopped)
    third = compose(down)
    assert (awake(third), nap(third)) == (("False", "FallingAsleep"), "3")
    last = compose(following(down, third, **stopped))
    assert (awake(last), nap(last)) == (("False", "Sleeping"), "3")


def looks_per_hour(answer: Response) -> float:
    """Return the looks of provider-helm at the Releases of an answer."""
    return sum(
        3600 / duration_seconds(at(composed.resource, "metadata.annotations")[release.INTERVAL])
        for composed in answer.resources.values()
        if composed.resource["kind"] == "Release"
    )


@pytest.mark.parametrize("example", ["kunde1", "ha"])
def test_sleepers_are_seldom_looked_at(example: str) -> None:
    """1,000 beside 1,000 that are awake add less than 1 % of provider-helm's looks at the host."""
    up, sleeper = compose(ready(example)), asleep_of(example)[1]
    assert 1_000 * looks_per_hour(up) == pytest.approx(126_000)
    assert 1_000 * looks_per_hour(sleeper) == pytest.approx(750)


@pytest.mark.parametrize(
    ("is_watched", "awake_calls", "asleep_calls"),
    [
        pytest.param(False, 30_000, 250, id="before-2.4"),
        pytest.param(True, 6_000, 50, id="crossplane-watches-what-is-required"),
    ],
)
@pytest.mark.parametrize("example", ["kunde1", "ha", "backup"])
def test_the_function_is_seldom_called_for_sleepers(
    example: str, awake_calls: int, asleep_calls: int, *, is_watched: bool
) -> None:
    """1,000 beside 1,000 that are awake add less than 1 % of the calls in an hour."""
    polling = {"watchesRequired": is_watched}
    up, sleeper = ready(example), asleep_of(example)[0]
    calls = [
        1_000 * 3600 / compose(replace(one, input={**(one.input or {}), "polling": polling})).pause
        for one in (up, sleeper)
    ]
    assert calls == [awake_calls, asleep_calls]


@pytest.mark.parametrize("version", ["0.37.0", "0.36.9"])
def test_an_upgrade_waits_for_the_waking(version: str) -> None:
    """No step of chart or Kubernetes is taken asleep, a repair neither; the user reads why."""
    req, _ = asleep_of()
    offer = dict(req.input or {})
    vcluster = dict(offer["vcluster"])  # type: ignore[call-overload]
    former = vcluster["chart"]["versions"]
    older = former if version == "0.37.0" else former[:-1]
    chart = {**vcluster["chart"], "versions": [*older, version]}
    table = {key: ["1.34", "1.35", "1.36"] for key in ("0.36", "0.37")}
    kubernetes = {**vcluster["kubernetes"], "compatibility": table}
    offer["vcluster"] = {**vcluster, "chart": chart, "kubernetes": kubernetes}
    answer = compose(replace(req, input=offer))
    now = at(answer.resources["vcluster"].resource, CHART)
    assert now == former[-1]
    assert next(c for c in answer.conditions if c.type == "Upgraded") == Condition(
        "Upgraded",
        "False",
        "Sleeping",
        f"Step 1 of 1: chart {now} to {version}. It is taken on waking: asleep, by spec.power.",
    )
    again = wanting(replace(req, input=offer), power="Running")
    up = following(again, compose(again))
    step = compose(following(up, compose(up)))
    assert at(step.resources["vcluster"].resource, CHART) == version


@pytest.mark.parametrize("example", ["kunde1", "ha"])
def test_retain_is_refused_asleep(example: str) -> None:
    """Kubernetes takes the volume claims from a StatefulSet only while it has pods."""
    req, before = asleep_of(example)
    req = wanting(req, storage={"onDelete": "Retain"})
    answer = compose(req)
    assert values(answer, "vcluster") == values(before, "vcluster")
    assert values(answer, "namespace") == values(before, "namespace")
    accepted = answer.conditions[0]
    assert (accepted.status, accepted.reason) == ("False", "ChangeRefused")
    assert accepted.message == (
        "spec.storage.onDelete: stays Delete instead of Retain: asleep there is no pod, and "
        "without one the volume claims keep their end. Wake it up, wait for READY, then put it to "
        "sleep again."
    )
    woken = compose(wanting(req, power="Running"))
    assert woken.conditions[0].reason == "Accepted"
    assert values(woken, "vcluster") != values(compose(ready(example)), "vcluster")
    kept = ready("retained", power="Sleeping")
    assert compose(kept).conditions[0].reason == "Accepted"


def test_a_new_one_runs_first() -> None:
    """It sleeps once there is a kubeconfig: nothing is known to start before."""
    req = wanting(protobuf.decode(life.request("kunde1", "deploying")), power="Sleeping")
    answer = compose(req)
    assert replicas(answer) == 1


def test_awake_is_shown_from_the_first_sleep_on() -> None:
    """VClusters that never slept have neither the condition nor the status."""
    answer = compose(ready())
    assert "Awake" not in {c.type for c in answer.conditions}
    assert answer.status is not None
    assert "power" not in answer.status
    req, _ = asleep_of()
    woken = replace(req, composite={**req.composite, "spec": {}})
    assert awake(compose(woken)) == ("False", "WakingUp")


def test_awake_stays_while_a_request_is_refused() -> None:
    """Crossplane drops conditions that a FATAL answer lacks."""
    req, _ = asleep_of()
    refused = compose(replace(req, input={}))
    assert refused.fatal
    assert awake(refused) == ("False", "Sleeping")


@pytest.mark.parametrize("reason", ["ReleaseFailed", "ObservationFailed", "Disabled"])
def test_sleep_hides_no_failure(reason: str) -> None:
    """What cannot be applied or observed shows, asleep too."""
    failed = Condition("ControlPlaneReady", "False", reason, "Helm says no.")
    assert paused(failed, Power("Sleeping", "by spec.power")) == failed


def test_a_failure_on_the_way_blocks() -> None:
    """READY names the failure, and not the sleep that does not come."""
    req = ready(power="Sleeping")
    first = compose(req)
    after = following(req, first)
    room = after.observed.namespace
    assert isinstance(room, ObservedRelease)
    broken = replace(room, state="failed", description="no quota")
    answer = compose(replace(after, observed=replace(after.observed, namespace=broken)))
    assert answer.status is not None
    assert answer.status["blockedBy"].startswith("NamespaceReady: ")


def test_a_hook_that_failed_is_no_sleep() -> None:
    """provider-helm runs it again, without end; who does not wait for it wakes the cluster up."""
    req = ready(power="Sleeping")
    stopped = following(req, compose(req))
    hooking = following(stopped, compose(stopped))
    room = hooking.observed.namespace
    assert isinstance(room, ObservedRelease)
    words = "post-upgrade hooks failed"
    broken = replace(room, state="failed", description=words, revision=3)
    failed = replace(hooking, observed=replace(hooking.observed, namespace=broken))
    answer = compose(failed)
    assert (awake(answer), nap(answer)) == (("False", "FallingAsleep"), "1")
    assert at(answer.resources["namespace"].resource, "spec.rollbackLimit") == 2147483647
    assert answer.status is not None
    assert answer.status["blockedBy"].endswith(words)
    woken = compose(wanting(failed, power="Running"))
    assert (replicas(woken), nap(woken), awake(woken)) == (1, None, ("False", "WakingUp"))


def by_calendar(req: Request, mark: str) -> Request:
    """Return a request whose Calendar is in a state, by the mark of the clock."""
    req = wanting(req, sleep={"calendar": "office-hours"})
    metadata: Any = {**mapping(req.composite["metadata"]), "annotations": {ANNOTATION: mark}}
    config = dict(req.input or {})
    tenant = {**mapping(config["tenant"]), "calendars": ["office-hours"]}
    composite = {**req.composite, "metadata": metadata}
    return replace(req, composite=composite, input={**config, "tenant": tenant})


ASLEEP = '{"calendar":{"asleep":true,"name":"office-hours","until":"2026-11-30T07:00:00Z"}}'
OPEN = '{"calendar":{"asleep":false,"name":"office-hours","until":"2026-11-30T18:00:00Z"}}'


def test_by_a_calendar() -> None:
    """Time puts it to sleep and wakes it up as spec.power does, and the user reads until when."""
    first = compose(by_calendar(ready(), ASLEEP))
    assert replicas(first) == 0
    assert first.status is not None
    assert first.status["blockedBy"] == (
        "falling asleep, by Calendar office-hours until 2026-11-30T07:00:00Z"
    )
    asleep, _ = asleep_of()
    woken = compose(by_calendar(wanting(asleep, power="Running"), OPEN))
    assert (replicas(woken), awake(woken)) == (1, ("False", "WakingUp"))
    up = compose(by_calendar(ready(), OPEN))
    assert awake(up) == ("True", "Awake")
    assert up.ready


def test_without_a_clock_all_stays_as_it_is() -> None:
    """A clock that says nothing neither wakes up nor puts to sleep."""
    asleep, _ = asleep_of()
    assert replicas(compose(by_calendar(wanting(asleep, power="Running"), ""))) == 0
    assert replicas(compose(by_calendar(ready(), ""))) == 1
    assert replicas(compose(by_calendar(ready(power="Sleeping"), OPEN))) == 0
