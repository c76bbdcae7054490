"""What exists, in what order, and when: the composition as a whole."""

import json
from dataclasses import replace
from typing import Any

import pytest

from dev.scripts import life
from function import protobuf
from function.compose import OBSERVED, compose
from function.k8s.fieldpath import mapping
from function.k8s.helm_values import merge
from function.observed import stamp
from function.observed.state import Condition, ForeignRelease, Observed, ObservedUsage, Request
from function.response.response import Response
from tests.support.factories import at, changed

ALL = ["namespace", "vcluster", "rancher", "namespace-by-vcluster", "vcluster-by-rancher"]


def request(state: str = "ready", example: str = "kunde1", **spec: Any) -> Request:
    """Return a request of an example, with fields of its spec replaced."""
    req = protobuf.decode(life.request(example, state))
    composite = {**req.composite, "spec": {**req.composite["spec"], **spec}}  # type: ignore[dict-item]
    return replace(req, composite=composite)


def observing(req: Request, **changes: Any) -> Request:
    """Return a request in which something else was observed."""
    return replace(req, observed=replace(req.observed, **changes))


def configured(req: Request, **changes: Any) -> Request:
    """Return a request with fields of the Input replaced; None removes one."""
    config = {**(req.input or {}), **changes}
    return replace(req, input={k: v for k, v in config.items() if v is not None})


def offering(req: Request, **changes: Any) -> Request:
    """Return a request in which the platform offers other charts or values."""
    return configured(req, vcluster={**mapping((req.input or {}).get("vcluster")), **changes})


def conditions(answer: Response) -> dict[str, tuple[str, str]]:
    """Return status and reason by type."""
    return {c.type: (c.status, c.reason) for c in answer.conditions}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param("nothing", ["namespace"], id="the-namespace-at-once"),
        pytest.param("failed", ALL, id="all-else-with-the-virtual-cluster"),
        pytest.param("ready", ALL, id="everything"),
    ],
)
def test_order(state: str, expected: list[str]) -> None:
    """All that needs the namespace is created in one call, once the namespace is ready."""
    assert [*compose(request(state)).resources] == expected


def test_the_second_call_creates_all_else() -> None:
    """Few calls, and few changes of the list of composed resources."""
    seen = replace(request("ready").observed, vcluster=None, rancher=None, usages={})
    assert [*compose(replace(request(), observed=seen)).resources] == ALL


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("failed", ["namespace", "vcluster", "namespace-by-vcluster"]),
        ("deploying", ALL),
    ],
)
def test_a_restored_cluster_is_imported_once_it_is_deployed(
    state: str, expected: list[str]
) -> None:
    """The kubeconfig that the import finds may be that of the cluster before."""
    assert [*compose(request(state, "retained")).resources] == expected


@pytest.mark.parametrize(
    ("state", "may_delete", "expected"),
    [
        pytest.param("", True, ("True", "Available"), id="while-it-is-created"),
        pytest.param("", False, ("Unknown", "Updating"), id="not-yet-of-this-vcluster"),
        pytest.param("deployed", True, ("Unknown", "Updating"), id="changed-later"),
    ],
)
def test_the_right_to_delete_does_not_touch_the_namespace(
    state: str, *, may_delete: bool, expected: tuple[str, str]
) -> None:
    """The write that gives it, which provider-helm has not observed yet, changes no condition."""
    ready = request().observed
    assert ready.namespace
    assert ready.vcluster
    stale = replace(ready.namespace, may_delete=may_delete, generation=3, observed_generation=2)
    seen = replace(
        ready,
        namespace=stale,
        vcluster=replace(ready.vcluster, state=state),
    )
    assert conditions(compose(replace(request(), observed=seen)))["NamespaceReady"] == expected


@pytest.mark.parametrize(
    ("state", "marked"),
    [
        ("nothing", []),
        ("deploying", ["namespace", "vcluster"]),
        ("ready", ALL),
    ],
)
def test_what_was_observed_is_marked(state: str, marked: list[str]) -> None:
    """A policy refuses to create what bears the mark, and what is new does not."""
    resources = compose(request(state)).resources
    annotations = {
        key: composed.resource["metadata"].get("annotations", {})
        for key, composed in resources.items()
    }
    found = [key for key in annotations if annotations[key].get(OBSERVED) == "true"]
    assert found == marked
    assert [key for key in annotations if OBSERVED in annotations[key]] == marked


