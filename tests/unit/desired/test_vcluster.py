"""The virtual cluster: its Release, and whether a customer can use it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from function.desired import vcluster
from function.observed import vcluster as observed_vcluster
from function.observed.state import Condition, ObservedRelease
from tests.support.factories import at, config, deployed, pods, recorded, rolled_out, wanted
from tests.support.factories import vcluster as asking

VALUES = {"controlPlane": {"coredns": {"deployment": {"replicas": 1}}}}
STAMP = '{"chart":"0.36.1","kubernetes":"","values":"3a0912f3ea37d116"}'
STAMPED = {
    "controlPlane": {
        "coredns": {"deployment": {"replicas": 1}},
        "statefulSet": {"annotations": {"caas.telekom.de/installed": STAMP}},
    }
}

SINGLE_KEYS = frozenset({"installed", "generation", "workload"})
HA_KEYS = SINGLE_KEYS | {"etcdGeneration", "etcdWorkload"}
BEFORE_STAMPS = frozenset({"chart", "initContainers", "generation", "workload"})
KUBECONFIG = frozenset({"kubeconfig"})


def desired(
    observed: ObservedRelease | None = None,
    spec: Mapping[str, Any] | None = None,
    platform: Mapping[str, Any] | None = None,
    retries: int = 0,
) -> dict[str, Any]:
    """Return the Release for a spec on a platform, after something was observed."""
    found = config(platform)
    asked = wanted(asking(retries=retries, **(spec or {})), found)
    return vcluster.desired(asked, found, VALUES, observed)


def detail(key: str, api_version: str, kind: str, name: str, field: str) -> dict[str, Any]:
    """Return an entry of connectionDetails."""
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": name,
        "namespace": "kunde1",
        "fieldPath": field,
        "toConnectionSecretKey": key,
        "skipPartOfReleaseCheck": True,
    }


INSTALLED = "metadata.annotations[caas.telekom.de/installed]"


def without_stamp(kind: str) -> list[dict[str, Any]]:
    """Return the entries that show what a workload without a stamp runs."""
    containers = "spec.template.spec.initContainers"
    return [
        detail("chart", "apps/v1", kind, "kunde1-vcluster", "metadata.labels.chart"),
        detail("initContainers", "apps/v1", kind, "kunde1-vcluster", containers),
    ]


INSTALLED_SINGLE = detail("installed", "apps/v1", "StatefulSet", "kunde1-vcluster", INSTALLED)
INSTALLED_HA = detail("installed", "apps/v1", "Deployment", "kunde1-vcluster", INSTALLED)
ROLLOUT = [
    detail("generation", "apps/v1", "StatefulSet", "kunde1-vcluster", "metadata.generation"),
    detail("workload", "apps/v1", "StatefulSet", "kunde1-vcluster", "status"),
]
HA_ROLLOUT = [
    detail("generation", "apps/v1", "Deployment", "kunde1-vcluster", "metadata.generation"),
    detail("workload", "apps/v1", "Deployment", "kunde1-vcluster", "status"),
    detail(
        "etcdGeneration", "apps/v1", "StatefulSet", "kunde1-vcluster-etcd", "metadata.generation"
    ),
    detail("etcdWorkload", "apps/v1", "StatefulSet", "kunde1-vcluster-etcd", "status"),
]
SINGLE = [INSTALLED_SINGLE, *ROLLOUT]
HA = [INSTALLED_HA, *HA_ROLLOUT]
SECRET = detail("kubeconfig", "v1", "Secret", "vc-kunde1-vcluster", "data.config")


def test_first_install() -> None:
    """The whole Release as it is created: no kubeconfig yet, nothing to repair."""
    assert desired() == {
        "apiVersion": "helm.m.crossplane.io/v1beta1",
        "kind": "Release",
        "metadata": {
            "name": "kunde1-vcluster",
            "namespace": "vcluster-system",
            "annotations": {
                "crossplane.io/external-name": "kunde1-vcluster",
            },
        },
        "spec": {
            "providerConfigRef": {"kind": "ClusterProviderConfig", "name": "default"},
            "rollbackLimit": 0,
            "forProvider": {
                "chart": {
                    "repository": "https://charts.loft.sh",
                    "name": "vcluster",
                    "version": "0.36.1",
                },
                "namespace": "kunde1",
                "skipCreateNamespace": True,
                "maxHistory": 3,
                "values": STAMPED,
            },
            "connectionDetails": SINGLE,
            "writeConnectionSecretToRef": {"name": "kunde1-vcluster-conn"},
        },
    }


@pytest.mark.parametrize(
    ("platform", "path", "expected"),
    [
        pytest.param(
            {"hosts.local.providerConfig": "edge"}, "spec.providerConfigRef.name", "edge", id="host"
        ),
        pytest.param(
            {"platformNamespace": "platform"}, "metadata.namespace", "platform", id="namespace"
        ),
        pytest.param(
            {
                "vcluster.chart": {
                    "repository": "oci://ghcr.io/mirror",
                    "name": "vcluster",
                    "versions": ["0.35.3"],
                    "digests": {
                        "0.35.3": f"sha256:{'a' * 64}",
                        "0.36.1": f"sha256:{'b' * 64}",
                    },
                    "pullSecret": "charts",
                }
            },
            "spec.forProvider.chart",
            {
                "repository": "oci://ghcr.io/mirror",
                "name": "vcluster",
                "version": "0.35.3",
                "digest": f"sha256:{'a' * 64}",
                "pullSecretRef": {"name": "charts"},
            },
            id="chart",
        ),
    ],
)
def test_the_release(platform: dict[str, Any], path: str, expected: object) -> None:
    """Host, namespace and chart are what the Input says."""
    assert at(desired(platform=platform), path) == expected


@pytest.mark.parametrize(
    ("availability", "observed", "expected"),
    [
        pytest.param("Single", None, SINGLE, id="single-first-step"),
        pytest.param("HA", None, HA, id="ha-first-step"),
        pytest.param(
            "Single",
            deployed(connection_keys=SINGLE_KEYS),
            SINGLE,
            id="single-health-not-yet-known",
        ),
        pytest.param(
            "Single",
            deployed(connection_keys=SINGLE_KEYS, details={"workload": pods(0)}),
            SINGLE,
            id="single-not-healthy",
        ),
        pytest.param(
            "Single",
            deployed(connection_keys=SINGLE_KEYS, details={"workload": pods(1)}),
            [*SINGLE, SECRET],
            id="single-second-step",
        ),
        pytest.param(
            "Single",
            deployed(connection_keys=SINGLE_KEYS | KUBECONFIG, details={"workload": pods(0)}),
            [*SINGLE, SECRET],
            id="single-once-there-it-stays",
        ),
        pytest.param(
            "Single",
            deployed(connection_keys=BEFORE_STAMPS, details={"workload": pods(1)}, values=STAMPED),
            [*SINGLE, SECRET],
            id="single-that-got-its-stamp",
        ),
        pytest.param(
            "Single",
            deployed(connection_keys=BEFORE_STAMPS, details={"workload": pods(0)}, values=STAMPED),
            [*without_stamp("StatefulSet"), *ROLLOUT],
            id="single-that-may-not-have-its-stamp-yet",
        ),
        pytest.param(
            "Single",
            deployed(
                connection_keys=BEFORE_STAMPS,
                details={"workload": pods(1)},
                values=STAMPED,
                generation=3,
            ),
            [*without_stamp("StatefulSet"), *ROLLOUT, SECRET],
            id="single-with-a-stamp-on-its-way",
        ),
        pytest.param(
            "Single",
            deployed(connection_keys=SINGLE_KEYS, details={"workload": pods(0)}),
            SINGLE,
            id="the-stamp-once-there-stays",
        ),
        pytest.param(
            "Single",
            deployed(connection_keys=SINGLE_KEYS | KUBECONFIG),
            [*SINGLE, SECRET],
            id="single-stays-when-nothing-is-known",
        ),
        pytest.param(
            "HA",
            deployed(
                connection_keys=HA_KEYS, details={"workload": pods(2), "etcdWorkload": pods(1)}
            ),
            HA,
            id="ha-etcd-not-healthy",
        ),
        pytest.param(
            "HA",
            deployed(
                connection_keys=HA_KEYS, details={"workload": pods(1), "etcdWorkload": pods(3)}
            ),
            HA,
            id="ha-control-plane-not-healthy",
        ),
        pytest.param(
            "HA",
            deployed(
                connection_keys=HA_KEYS, details={"workload": pods(2), "etcdWorkload": pods(2)}
            ),
            [*HA, SECRET],
            id="ha-second-step",
        ),
        pytest.param(
            "HA",
            deployed(
                connection_keys=BEFORE_STAMPS | {"etcdGeneration", "etcdWorkload"},
                details={"workload": pods(2), "etcdWorkload": pods(2)},
                values=STAMPED,
            ),
            [*HA, SECRET],
            id="ha-that-got-its-stamp",
        ),
        pytest.param(
            "HA",
            deployed(
                connection_keys=HA_KEYS | KUBECONFIG,
                details={"workload": pods(0), "etcdWorkload": pods(0)},
            ),
            [*HA, SECRET],
            id="ha-once-there-it-stays",
        ),
    ],
)
def test_connection_details(
    availability: str, observed: ObservedRelease | None, expected: list[dict[str, Any]]
) -> None:
    """First what always exists, then, once that is healthy, the kubeconfig, and that for good."""
    release = desired(observed, {"availability": availability})
    assert at(release, "spec.connectionDetails") == expected


FAILED = deployed(state="failed", details={})
INTERRUPTED = replace(FAILED, state="pending-install")
RAN = frozenset({"workload", "kubeconfig"})


@pytest.mark.parametrize(
    ("observed", "retries", "expected"),
    [
        pytest.param(None, 0, 0, id="not-yet-there"),
        pytest.param(deployed(revision=1), 5, 0, id="nothing-to-repair"),
        pytest.param(deployed(revision=9), 5, 0, id="nothing-to-repair-in-an-upgrade"),
        pytest.param(FAILED, 0, 2147483647, id="first-install"),
        pytest.param(INTERRUPTED, 5, 2147483647, id="first-install-that-was-interrupted"),
        pytest.param(replace(FAILED, connection_keys=RAN), 5, 0, id="what-ran-once"),
        pytest.param(replace(FAILED, details={"workload": pods(1)}), 5, 0, id="what-is-healthy"),
        pytest.param(replace(FAILED, revision=2), 0, 3, id="an-upgrade"),
        pytest.param(replace(FAILED, revision=9, connection_keys=RAN), 0, 3, id="a-later-upgrade"),
        pytest.param(
            replace(FAILED, revision=2, state="pending-upgrade"), 4, 7, id="an-upgrade-with-retries"
        ),
    ],
)
def test_rollback_limit(observed: ObservedRelease | None, retries: int, expected: int) -> None:
    """Repaired is what failed: a first install without end unless it ran, an upgrade some times."""
    assert at(desired(observed, retries=retries), "spec.rollbackLimit") == expected


def single(available: str | None, **fields: Any) -> ObservedRelease:
    """Return a Single cluster with this many pods."""
    details = {} if available is None else {"workload": pods(available)}
    given = {"connection_keys": SINGLE_KEYS | KUBECONFIG, "has_kubeconfig": True, **fields}
    return deployed(**{"details": details, **given})


def highly_available(available: str, etcd: str | None, **fields: Any) -> ObservedRelease:
    """Return an HA cluster with this many pods."""
    known = {} if etcd is None else {"etcdWorkload": pods(etcd)}
    details = {"workload": pods(available), **known}
    given = {"connection_keys": HA_KEYS | KUBECONFIG, "has_kubeconfig": True, **fields}
    return deployed(details=details, **given)


def changing(details: Mapping[str, str], values: Mapping[str, Any] = STAMPED) -> ObservedRelease:
    """Return a cluster with healthy pods, and what else was looked at."""
    found = single("1", values=values)
    return replace(found, details={**found.details, **details})


OLD_POD = "map[availableReplicas:1 observedGeneration:3 replicas:1]"
NEW_POD = "map[availableReplicas:1 observedGeneration:3 replicas:1 updatedReplicas:1]"
CHANGING_MESSAGE = (
    "The control plane is being changed. "
    "If this stays, look whether provider-helm runs, and at pods and events in its namespace."
)
CHANGE = "Release vcluster-system/kunde1-vcluster has changes not yet applied."
CHANGING = ("Unknown", "Updating", CHANGING_MESSAGE)
NOT_KNOWN = "The number of available control plane replicas is not known yet."
LOOK = "If this stays, look at pods, volume claims and events in its namespace."
DOWN = (
    "False",
    "Unavailable",
    "0 of 1 control plane replicas available, at least 1 needed. " + LOOK,
)
WAITING = "The control plane runs; its kubeconfig was not written yet."


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        pytest.param(
            None,
            ("Unknown", "NotCreated", "Not created yet."),
            id="nothing",
        ),
        pytest.param(single("1"), ("True", "Available", ""), id="single"),
        pytest.param(single("2"), ("True", "Available", ""), id="single-during-a-rollout"),
        pytest.param(
            single("0"),
            DOWN,
            id="single-without-pods",
        ),
        pytest.param(single(None), ("Unknown", "HealthUnknown", NOT_KNOWN), id="single-not-known"),
        *(
            pytest.param(
                single(None, details={"workload": text}),
                ("Unknown", "HealthUnknown", NOT_KNOWN),
                id=f"single-{text}",
            )
            for text in ("", "1", "[]", "<nil>")
        ),
        *(
            pytest.param(single(None, details={"workload": text}), DOWN, id=f"single-{text}")
            for text in ("map[]", "map[x:availableReplicas:1]", "map[availableReplicas:1x]")
        ),
        pytest.param(
            single("1", has_kubeconfig=False),
            ("False", "WaitingForKubeconfig", WAITING),
            id="single-without-a-kubeconfig",
        ),
        pytest.param(
            single("0", has_kubeconfig=False),
            DOWN,
            id="pods-before-kubeconfig",
        ),
        pytest.param(highly_available("3", "3"), ("True", "Available", ""), id="ha"),
        pytest.param(highly_available("2", "2"), ("True", "Available", ""), id="ha-one-lost"),
        pytest.param(
            highly_available("1", "3"),
            (
                "False",
                "Unavailable",
                "1 of 3 control plane replicas available, at least 2 needed. " + LOOK,
            ),
            id="ha-two-control-planes-lost",
        ),
        pytest.param(
            highly_available("3", "1"),
            ("False", "Unavailable", "1 of 3 etcd members available, at least 2 needed. " + LOOK),
            id="ha-without-a-quorum",
        ),
        pytest.param(
            highly_available("3", None),
            (
                "Unknown",
                "HealthUnknown",
                "The number of available etcd members is not known yet.",
            ),
            id="ha-etcd-not-known",
        ),
        pytest.param(
            highly_available("3", "3", has_kubeconfig=False),
            ("False", "WaitingForKubeconfig", WAITING),
            id="ha-without-a-kubeconfig",
        ),
        pytest.param(
            single("1", terminating=True),
            ("False", "Terminating", "Release vcluster-system/kunde1-vcluster is being deleted."),
            id="healthy-and-being-deleted",
        ),
        pytest.param(
            single("1", generation=3),
            ("Unknown", "Updating", CHANGE),
            id="healthy-with-a-change-on-its-way",
        ),
        pytest.param(
            replace(
                changing({"installed": STAMP}),
                generation=3,
            ),
            ("True", "Available", ""),
            id="healthy-with-a-change-that-is-not-of-its-values",
        ),
        pytest.param(
            replace(
                changing({"installed": STAMP}),
                generation=3,
                connection_keys=BEFORE_STAMPS | KUBECONFIG,
            ),
            ("Unknown", "Updating", CHANGE),
            id="a-stamp-that-was-read-in-the-past",
        ),
        pytest.param(
            changing({"installed": STAMP.replace("0.36.1", "0.35.3")}),
            CHANGING,
            id="looked-at-before-the-upgrade",
        ),
        pytest.param(
            changing({"installed": STAMP}),
            ("True", "Available", ""),
            id="looked-at-after-the-upgrade",
        ),
        pytest.param(
            changing({"installed": STAMP}, VALUES), CHANGING, id="looked-at-before-the-stamp-went"
        ),
        pytest.param(
            changing({"installed": STAMP, "generation": "3", "workload": OLD_POD}),
            CHANGING,
            id="the-old-pod-is-still-there",
        ),
        pytest.param(
            changing({"installed": STAMP, "generation": "3", "workload": NEW_POD}),
            ("True", "Available", ""),
            id="the-new-pod-is-there",
        ),
        pytest.param(
            replace(
                highly_available("3", "3"),
                details={
                    "workload": pods(3),
                    "etcdGeneration": "3",
                    "etcdWorkload": OLD_POD.replace(":1", ":3"),
                },
            ),
            CHANGING,
            id="ha-with-an-old-member-of-etcd",
        ),
        pytest.param(
            single(
                "1", synced=Condition("Synced", "False", "ReconcileError", "observe failed: gone")
            ),
            (
                "Unknown",
                "ObservationFailed",
                "Release vcluster-system/kunde1-vcluster: observe failed: gone",
            ),
            id="old-news-of-healthy-pods",
        ),
    ],
)
def test_condition(observed: ObservedRelease | None, expected: tuple[str, str, str]) -> None:
    """READY only while the Release is fine, enough pods are healthy, and the kubeconfig exists."""
    found = observed_vcluster.condition(observed)
    assert found.type == "ControlPlaneReady"
    assert (found.status, found.reason, found.message) == expected


NO_SECRET = (
    "Release vcluster-system/kunde2-vcluster: observe failed: cannot get connection details: "
    'cannot get object: secrets "vc-kunde2-vcluster" not found'
)


@pytest.mark.parametrize(
    ("name", "details", "expected"),
    [
        pytest.param(
            "crash-looping-but-ready",
            {},
            ("Unknown", "HealthUnknown", NOT_KNOWN),
            id="crash-looping-is-ready-for-helm-only",
        ),
        pytest.param(
            "crash-looping-but-ready",
            {"workload": pods(0).encode()},
            DOWN,
            id="crash-looping-is-seen-by-its-pods",
        ),
        pytest.param(
            "kunde2-02",
            {"workload": pods(0).encode()},
            ("Unknown", "ObservationFailed", NO_SECRET),
            id="02",
        ),
        pytest.param(
            "kunde2-03",
            {"workload": pods(1).encode(), "kubeconfig": b"x"},
            ("True", "Available", ""),
            id="03",
        ),
        pytest.param(
            "kunde2-secretgone-02",
            {"workload": pods(1).encode(), "kubeconfig": b"x"},
            ("Unknown", "ObservationFailed", NO_SECRET),
            id="secret-gone",
        ),
    ],
)
def test_condition_of_recorded(
    name: str, details: dict[str, bytes], expected: tuple[str, str, str]
) -> None:
    """What really happened is judged rightly."""
    found = observed_vcluster.condition(recorded(name, details))
    assert (found.status, found.reason, found.message) == expected


SETTLED = replace(single("1"), details=rolled_out("0.36.1"))
KUBERNETES = {"controlPlane": {"distro": {"k8s": {"image": {"tag": "v1.36.0"}}}}}
INSTALLED_KUBERNETES = {
    "initContainers": "[map[image:ghcr.io/x/kubernetes:v1.36.0 name:kubernetes]]"
}


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        pytest.param(None, False, id="nothing"),
        pytest.param(SETTLED, True, id="runs-what-it-asks-for"),
        pytest.param(single("1"), False, id="nobody-knows-whether-the-pods-are-new"),
        pytest.param(
            replace(SETTLED, details={**SETTLED.details, "chart": "vcluster-0.35.3"}),
            False,
            id="the-workload-is-the-old-one",
        ),
        pytest.param(
            replace(SETTLED, details={**SETTLED.details, "generation": "4"}),
            False,
            id="the-old-pod-still-counts",
        ),
        pytest.param(replace(SETTLED, values=KUBERNETES), False, id="another-kubernetes-runs"),
        pytest.param(
            replace(
                SETTLED,
                values=KUBERNETES,
                details={**SETTLED.details, **INSTALLED_KUBERNETES},
            ),
            True,
            id="the-kubernetes-that-is-asked-for",
        ),
        pytest.param(
            replace(SETTLED, connection_keys=SETTLED.connection_keys | {"etcdWorkload"}),
            False,
            id="etcd-is-not-known",
        ),
        pytest.param(replace(SETTLED, deployed_version="0.35.3"), False, id="still-the-old-one"),
        pytest.param(replace(SETTLED, deployed_version=""), False, id="not-known"),
        pytest.param(
            replace(SETTLED, details={**SETTLED.details, "workload": pods(0)}),
            False,
            id="not-healthy",
        ),
        pytest.param(replace(SETTLED, has_kubeconfig=False), False, id="no-kubeconfig"),
        pytest.param(replace(SETTLED, generation=3), False, id="a-change-on-its-way"),
    ],
)
def test_is_settled(observed: ObservedRelease | None, *, expected: bool) -> None:
    """The next hop of an upgrade waits until the last one runs and can be used."""
    assert observed_vcluster.is_settled(observed) is expected


@pytest.mark.parametrize(
    ("details", "chart", "kubernetes"),
    [
        pytest.param({"installed": STAMP}, "0.36.1", "", id="kubernetes-of-the-chart"),
        pytest.param(
            {"installed": STAMP.replace('s":""', 's":"v1.35.0"'), "chart": "vcluster-0.31.0"},
            "0.36.1",
            "v1.35.0",
            id="a-stamp",
        ),
        pytest.param({"chart": "vcluster-0.36.1"}, "0.36.1", "", id="no-stamp"),
        pytest.param({"installed": "{", "chart": "vcluster-0.36.1"}, "0.36.1", "", id="no-json"),
        pytest.param({"installed": "[1]"}, "", "", id="another-json"),
        pytest.param({}, "", "", id="not-known"),
    ],
)
def test_what_is_installed(details: dict[str, str], chart: str, kubernetes: str) -> None:
    """The status shows the versions that the workload bears, by its stamp if it has one."""
    assert observed_vcluster.running_chart(deployed(details=details)) == chart
    assert observed_vcluster.running_kubernetes(deployed(details=details)) == kubernetes


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        pytest.param("ghcr.io/loft-sh/kubernetes:v1.35.0", "v1.35.0", id="official"),
        pytest.param("mirror:5000/loft-sh/kubernetes:v1.35.0", "v1.35.0", id="mirror-with-a-port"),
        pytest.param("loft-sh/kubernetes:v1.35.0@sha256:abc", "v1.35.0", id="tag-and-digest"),
        pytest.param("loft-sh/kubernetes", "", id="no-tag"),
        pytest.param("mirror:5000/loft-sh/kubernetes", "", id="port-and-no-tag"),
    ],
)
def test_kubernetes_of_a_workload_without_a_stamp(image: str, expected: str) -> None:
    """The container called kubernetes has it, wherever in the list a plugin puts it."""
    plugin = "map[image:ghcr.io/example/pod-hooks:1.2.0 imagePullPolicy:IfNotPresent name:hooks]"
    pull = "imagePullPolicy:IfNotPresent name:kubernetes resources:map[limits:map[cpu:100m]]"
    kubernetes = f"map[args:[-c] command:[/bin/sh] image:{image} {pull}]"
    for containers in ([kubernetes], [plugin, kubernetes], [kubernetes, plugin]):
        details = {"initContainers": f"[{' '.join(containers)}]"}
        assert observed_vcluster.running_kubernetes(deployed(details=details)) == expected


@pytest.mark.parametrize("stamp", ["", "{", "[]", "7", "[" * 100_000])
def test_a_malformed_stamp_is_none(stamp: str) -> None:
    """An annotation that someone on the host broke says nothing, and fails nothing."""
    assert observed_vcluster.running_chart(deployed(details={"installed": stamp})) == ""


def test_nothing_runs() -> None:
    """Before anything runs no version is shown."""
    assert observed_vcluster.running_chart(None) == ""
    assert observed_vcluster.running_kubernetes(None) == ""
    assert observed_vcluster.running_chart(deployed()) == ""
    assert observed_vcluster.running_kubernetes(deployed()) == ""


def test_the_key_is_forever() -> None:
    """Another resource key would delete the Release and create it anew."""
    assert observed_vcluster.KEY == "vcluster"


EXPOSING = {
    "expose": {"domain": "k8s.example.org", "gateway": {"parentRefs": [{"name": "public"}]}},
    "tenant.exposeTypes": ["ClusterIP", "LoadBalancer", "Ingress", "Gateway"],
}


def test_the_looks_of_a_release() -> None:
    """At most five requests for a cluster inside the host, and two more for an etcd of its own."""

    def looks(observed: ObservedRelease, **spec: Any) -> int:
        return len(at(desired(observed, spec, EXPOSING), "spec.connectionDetails"))

    ran = frozenset({"kubeconfig", "externalKubeconfig", "routeStatus"})
    assert looks(deployed(connection_keys=SINGLE_KEYS | ran)) == 4
    assert looks(deployed(connection_keys=BEFORE_STAMPS | ran)) == 5
    assert looks(deployed(connection_keys=HA_KEYS | ran), availability="HA") == 6
    for typ in ("LoadBalancer", "Ingress", "Gateway"):
        assert looks(deployed(connection_keys=SINGLE_KEYS | ran), expose={"type": typ}) == 6


FORMER = frozenset(
    {"installed", "available", "generation", "workload", "kubeconfig", "etcdAvailable"}
)


@pytest.mark.parametrize("read", [2, 3])
def test_the_move_from_the_release_before(read: int) -> None:
    """The numbers of pods have details of their own there; without them it stays as READY as it is.

    The provider reads the new list right after it has it (`read` is the generation that it saw).
    """
    details = {**rolled_out("0.36.1"), "available": "1", "installed": STAMP}
    before = single(
        None,
        connection_keys=FORMER - {"etcdAvailable"},
        details=details,
        values=STAMPED,
        generation=3,
        observed_generation=read,
    )
    assert observed_vcluster.condition(before).status == "True"
    assert at(desired(before), "spec.connectionDetails") == [*SINGLE, SECRET]
    assert at(desired(before), "spec.forProvider.values") == STAMPED
    after = replace(before, connection_keys=SINGLE_KEYS | KUBECONFIG)
    assert observed_vcluster.condition(after).status == "True"
    assert at(desired(after), "spec.connectionDetails") == [*SINGLE, SECRET]