def test_the_cluster_waits_for_its_namespace() -> None:
    """While the namespace is not ready, the virtual cluster is not created."""
    req = request("deploying")
    seen = req.observed.namespace
    assert seen
    unready = replace(seen, ready=Condition("Ready", "False", "Creating"), state="")
    answer = compose(observing(req, namespace=unready, vcluster=None))
    assert [*answer.resources] == ["namespace"]


@pytest.mark.parametrize("lost", ["namespace", "vcluster", "rancher"])
def test_existence_is_never_gated(lost: str) -> None:
    """A Release that breaks or vanishes takes none of the others with it."""
    req = request()
    seen = getattr(req.observed, lost)
    broken = replace(seen, ready=Condition("Ready", "False", "Creating"), state="failed")
    assert [*compose(observing(req, **{lost: broken})).resources] == ALL
    gone = compose(observing(req, **{lost: None}))
    assert [key for key in ALL if key not in gone.resources] == []
    assert not gone.ready


def test_a_usage_stays_when_its_end_vanishes() -> None:
    """The order of deletion survives a Release that somebody deleted by hand."""
    req = request()
    answer = compose(observing(req, vcluster=None, rancher=None))
    assert {"namespace-by-vcluster", "vcluster-by-rancher"} <= {*answer.resources}


def test_leaving_rancher() -> None:
    """`rancher.enabled: false` takes the cluster out of Rancher, the Usage goes last."""
    req = request(rancher={"enabled": False})
    leaving = compose(req)
    assert [*leaving.resources] == [
        "namespace",
        "vcluster",
        "namespace-by-vcluster",
        "vcluster-by-rancher",
    ]
    assert conditions(leaving)["RancherConnected"] == ("False", "Deregistering")
    left = compose(observing(req, rancher=None))
    assert [*left.resources] == ["namespace", "vcluster", "namespace-by-vcluster"]
    assert conditions(left)["RancherConnected"] == ("False", "Disabled")


def test_the_usage_of_a_lost_import_stays() -> None:
    """Only the customer's word takes a Usage away, not an Input that lost its rancher block."""
    req = configured(observing(request(), rancher=None), rancher=None)
    assert "vcluster-by-rancher" in compose(req).resources


def test_a_changed_default_deregisters_nobody() -> None:
    """An import stays when the platform's default turns to false; new ones do not begin."""
    off = {**life.platform_input()["rancher"], "enabled": False}
    assert "rancher" in compose(configured(request(), rancher=off)).resources
    fresh = compose(configured(request("nothing"), rancher=off))
    assert conditions(fresh)["RancherConnected"] == ("False", "Disabled")


def test_an_input_that_lost_rancher_is_fatal() -> None:
    """Nothing is deregistered because somebody lost a block of the Input."""
    answer = compose(configured(request(), rancher=None))
    assert answer.fatal == (
        "input.rancher: is missing while this VCluster is imported into Rancher. Put it back, or "
        "set spec.rancher.enabled to false to take the cluster out."
    )
    assert answer.resources == {}
    without_cluster = configured(observing(request(), vcluster=None), rancher=None)
    assert compose(without_cluster).fatal == answer.fatal


def test_a_label_is_refused_by_itself() -> None:
    """Of a VCluster that exists, the other labels and all the rest are applied."""
    asked = request("ready", rancher={"labels": {"a.example.org/team": "shop", "tier": "gold"}})
    before = mapping((asked.input or {}).get("rancher"))
    answer = compose(configured(asked, rancher={**before, "labelPatterns": {"tier": "^gold$"}}))
    labels = mapping(at(answer.resources["rancher"].resource, LABELS))
    assert labels["tier"] == "gold"
    assert "a.example.org/team" not in labels
    assert "spec.rancher.labels[a.example.org/team]: is not a label" in answer.conditions[0].message


ANOTHER = "https://new.example.org"
LABELS = "spec.forProvider.values.rancher.labels"
URL = "spec.forProvider.values.rancher.url"


def moved(state: str, **changes: Any) -> Request:
    """Return a request of a platform whose Rancher has another URL than before."""
    asked = request(state)
    return configured(
        asked, rancher={**mapping((asked.input or {}).get("rancher")), "url": ANOTHER, **changes}
    )


def test_another_rancher_is_refused_while_clusters_are_in_the_first() -> None:
    """No cluster stays behind in a Rancher that nothing looks at any more."""
    answer = compose(moved("ready"))
    assert answer.fatal == (
        "input.rancher.url: is not that of the Rancher in which this VCluster is. Put the former "
        "URL back, and take the VCluster out of that Rancher first (spec.rancher.enabled: false). "
        "If it is the same Rancher under a new URL, add the former one to rancher.formerUrls."
    )
    assert answer.resources == {}


def test_the_way_to_another_rancher() -> None:
    """Out of the first, which is asked by what was installed, then into the other."""
    asked = moved("ready")
    spec = {**mapping(asked.composite["spec"]), "rancher": {"enabled": False}}
    leaving = replace(asked, composite={**asked.composite, "spec": spec})
    assert "rancher" not in compose(leaving).resources
    arriving = observing(asked, rancher=None)
    assert at(compose(arriving).resources["rancher"].resource, URL) == ANOTHER


def test_a_rancher_with_another_url() -> None:
    """The same Rancher under a new URL keeps its clusters."""
    answer = compose(moved("ready", formerUrls=["https://rancher.example.org/"]))
    assert answer.fatal == ""
    assert at(answer.resources["rancher"].resource, URL) == ANOTHER


def test_a_wrong_url_can_be_corrected() -> None:
    """An import that never found its Rancher is in none."""
    asked = moved("ready")
    found = asked.observed.rancher
    assert found
    state = {"phase": "Importing", "reason": "RancherUnreachable", "clusterId": ""}
    nowhere = {"report": json.dumps(state)}
    answer = compose(observing(asked, rancher=replace(found, details=nowhere)))
    assert answer.fatal == ""


def test_deletion_protection() -> None:
    """`deletionProtection: true` refuses the deletion, false lifts that."""
    protected = compose(request("ready", "ha")).resources["deletion-protection"]
    assert protected.resource == {
        "apiVersion": "protection.crossplane.io/v1beta1",
        "kind": "ClusterUsage",
        "metadata": {
            "name": "shop-deletion-protection",
            "annotations": {"caas.telekom.de/observed": "true"},
        },
        "spec": {
            "of": {
                "apiVersion": "caas.telekom.de/v1alpha1",
                "kind": "VCluster",
                "resourceRef": {"name": "shop"},
            },
            "reason": "spec.deletionProtection is true: set it to false to delete this VCluster.",
        },
    }
    lifted = compose(request("ready", "ha", deletionProtection=False))
    assert "deletion-protection" not in lifted.resources


def test_expiry() -> None:
    """The status names the times of the end, for the clock, where the platform allows it."""
    req = request(expire={"at": "2026-12-24T18:00:00Z"})
    tenant = {**mapping((req.input or {}).get("tenant")), "expire": "Allowed"}
    terms = {"grace": "24h", "warning": "48h"}
    answer = compose(configured(req, tenant=tenant, expiry=terms))
    assert answer.status is not None
    assert answer.status["expiry"] == {
        "at": "2026-12-24T18:00:00Z",
        "warnFrom": "2026-12-22T18:00:00Z",
        "deleteAt": "2026-12-25T18:00:00Z",
    }
    refused = compose(req)
    assert refused.conditions[0].reason == "ChangeRefused"
    assert refused.status is not None
    assert "expiry" not in refused.status


def test_an_earlier_vcluster_is_waited_for() -> None:
    """A name that is created again at once waits, says so, and is not READY."""
    earlier = ForeignRelease("kunde1-vcluster", "vcluster-system", terminating=True)
    answer = compose(observing(request("nothing"), foreign_releases=(earlier,)))
    assert answer.resources == {}
    assert not answer.ready
    assert answer.conditions[1] == Condition(
        "NamespaceReady",
        "False",
        "Terminating",
        "An earlier VCluster of this name is still being deleted (Release "
        "vcluster-system/kunde1-vcluster). The new one is created as soon as it is gone.",
    )


def test_a_release_of_somebody_else_is_not_taken() -> None:
    """A Release under our name that nobody deletes is left alone and named."""
    theirs = ForeignRelease("kunde1-namespace", "vcluster-system", terminating=False)
    answer = compose(observing(request("nothing"), foreign_releases=(theirs,)))
    assert answer.resources == {}
    assert conditions(answer)["NamespaceReady"] == ("False", "NameTaken")


def test_strangers_hold_up_nothing_that_exists() -> None:
    """What was observed stays desired, whoever else turns up."""
    theirs = ForeignRelease("kunde1-namespace", "vcluster-system", terminating=False)
    assert [*compose(observing(request(), foreign_releases=(theirs,))).resources] == ALL


RELEASES = ("kunde1-namespace", "kunde1-vcluster", "kunde1-rancher")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param("nothing", [*RELEASES, "vclusters.caas.telekom.de"]),
        pytest.param("deploying", []),
    ],
)
def test_it_looks_for_strangers_only_at_the_start(state: str, expected: list[str]) -> None:
    """The further call of Crossplane that a requirement costs happens once in a life."""
    assert [r.name for r in compose(request(state)).requirements] == expected


def test_names_are_forever() -> None:
    """A changed platform namespace is fatal, where it would delete and create anew."""
    answer = compose(configured(request(), platformNamespace="elsewhere"))
    assert answer.fatal == (
        "input.platformNamespace: does not fit the existing Release "
        "vcluster-system/kunde1-namespace, where Release elsewhere/kunde1-namespace is expected. "
        "Put the namespace back: names never change while a VCluster exists."
    )


def test_a_resource_key_of_an_earlier_step_is_not_overwritten() -> None:
    """Two steps that compose the same key are told apart before one loses."""
    answer = compose(replace(request(), taken=frozenset({"vcluster", "bucket"})))
    assert answer.fatal == (
        "pipeline resource vcluster: is also composed by an earlier step. Rename it there: this "
        "function owns these resource names."
    )


def test_a_fatal_answer_brings_all_conditions() -> None:
    """Crossplane forgets what does not come along with a fatal result."""
    answer = compose(configured(request(), defaultPlan="gigantic"))
    assert conditions(answer) == {
        "Accepted": ("False", "InvalidInput"),
        "NamespaceReady": ("True", "Available"),
        "ControlPlaneReady": ("True", "Available"),
        "RancherConnected": ("True", "Connected"),
    }
    assert answer.fatal == ("input: defaultPlan must be one of plans. Correct it.")


def test_a_refused_change_does_not_hold_up_the_others() -> None:
    """The quota of a change is applied, its new availability is not."""
    answer = compose(request(availability="HA", quota={"pods": 20}))
    values = answer.resources["namespace"].resource["spec"]["forProvider"]["values"]
    assert values["quota"]["pods"] == "29"
    assert values["highAvailability"] is False
    assert answer.conditions[0] == Condition(
        "Accepted",
        "False",
        "ChangeRefused",
        "spec.availability: stays Single instead of HA: another backing store would start an "
        "empty cluster. Take it back, or move what is in the cluster into a new VCluster.",
    )
    assert answer.ready


def test_a_change_of_the_control_plane_is_not_yet_true() -> None:
    """READY waits until a changed control plane runs; a changed quota does not touch it."""
    changed = compose(request(sync={"ingresses": True}))
    assert conditions(changed)["ControlPlaneReady"] == ("Unknown", "Updating")
    assert not changed.ready
    assert compose(request(quota={"pods": 20})).ready


def test_a_change_of_the_control_plane_waits_for_a_look_after_it() -> None:
    """provider-helm looked before the upgrade: what it saw is healthy, and of the values before."""
    req = request(sync={"ingresses": True})
    values = compose(req).resources["vcluster"].resource["spec"]["forProvider"]["values"]
    release = req.observed.vcluster
    assert release
    upgraded = replace(release, values=values)
    answer = compose(observing(req, vcluster=upgraded))
    assert conditions(answer)["ControlPlaneReady"] == ("Unknown", "Updating")
    assert not answer.ready
    details = {**release.details, "installed": stamp.annotation(values)}
    assert compose(observing(req, vcluster=replace(upgraded, details=details))).ready


def test_the_import_runs_again_for_new_owners() -> None:
    """READY waits until Rancher knows the owners that are wanted now."""
    answer = compose(request(rancher={"owners": [{"group": "github_team://1"}]}))
    assert conditions(answer)["RancherConnected"] == ("False", "Importing")
    assert not answer.ready


@pytest.mark.parametrize("key", ["namespace-by-vcluster", "vcluster-by-rancher"])
def test_ready_waits_for_the_usages(key: str) -> None:
    """A VCluster that cannot be deleted in order is not ready."""
    req = request()
    answer = compose(
        observing(req, usages={**req.observed.usages, key: ObservedUsage(ready=False)})
    )
    assert not answer.ready
    assert answer.status
    assert answer.status["blockedBy"] == f"Usage {key} is not ready yet."


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [({"generation": 7}, {"observedGeneration": 7}), ({}, {}), ({"generation": "7"}, {})],
)
def test_the_status_says_of_which_spec_it_is(
    metadata: dict[str, object], expected: dict[str, object]
) -> None:
    """Where an API server counts: Crossplane's READY may be of the call before."""
    req = request()
    composite = {**req.composite, "metadata": {**mapping(req.composite["metadata"]), **metadata}}
    found = compose(replace(req, composite=composite)).status or {}
    assert {key: found[key] for key in ("observedGeneration",) if key in found} == expected


@pytest.mark.parametrize("key", ["namespace", "vcluster", "rancher"])
def test_ready_needs_every_release(key: str) -> None:
    """A Release that cannot be observed any more makes the whole unready, and says why."""
    req = request()
    lost = replace(
        getattr(req.observed, key),
        synced=Condition("Synced", "False", "ReconcileError", "observe failed: no such host"),
    )
    answer = compose(observing(req, **{key: lost}))
    assert not answer.ready
    assert answer.status
    assert "observe failed: no such host" in answer.status["blockedBy"]


def test_events_only_on_a_change() -> None:
    """Nothing is told twice."""
    req = request()
    told = [{"type": t, "status": s, "reason": r} for t, (s, r) in conditions(compose(req)).items()]
    again = replace(req, composite={**req.composite, "status": {"conditions": told}})
    assert compose(again).events == ()
    assert [e.message for e in compose(req).events] == [
        "Accepted is True (Accepted)",
        "NamespaceReady is True (Available)",
        "ControlPlaneReady is True (Available)",
        "RancherConnected is True (Connected)",
    ]


def test_nothing_observed_at_all() -> None:
    """The first call of a life needs no more than a name and a uid."""
    req = replace(request("nothing"), observed=Observed())
    assert compose(req).fatal == ""


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param("controlPlane.distro.k8s.image.tag", "latest", id="tag"),
        pytest.param("controlPlane.distro.k8s.image.tag", "v1.35.0+rke2", id="build-metadata"),
    ],
)
def test_what_runs_may_be_unreadable(path: str, value: str) -> None:
    """Values that a platform enforced and that we cannot compare stop nothing else."""
    req = request(storage={"size": "5Gi"})
    seen = req.observed.vcluster
    assert seen
    values: dict[str, Any] = {}
    below = values
    *parents, leaf = path.split(".")
    for parent in parents:
        below = below.setdefault(parent, {})
    below[leaf] = value
    observed = replace(seen, values=merge(seen.values, values))
    answer = compose(observing(req, vcluster=observed))
    assert answer.fatal == ""
    assert [*answer.resources] == ALL


def test_a_chart_version_that_cannot_be_compared_stays() -> None:
    """A Release of chart version `latest` is not taken somewhere else."""
    req = request()
    assert req.observed.vcluster
    odd = replace(req.observed.vcluster, chart_version="latest")
    answer = compose(observing(req, vcluster=odd))
    chart = answer.resources["vcluster"].resource["spec"]["forProvider"]["chart"]
    assert chart["version"] == "latest"


def test_values_that_would_destroy_the_cluster_are_kept_out() -> None:
    """By whomever: the Release stays as it is, the rest of the change happens, and it is told."""
    req = request(quota={"pods": 20})
    before = values(compose(request()))
    answer = compose(offering(req, enforcedValues=RENAMED))
    assert values(answer) == before
    namespace = answer.resources["namespace"].resource["spec"]["forProvider"]["values"]
    assert namespace["quota"]["pods"] == "29"
    assert answer.conditions[0] == Condition(
        "Accepted",
        "False",
        "ChangeRefused",
        "input.vcluster.enforcedValues.networking.advanced.clusterDomain: stays unset instead of "
        "kunde1.local: it cannot be changed in a running virtual cluster. "
        "Take it back, or move what is in the cluster into a new VCluster.",
    )


@pytest.mark.parametrize("state", ["nothing", "ready"])
def test_values_that_fields_decide_touch_nothing(state: str) -> None:
    """Of a new virtual cluster as of one that runs: the Input as a whole is invalid."""
    answer = compose(offering(request(state), enforcedValues=LARGER))
    assert answer.resources == {}
    assert answer.fatal == (
        "input.vcluster.enforcedValues.controlPlane.statefulSet.persistence.volumeClaim.size: "
        "is decided by spec.storage.size, or the plan. Remove it."
    )
    assert answer.conditions[0].reason == "InvalidInput"


def test_a_new_cluster_with_values_that_its_chart_refuses() -> None:
    """Helm would fail, or the pod: the function says it before anything is made."""
    req = request("nothing")
    values_of_old = {"sync": {"toHost": {"volumeSnapshots": {"enabled": False}}}}
    answer = compose(offering(req, values=values_of_old))
    assert answer.fatal == (
        "input.vcluster.values.sync.toHost.volumeSnapshots: is no longer known to chart 0.36.1. "
        "Remove it."
    )


def values(answer: Response) -> object:
    """Return the values of the official chart."""
    return answer.resources["vcluster"].resource["spec"]["forProvider"]["values"]


RENAMED = {"networking": {"advanced": {"clusterDomain": "kunde1.local"}}}
LARGER = {"controlPlane": {"statefulSet": {"persistence": {"volumeClaim": {"size": "50Gi"}}}}}


def test_an_upgrade_is_told_until_its_end() -> None:
    """The status remembers where it began, also while the last step is made."""
    req = request()
    offer = {"chart": {"versions": ["0.36.1", "0.37.0"]}}
    first = compose(offering(req, **offer))
    assert first.status
    assert first.status["upgrade"] == {
        "from": {"chartVersion": "0.36.1", "kubernetesVersion": "1.35.0"},
        "to": {"chartVersion": "0.37.0", "kubernetesVersion": "1.35.0"},
        "step": 1,
        "steps": 1,
        "change": "chart 0.36.1 to 0.37.0",
    }
    assert conditions(first)["Upgraded"] == ("False", "Upgrading")
    seen = req.observed.vcluster
    assert seen
    written = first.resources["vcluster"].resource["spec"]["forProvider"]["values"]
    asked = replace(seen, chart_version="0.37.0", values=written)
    making = replace(req, composite={**req.composite, "status": first.status})
    second = compose(offering(observing(making, vcluster=asked), **offer))
    assert second.status
    assert second.status["upgrade"] == first.status["upgrade"]
    details = {**seen.details, "installed": stamp.annotation(written)}
    done = replace(asked, deployed_version="0.37.0", details=details)
    last = compose(offering(observing(making, vcluster=done), **offer))
    assert last.status
    assert "upgrade" not in last.status
    assert conditions(last)["Upgraded"] == ("True", "UpToDate")


def test_a_plugin_comes_before_kubernetes() -> None:
    """A plugin is the first init container: its version is not taken for that of Kubernetes."""
    plugins = {"hooks": {"image": "ghcr.io/example/pod-hooks:1.2.0"}}
    req = request(kubernetesVersion="1.36")
    platform = changed(req.input or {}, {"vcluster.values": {"plugins": plugins}})
    answer = compose(replace(req, input=platform))
    assert answer.status
    assert answer.status["kubernetesVersion"] == "v1.35.0"
    k8s = at(values(answer), "controlPlane.distro.k8s")
    assert k8s["image"]["tag"] == "v1.36.0"
