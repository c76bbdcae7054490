"""Bad input: refused with field, rule and remedy, and never with the value."""

import re
import traceback
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from function.api import validate
from function.api.errors import InvalidError
from function.api.validate import Document
from tests.support.factories import INPUT, RANCHER, changed, config

MARKER = "s3cr3t-VALUE"


def text(example: str) -> str:
    """Return what is said of a number where text is due."""
    return f'must be text. Write it in quotes, like "{example}".'


WHOLE = "must be a whole number. Write digits without quotes."
BOOL = "must be true or false. Write it without quotes."
INSTANT = "must be a time with its zone such as 2026-12-24T18:00:00Z. Correct it."
MAP = "must be a map. Write key: value pairs below it."
LIST = "must be a list. Write entries that begin with '-'."
KEY = "must be a name such as small: lower case letters, digits and dashes. Correct it."
OBJECT_NAME = (
    "must be a name such as fast-ssd: lower case letters, digits, dashes and dots. Correct it."
)
SIZE = "must be a size such as 500Mi or 10Gi, without exponent. Correct it."
QUANTITY = "must be an amount such as 500m, 1.5 or 10Gi, without exponent. Correct it."
UID = "must be a UID, metadata.uid of the earlier VCluster. Correct it."
CIDR = "must be a network such as 198.51.100.0/24. Correct it."
HOST_BITS = (
    "must be a network in CIDR notation without host bits, like 198.51.100.0/24. Correct it."
)
TOO_OPEN = "must be no wider than /8 (IPv6: /32). Correct it."
LINK_LOCAL = (
    "must not touch 169.254.0.0/16 (link-local addresses, the metadata services of most clouds "
    "among them), which is never opened. Correct it."
)
PLAIN = "then host[:port][/path] without user, password, ? and #. Correct it."
SERVER = "then host[:port] without path, user, password, ? and #. Correct it."
DIGEST = "must be sha256: and 64 hexadecimal digits in lower case. Correct it."
ONE_SUBJECT = "name either user or group. Correct it."
UNKNOWN = "is not a known field. Remove it or correct it. Known: "


def too_many(most: int) -> str:
    """Return what is said of a list with one entry more."""
    return f"must have at most {most} items after validation, not {most + 1}. Correct it."


def composite(spec: Any) -> dict[str, Any]:
    """Return a VCluster as observed."""
    return {"metadata": {"name": "kunde1", "uid": "1-2-3"}, "spec": spec}


def refusal_of_spec(spec: Any) -> InvalidError:
    """Return what a spec is refused with."""
    with pytest.raises(InvalidError) as error:
        validate.vcluster(composite(spec))
    return error.value


def refusal_of_input(changes: dict[str, Any]) -> InvalidError:
    """Return what an Input with these changes is refused with."""
    with pytest.raises(InvalidError) as error:
        config(changes)
    return error.value


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param(
            {"colour": MARKER},
            f"spec.colour: {UNKNOWN}access, availability, backup, crossplane, deletionProtection, "
            "expire, expose, host, hostSelector, isolation, kubeconfigReaders, kubernetesVersion, "
            "nodePool, plan, power, quota, rancher, sleep, storage, sync, upgrade, values.",
            id="unknown-at-the-top",
        ),
        pytest.param(
            {"storage": {"colour": MARKER}},
            f"spec.storage.colour: {UNKNOWN}onDelete, restoreFrom, size, storageClassName.",
            id="unknown-nested",
        ),
        pytest.param(
            {"kubeconfigReaders": [{"kind": "User", "name": "a", "colour": MARKER}]},
            f"spec.kubeconfigReaders[0].colour: {UNKNOWN}kind, name.",
            id="unknown-in-a-list",
        ),
        pytest.param(
            {"rancher": {"owners": [{"user": "a"}, {"user": "b", "colour": MARKER}]}},
            f"spec.rancher.owners[1].colour: {UNKNOWN}group, role, user.",
            id="unknown-in-a-nested-list",
        ),
        pytest.param(MARKER, f"spec: {MAP}", id="spec-is-text"),
        pytest.param([MARKER], f"spec: {MAP}", id="spec-is-a-list"),
        pytest.param(None, f"spec: {MAP}", id="spec-is-null"),
        pytest.param({"storage": MARKER}, f"spec.storage: {MAP}", id="text-for-a-map"),
        pytest.param({"rancher": [MARKER]}, f"spec.rancher: {MAP}", id="list-for-a-map"),
        pytest.param({"values": MARKER}, f"spec.values: {MAP}", id="values-are-text"),
        pytest.param(
            {"kubeconfigReaders": MARKER}, f"spec.kubeconfigReaders: {LIST}", id="text-for-a-list"
        ),
        pytest.param({"plan": 3}, f"spec.plan: {text('small')}", id="number-for-text"),
        pytest.param({"plan": MARKER}, f"spec.plan: {KEY}", id="plan"),
        pytest.param({"nodePool": MARKER}, f"spec.nodePool: {KEY}", id="node-pool"),
        pytest.param({"host": MARKER}, f"spec.host: {KEY}", id="host"),
        pytest.param(
            {"kubernetesVersion": 1.35}, f"spec.kubernetesVersion: {text('1.35')}", id="float"
        ),
        pytest.param(
            {"kubernetesVersion": "v1.35"},
            "spec.kubernetesVersion: must be a version like 1.35 or 1.35.0, without v. Correct it.",
            id="kubernetes-with-v",
        ),
        pytest.param(
            {"kubernetesVersion": MARKER},
            "spec.kubernetesVersion: must have at most 9 characters. Correct it.",
            id="too-long",
        ),
        pytest.param(
            {"availability": MARKER},
            "spec.availability: must be 'Single' or 'HA'. Correct it.",
            id="choice",
        ),
        pytest.param(
            {"quota": {"cpu": 1.5}}, f"spec.quota.cpu: {text('1.5')}", id="cpu-is-a-float"
        ),
        pytest.param(
            {"quota": {"cpu": True}}, f"spec.quota.cpu: {text('1.5')}", id="cpu-is-a-bool"
        ),
        pytest.param({"quota": {"cpu": MARKER}}, f"spec.quota.cpu: {QUANTITY}", id="cpu"),
        pytest.param({"quota": {"cpu": -1}}, f"spec.quota.cpu: {QUANTITY}", id="cpu-negative"),
        pytest.param({"quota": {"memory": "1e3"}}, f"spec.quota.memory: {QUANTITY}", id="exponent"),
        pytest.param({"quota": {"storage": "1 Gi"}}, f"spec.quota.storage: {QUANTITY}", id="space"),
        pytest.param({"quota": {"pods": 50.5}}, f"spec.quota.pods: {WHOLE}", id="pods-fraction"),
        pytest.param({"quota": {"pods": "50"}}, f"spec.quota.pods: {WHOLE}", id="pods-as-text"),
        pytest.param({"quota": {"services": True}}, f"spec.quota.services: {WHOLE}", id="bool"),
        pytest.param(
            {"storage": {"size": 10}}, f"spec.storage.size: {text('10Gi')}", id="ten-bytes"
        ),
        pytest.param({"storage": {"size": MARKER}}, f"spec.storage.size: {SIZE}", id="size"),
        pytest.param(
            {"storage": {"storageClassName": MARKER}},
            f"spec.storage.storageClassName: {OBJECT_NAME}",
            id="storage-class",
        ),
        pytest.param(
            {"storage": {"onDelete": MARKER}},
            "spec.storage.onDelete: must be 'Delete' or 'Retain'. Correct it.",
            id="on-delete",
        ),
        pytest.param(
            {"storage": {"restoreFrom": MARKER}},
            f"spec.storage.restoreFrom: {UID}",
            id="restore-from",
        ),
        pytest.param(
            {"storage": {"restoreFrom": "5D2F6C0E-8A31-4B7D-9C64-1E0F7A9B3C58"}},
            f"spec.storage.restoreFrom: {UID}",
            id="restore-from-in-capitals",
        ),
        pytest.param(
            {"isolation": {"podSecurity": "privileged"}},
            "spec.isolation.podSecurity: must be 'baseline' or 'restricted'. Correct it.",
            id="privileged",
        ),
        pytest.param(
            {"isolation": {"networkPolicy": MARKER}},
            f"spec.isolation.networkPolicy: {BOOL}",
            id="text-for-a-bool",
        ),
        pytest.param(
            {"isolation": {"egress": [MARKER]}}, f"spec.isolation.egress[0]: {CIDR}", id="no-cidr"
        ),
        pytest.param(
            {"isolation": {"egress": ["192.0.2.0/24", "198.51.100.1/24"]}},
            f"spec.isolation.egress[1]: {HOST_BITS}",
            id="host-bits",
        ),
        pytest.param(
            {"isolation": {"egress": ["192.0.2.0/33"]}},
            f"spec.isolation.egress[0]: {HOST_BITS}",
            id="impossible-prefix",
        ),
        pytest.param(
            {"isolation": {"egress": ["0.0.0.0/0"]}},
            "spec.isolation.egress[0]: must not be everything. Correct it.",
            id="everything",
        ),
        pytest.param(
            {"isolation": {"egress": ["::/0"]}},
            "spec.isolation.egress[0]: must not be everything. Correct it.",
            id="everything-ipv6",
        ),
        pytest.param(
            {"isolation": {"egress": ["10.0.0.0/7"]}},
            f"spec.isolation.egress[0]: {TOO_OPEN}",
            id="too-wide",
        ),
        pytest.param(
            {"isolation": {"egress": ["2001:d00::/31"]}},
            f"spec.isolation.egress[0]: {TOO_OPEN}",
            id="too-wide-ipv6",
        ),
        pytest.param(
            {"isolation": {"egress": ["169.254.169.254/32"]}},
            f"spec.isolation.egress[0]: {LINK_LOCAL}",
            id="cloud-metadata",
        ),
        pytest.param(
            {"isolation": {"egress": ["169.254.0.0/15"]}},
            f"spec.isolation.egress[0]: {LINK_LOCAL}",
            id="around-cloud-metadata",
        ),
        pytest.param(
            {"isolation": {"egress": ["fd00:ec2::254/128"]}},
            "spec.isolation.egress[0]: must not touch fd00:ec2::/32 (AWS's meta"
            "data service), which is never opened. Correct it.",
            id="cloud-metadata-ipv6",
        ),
        pytest.param(
            {"isolation": {"egress": ["fe80::/64"]}},
            "spec.isolation.egress[0]: must not touch fe80::/10 (link-local add"
            "resses), which is never opened. Correct it.",
            id="link-local-ipv6",
        ),
        pytest.param({"sync": {"ingresses": 1}}, f"spec.sync.ingresses: {BOOL}", id="1-for-true"),
        pytest.param(
            {"sync": {"storageClasses": "true"}}, f"spec.sync.storageClasses: {BOOL}", id="true"
        ),
        pytest.param(
            {"kubeconfigReaders": [{"kind": "ServiceAccount", "name": MARKER}]},
            "spec.kubeconfigReaders[0].kind: must be 'User' or 'Group'. Correct it.",
            id="reader-of-another-kind",
        ),
        pytest.param(
            {"kubeconfigReaders": [{"kind": "User"}]},
            "spec.kubeconfigReaders[0].name: is required. Add it.",
            id="reader-without-a-name",
        ),
        pytest.param(
            {"rancher": {"owners": [{"user": MARKER, "group": f"github_team://{MARKER}"}]}},
            f"spec.rancher.owners[0]: {ONE_SUBJECT}",
            id="owner-with-user-and-group",
        ),
        pytest.param(
            {"rancher": {"owners": [{"role": "cluster-owner"}]}},
            f"spec.rancher.owners[0]: {ONE_SUBJECT}",
            id="owner-without-a-subject",
        ),
        pytest.param(
            {"rancher": {"owners": [{"group": MARKER}]}},
            "spec.rancher.owners[0].group: must be a principal such as github_team://123. "
            "Correct it.",
            id="group-is-no-principal",
        ),
        pytest.param(
            {"rancher": {"clusterName": MARKER}}, f"spec.rancher.clusterName: {KEY}", id="cluster"
        ),
        pytest.param(
            {"rancher": {"clusterName": "a"}},
            "spec.rancher.clusterName: must have at least 2 characters. Correct it.",
            id="cluster-of-one-letter",
        ),
        pytest.param(
            {"kubeconfigReaders": [{"kind": "Group", "name": "a\nb"}]},
            "spec.kubeconfigReaders[0].name: must be a name without control characters, such as "
            "Platform Admins. Correct it.",
            id="reader-with-a-new-line",
        ),
        pytest.param({"rancher": {"enabled": MARKER}}, f"spec.rancher.enabled: {BOOL}", id="on"),
        pytest.param(
            {"rancher": {"project": MARKER}}, f"spec.rancher.project: {KEY}", id="project"
        ),
        pytest.param(
            {"deletionProtection": MARKER}, f"spec.deletionProtection: {BOOL}", id="protection"
        ),
        *(
            pytest.param({"expire": {"at": time}}, f"spec.expire.at: {rule}", id=f"expire-{time}")
            for time, rule in (
                (MARKER, INSTANT),
                ("2026-12-24", INSTANT),
                ("2026-12-24T18:00:00", INSTANT),
                ("2026-12-24t18:00:00z", INSTANT),
                ("2026-12-24T18:00:00.5Z", INSTANT),
                ("2026-12-24T24:00:00Z", INSTANT),
                ("2026-12-24T18:00:00+15:00", INSTANT),
                ("1999-12-24T18:00:00Z", INSTANT),
                ("2026-02-29T18:00:00Z", "must be a time that exists. Correct it."),
            )
        ),
        pytest.param({"sleep": {}}, "spec.sleep.calendar: is required. Add it.", id="calendar"),
        pytest.param(
            {"sleep": {"calendar": MARKER}}, f"spec.sleep.calendar: {KEY}", id="calendar-name"
        ),
        pytest.param(
            {"sleep": {"calendar": "a", "awakeUntil": MARKER}},
            f"spec.sleep.awakeUntil: {INSTANT}",
            id="awake-until",
        ),
        pytest.param(
            {"plan": MARKER, "quota": {"pods": MARKER}},
            f"spec.plan: {KEY} | spec.quota.pods: {WHOLE}",
            id="all-at-once",
        ),
    ],
)
def test_bad_spec(spec: Any, message: str) -> None:
    """The customer reads which field is wrong, what it must be and what to do."""
    error = refusal_of_spec(spec)
    assert str(error) == message
    assert error.reason == "InvalidSpec"
    assert MARKER not in str(error)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(
            {"colour": MARKER},
            f"input.colour: {UNKNOWN}access, adopted, apiVersion, backup, charts, "
            "defaultHostSelector, defaultPlan, expiry, expose, hostNamespace, hosts, image, kind, "
            "metadata, nodePools, plans, platformNamespace, polling, pullSecret, rancher, "
            "registries, tenant, vcluster.",
            id="unknown-at-the-top",
        ),
        pytest.param(
            {"vcluster.chart.colour": MARKER},
            f"input.vcluster.chart.colour: {UNKNOWN}digests, name, pullSecret, repository, "
            "versions.",
            id="unknown-nested",
        ),
        pytest.param(
            {"plans.small.colour": MARKER},
            f"input.plans.small.colour: {UNKNOWN}limitRange, quota, resources, storage.",
            id="unknown-in-a-map",
        ),
        pytest.param(
            {"plans.small.storage.colour": MARKER},
            f"input.plans.small.storage.colour: {UNKNOWN}size, storageClassName.",
            id="unknown-below-a-map",
        ),
        pytest.param(
            {"plans.storage": {"colour": MARKER}},
            f"input.plans.storage.colour: {UNKNOWN}limitRange, quota, resources, storage.",
            id="unknown-in-a-plan-that-is-called-like-a-field",
        ),
        pytest.param(
            {"hostNamespace.operators": [{"kind": "Group", "name": "g", "colour": MARKER}]},
            f"input.hostNamespace.operators[0].colour: {UNKNOWN}kind, name, namespace.",
            id="unknown-in-a-list",
        ),
        pytest.param(
            {"rancher": {**RANCHER, "caSecret": {"name": "a", "key": "b", "colour": MARKER}}},
            f"input.rancher.caSecret.colour: {UNKNOWN}key, name.",
            id="unknown-in-an-optional-block",
        ),
        pytest.param(
            {"apiVersion": MARKER},
            "input.apiVersion: must be 'vcluster.fn.caas.telekom.de/v1beta1'. Correct it.",
            id="another-kind-of-input",
        ),
        pytest.param(
            {"vcluster.chart.versions": ["0.36.1", "0.35.3"]},
            "input.vcluster.chart: versions must be in ascending order, each once. Correct it.",
            id="descending-versions",
        ),
        pytest.param(
            {"vcluster.chart.versions": ["0.36.1", "0.36.1"]},
            "input.vcluster.chart: versions must be in ascending order, each once. Correct it.",
            id="duplicate-versions",
        ),
        pytest.param(
            {"vcluster.chart.versions": ["0.36.9", "0.36.10", "0.36.2"]},
            "input.vcluster.chart: versions must be in ascending order, each once. Correct it.",
            id="versions-ordered-by-number",
        ),
        pytest.param(
            {"vcluster.chart.versions": ["v0.36.1"]},
            "input.vcluster.chart.versions[0]: must be a version like 0.36.1, without v. "
            "Correct it.",
            id="version-with-v",
        ),
        pytest.param(
            {"vcluster.chart.versions": ["0.30.4", "0.31.3"]},
            "input.vcluster.chart.versions[0]: charts older than 0.31.0 are not supported. "
            "Correct it.",
            id="too-old",
        ),
        pytest.param(
            {"vcluster.chart.versions": []},
            "input.vcluster.chart.versions: must have at least 1 item after validation, not 0. "
            "Correct it.",
            id="no-versions",
        ),
        pytest.param(
            {"vcluster.chart.versions": MARKER},
            f"input.vcluster.chart.versions: {LIST}",
            id="versions-are-text",
        ),
        pytest.param(
            {"vcluster.chart.digests": {"0.36.1": MARKER}},
            f"input.vcluster.chart.digests.0.36.1: {DIGEST}",
            id="digest",
        ),
        pytest.param(
            {"vcluster.chart.digests": {"0.36.1": f"sha256:{'a' * 64}"}},
            "input.vcluster.chart: digests need an oci:// repository: provider-helm takes them for "
            "no other. Correct it.",
            id="digest-for-https",
        ),
        pytest.param(
            {
                "charts.repository": "https://charts.example.org",
                "charts.digests": {"vcluster-rancher": f"sha256:{'a' * 64}"},
            },
            "input.charts: digests need an oci:// repository: provider-helm takes them for no "
            "other. Correct it.",
            id="digest-of-ours-for-https",
        ),
        pytest.param(
            {"vcluster.chart.name": "loft-vcluster"},
            "input.vcluster.chart.name: must be vcluster: where the name is not the one inside the "
            "chart, provider-helm upgrades at every look. What a mirror puts before the name "
            "belongs into repository. Correct it.",
            id="another-name-of-the-chart",
        ),
        *(
            pytest.param(
                {f"{where}.repository": "oci://ghcr.io/example/"},
                f"input.{where}.repository: must not end with /: the chart's name comes after it. "
                "Correct it.",
                id=f"slash-at-the-end-of-{where}",
            )
            for where in ("vcluster.chart", "charts")
        ),
        pytest.param(
            {"hosts.local.providerConfig": "a" * 70},
            "input.hosts.local.providerConfig: must have at most 63 characters. Correct it.",
            id="name-that-is-no-label",
        ),
        pytest.param(
            {"expose.loadBalancer.colour": MARKER},
            f"input.expose.loadBalancer.colour: {UNKNOWN}annotations, class, "
            "externalTrafficPolicy, sourceRanges.",
            id="unknown-beside-class",
        ),
        pytest.param(
            {"expose.loadBalancer.class": "no class"},
            "input.expose.loadBalancer.class: must be a key such as team or "
            "example.org/team. Correct it.",
            id="class-of-load-balancers",
        ),
        pytest.param(
            {"expose.loadBalancer.externalTrafficPolicy": MARKER},
            "input.expose.loadBalancer.externalTrafficPolicy: must be 'Cluster' or 'Local'. "
            "Correct it.",
            id="external-traffic-policy",
        ),
        pytest.param(
            {"vcluster.kubernetes.default": "1.33.0"},
            "input.vcluster.kubernetes: default must be one of versions. Correct it.",
            id="default-version-not-listed",
        ),
        pytest.param(
            {"vcluster.kubernetes.versions": ["v1.35.0"]},
            "input.vcluster.kubernetes.versions[0]: must be a version like 1.35.0, without "
            "v. Correct it.",
            id="kubernetes-with-v",
        ),
        pytest.param(
            {"vcluster.kubernetes.compatibility": {"0.36": [1.35]}},
            f"input.vcluster.kubernetes.compatibility.0.36[0]: {text('1.35')}",
            id="compatibility-is-a-float",
        ),
        pytest.param(
            {"charts": {}},
            "input.charts.repository: is required. Add it. | input.charts.version: is required. "
            "Add it.",
            id="charts-are-empty",
        ),
        pytest.param(
            {"charts.repository": MARKER},
            f"input.charts.repository: must be http:// or https:// or oci://, {PLAIN}",
            id="repository",
        ),
        pytest.param(
            {"image": MARKER},
            "input.image: must be host[:port]/path:tag, or with @sha256:<digest>, without user and "
            "password. Correct it.",
            id="image-without-a-tag",
        ),
        *(
            pytest.param(
                {"registries": {"ghcr.io": place}},
                "input.registries.ghcr.io: must be host[:port][/path], such as "
                "mirror.example.org/ghcr, without scheme and without / at the end. Correct it.",
                id=f"mirror-{reason}",
            )
            for reason, place in [
                ("with-a-scheme", f"https://{MARKER}.example.org"),
                ("with-a-slash-at-the-end", f"{MARKER}.example.org/ghcr/"),
                ("without-a-host", f"/{MARKER}"),
                ("that-is-a-repository-of-docker-hub", f"mirror/{MARKER}"),
                ("with-a-tag", f"{MARKER}.example.org/ghcr:1"),
                ("in-capitals", f"{MARKER}.example.org/GHCR"),
                ("with-two-dots", f"{MARKER}.example.org/a..b"),
                ("that-is-empty", ""),
            ]
        ),
        *(
            pytest.param(
                {"registries": {host: "mirror.example.org"}},
                f"input.registries.{host}.[key]: must be the host[:port] of a registry, such as "
                "ghcr.io. Correct it.",
                id=f"registry-{reason}",
            )
            for reason, host in [
                ("with-a-scheme", "https://ghcr.io"),
                ("with-a-path", "ghcr.io/loft-sh"),
                ("that-is-none", "ghcr"),
                ("in-capitals", "GHCR.io"),
            ]
        ),
        pytest.param(
            {"registries": {"index.docker.io": "mirror.example.org"}},
            "input.registries.index.docker.io.[key]: must be written docker.io. Correct it.",
            id="registry-by-its-other-name",
        ),
        *(
            pytest.param(
                {
                    "registries": {"ghcr.io": "mirror.example.org"},
                    f"vcluster.{layer}.controlPlane.advanced.defaultImageRegistry": MARKER,
                },
                "input: registries cannot be set together with "
                "controlPlane.advanced.defaultImageRegistry in the values, which takes the place "
                "of every registry. Correct it.",
                id=f"registries-and-one-for-all-in-{layer}",
            )
            for layer in ("values", "enforcedValues")
        ),
        pytest.param({"pullSecret": MARKER}, f"input.pullSecret: {OBJECT_NAME}", id="pull-secret"),
        pytest.param(
            {"platformNamespace": MARKER}, f"input.platformNamespace: {KEY}", id="namespace"
        ),
        pytest.param(
            {"defaultPlan": "large"},
            "input: defaultPlan must be one of plans. Correct it.",
            id="default-plan-unknown",
        ),
        pytest.param(
            {"plans": {}},
            "input.plans: must have at least 1 item after validation, not 0. Correct it.",
            id="no-plans",
        ),
        pytest.param(
            {"plans.small.resources.limits": {"cpu": 1.5}},
            f"input.plans.small.resources.limits.cpu: {text('1.5')}",
            id="resources-are-a-float",
        ),
        pytest.param(
            {"hosts.local.cidrs": ["10.0.0.1/8"]},
            f"input.hosts.local.cidrs[0]: {HOST_BITS}",
            id="host-bits",
        ),
        pytest.param(
            {"tenant.egress": ["0.0.0.0/0"]},
            "input.tenant.egress[0]: must not be everything. Correct it.",
            id="everything",
        ),
        pytest.param(
            {"hostNamespace.operators": [{"kind": "ServiceAccount", "name": MARKER}]},
            "input.hostNamespace.operators[0]: namespace is for a ServiceAccount, which needs it. "
            "Correct it.",
            id="service-account-without-namespace",
        ),
        pytest.param(
            {"hostNamespace.operators": [{"kind": "User", "name": MARKER, "namespace": "x"}]},
            "input.hostNamespace.operators[0]: namespace is for a ServiceAccount, which needs it. "
            "Correct it.",
            id="user-with-namespace",
        ),
        pytest.param(
            {"hostNamespace.labels": {"a": f"{MARKER} "}},
            "input.hostNamespace.labels.a: must be the value of a label: letters, digits, "
            "dashes, dots and underscores. Correct it.",
            id="label",
        ),
        pytest.param(
            {"hostNamespace.labels": {"a b": MARKER}},
            "input.hostNamespace.labels.a b.[key]: must be a key such as team or "
            "example.org/team. Correct it.",
            id="label-key",
        ),
        pytest.param(
            {"vcluster.kubernetes.compatibility": {"0.36": ["1.x"]}},
            "input.vcluster.kubernetes.compatibility.0.36[0]: must be a minor version like "
            "1.35, without v. Correct it.",
            id="compatibility-is-no-minor",
        ),
        pytest.param(
            {"vcluster.kubernetes.compatibility": {"v0.36": ["1.35"]}},
            "input.vcluster.kubernetes.compatibility.v0.36.[key]: must be a chart's minor "
            "version like 0.36, without v. Correct it.",
            id="compatibility-of-no-chart",
        ),
        pytest.param(
            {"vcluster.kubernetes.versions": []},
            "input.vcluster.kubernetes.versions: must have at least 1 item after validation, not "
            "0. Correct it.",
            id="no-kubernetes-versions",
        ),
        pytest.param(
            {"hosts": {}},
            "input.hosts: must have at least 1 item after validation, not 0. Correct it.",
            id="no-hosts",
        ),
        pytest.param(
            {"tenant.exposeTypes": []},
            "input.tenant.exposeTypes: must have at least 1 item after validation, not 0. "
            "Correct it.",
            id="no-way-in",
        ),
        pytest.param(
            {"rancher": {**RANCHER, "tokenSecret": {"name": "a", "key": f"{MARKER}/x"}}},
            "input.rancher.tokenSecret.key: must be a key such as token: letters, digits, "
            "dashes, dots and underscores. Correct it.",
            id="key-of-a-secret",
        ),
        pytest.param(
            {"rancher": {**RANCHER, "projects": {"kunde1": MARKER}}},
            "input.rancher.projects.kunde1: must be <cluster id>:<project id>, such as "
            "c-m-abc:p-xyz. Correct it.",
            id="project",
        ),
        pytest.param(
            {"nodePools": {"tenants": {"pool": 1}}},
            f"input.nodePools.tenants.labels.pool: {text('true')}",
            id="node-label-is-a-number",
        ),
        pytest.param(
            {"rancher": {"url": "https://rancher.example.org"}},
            "input.rancher.tokenSecret: is required. Add it.",
            id="rancher-without-a-token",
        ),
        pytest.param(
            {"rancher": {**RANCHER, "url": f"https://admin:{MARKER}@rancher.example.org"}},
            f"input.rancher.url: must be https://, {SERVER}",
            id="rancher-with-a-password",
        ),
        pytest.param(
            {"rancher": {**RANCHER, "url": "http://rancher.example.org"}},
            f"input.rancher.url: must be https://, {SERVER}",
            id="rancher-in-clear",
        ),
        pytest.param(
            {"rancher": {**RANCHER, "url": "https://rancher.example.org/dashboard"}},
            f"input.rancher.url: must be https://, {SERVER}",
            id="rancher-below-a-path",
        ),
        pytest.param(
            {"rancher": {**RANCHER, "labels": {"caas.telekom.de/plan": "x"}}},
            "input.rancher: labels and labelPatterns must not name keys of cattle.io or "
            "caas.telekom.de/. Correct it.",
            id="rancher-label-of-ours",
        ),
        pytest.param(
            {"rancher": {**RANCHER, "labelPatterns": {"field.cattle.io/x": "^a$"}}},
            "input.rancher: labels and labelPatterns must not name keys of cattle.io or "
            "caas.telekom.de/. Correct it.",
            id="rancher-label-of-ranchers",
        ),
        pytest.param(
            {"rancher": {**RANCHER, "labels": {"a": "b"}, "labelPatterns": {"a": "^b$"}}},
            "input.rancher: a key must not be in both labels and labelPatterns. Correct it.",
            id="rancher-label-twice",
        ),
        pytest.param(
            {"rancher": {**RANCHER, "labelPatterns": {"tier": "^(?!gold)"}}},
            "input.rancher.labelPatterns.tier: must be a regular expression without look-around "
            "and back-references. Correct it.",
            id="rancher-label-pattern",
        ),
        pytest.param(
            {"rancher": {**RANCHER, "clusterNamePattern": f"({MARKER}"}},
            "input.rancher.clusterNamePattern: must be a regular expression without look-around "
            "and back-references. Correct it.",
            id="pattern-of-names",
        ),
        pytest.param(
            {"rancher": {**RANCHER, "clusterNamePattern": "^(?!local)[a-z]+$"}},
            "input.rancher.clusterNamePattern: must be a regular expression without look-around "
            "and back-references. Correct it.",
            id="pattern-with-look-around",
        ),
        pytest.param(
            {"rancher": {**RANCHER, "owners": [{}]}},
            f"input.rancher.owners[0]: {ONE_SUBJECT}",
            id="owner-without-a-subject",
        ),
        pytest.param(
            {"rancher": {**RANCHER, "egress": ["169.254.0.0/16"]}},
            f"input.rancher.egress[0]: {LINK_LOCAL}",
            id="cloud-metadata",
        ),
        pytest.param(
            {
                "rancher": {
                    **RANCHER,
                    "caSecret": {"name": "a", "key": "b"},
                    "caChecksum": "c" * 64,
                }
            },
            "input.rancher: name either caSecret or caChecksum. Correct it.",
            id="two-ways-to-trust",
        ),
        pytest.param(
            {"rancher": {**RANCHER, "caChecksum": MARKER}},
            "input.rancher.caChecksum: must be 64 hexadecimal digits in lower case. Correct it.",
            id="ca-checksum",
        ),
        pytest.param(
            {"rancher": {**RANCHER, "onRebuild": MARKER}},
            "input.rancher.onRebuild: must be 'Recreate', 'Redeploy' or 'Fail'. Correct it.",
            id="on-rebuild",
        ),
        pytest.param(
            {"rancher": {**RANCHER, "timeout": "0m"}},
            "input.rancher.timeout: must be a time such as 90s, 15m or 1h. Correct it.",
            id="timeout",
        ),
        pytest.param(
            {"tenant.podSecurity": []},
            "input.tenant.podSecurity: must have at least 1 item after validation, not 0. "
            "Correct it.",
            id="no-level-allowed",
        ),
        pytest.param(
            {"tenant.values": [f"{MARKER}..x"]},
            "input.tenant.values[0]: must be a path of keys such as sync.toHost.ingresses. "
            "Correct it.",
            id="path-of-values",
        ),
    ],
)
def test_bad_input(changes: dict[str, Any], message: str) -> None:
    """The platform team reads which field of the Input is wrong."""
    error = refusal_of_input(changes)
    assert str(error) == message
    assert error.reason == "InvalidInput"
    assert MARKER not in str(error)


def test_no_input() -> None:
    """A Composition without an Input is told so."""
    with pytest.raises(InvalidError) as error:
        validate.platform_input(None)
    assert str(error.value) == "input: is missing. Give the pipeline step an Input."
    assert error.value.reason == "InvalidInput"


def test_an_empty_input_names_all_that_is_missing() -> None:
    """All required fields are named at once."""
    with pytest.raises(InvalidError) as error:
        validate.platform_input({})
    assert [problem.field for problem in error.value.problems] == [
        "input.apiVersion",
        "input.kind",
        "input.vcluster",
        "input.charts",
        "input.image",
        "input.defaultPlan",
        "input.plans",
    ]


RETRY = "metadata.annotations[caas.telekom.de/retry]: must be a whole number, 0 to 9999. Write "
OBSERVED = "is missing. Send the observed VCluster."


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        pytest.param(None, f"metadata: {OBSERVED}", id="no-metadata"),
        pytest.param(MARKER, f"metadata: {OBSERVED}", id="metadata-is-text"),
        pytest.param({"uid": MARKER}, f"metadata.name: {OBSERVED}", id="no-name"),
        pytest.param({"name": "", "uid": MARKER}, f"metadata.name: {OBSERVED}", id="empty-name"),
        pytest.param({"name": 1, "uid": MARKER}, f"metadata.name: {OBSERVED}", id="number-as-name"),
        pytest.param({"name": "kunde1"}, f"metadata.uid: {OBSERVED}", id="no-uid"),
        *(
            pytest.param(
                {"name": "a", "uid": "b", "annotations": {"caas.telekom.de/retry": retry}},
                f'{RETRY}"1".',
                id=f"retry-{number}",
            )
            for number, retry in enumerate([MARKER, "", "-1", "1.5", "10000", "1\n", 1])
        ),
    ],
)
def test_bad_metadata(metadata: Any, message: str) -> None:
    """An object that is no VCluster, or a bad annotation, is named."""
    with pytest.raises(InvalidError) as error:
        validate.vcluster({"metadata": metadata, "spec": {}})
    assert str(error.value) == message
    assert error.value.reason == "InvalidSpec"


def test_no_metadata_at_all() -> None:
    """Without an observed VCluster there is nothing to compose."""
    with pytest.raises(InvalidError, match=r"^metadata: is missing"):
        validate.vcluster({})


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        pytest.param(None, 0, id="none"),
        pytest.param({}, 0, id="others"),
        pytest.param({"caas.telekom.de/retry": "2"}, 2, id="two"),
        pytest.param({"caas.telekom.de/retry": "9999"}, 9999, id="most"),
    ],
)
def test_retries(annotations: Any, expected: int) -> None:
    """The annotation asks for further attempts."""
    metadata = {"name": "kunde1", "uid": "1", "annotations": annotations}
    assert validate.vcluster({"metadata": metadata}).retries == expected


def test_a_vcluster_of_four_lines() -> None:
    """Nothing but a name is required; a spec may even be left out."""
    found = validate.vcluster({"metadata": {"name": "kunde1", "uid": "1-2-3"}})
    assert (found.name, found.uid, found.retries) == ("kunde1", "1-2-3", 0)
    assert found.conditions == {}
    assert found.spec == validate.vcluster(composite({})).spec


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(None, {}, id="no-status"),
        pytest.param({}, {}, id="no-conditions"),
        pytest.param({"conditions": MARKER}, {}, id="conditions-are-text"),
        pytest.param({"conditions": [MARKER]}, {}, id="a-condition-is-text"),
        pytest.param(
            {
                "conditions": [
                    {"type": "Ready", "status": "True", "reason": "Available", "message": "x"},
                    {"type": "Accepted", "status": "False", "reason": "ChangeRefused"},
                ]
            },
            {"Ready": ("True", "Available"), "Accepted": ("False", "ChangeRefused")},
            id="two",
        ),
    ],
)
def test_conditions(status: Any, expected: dict[str, tuple[str, str]]) -> None:
    """What the VCluster bears now is known, so that only a change makes an event."""
    assert validate.vcluster({**composite({}), "status": status}).conditions == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param(10, "10", id="whole-number"),
        pytest.param("10", "10", id="text"),
        pytest.param("500m", "500m", id="milli"),
        pytest.param("1.5", "1.5", id="fraction-as-text"),
    ],
)
def test_cpu(asked: object, expected: str) -> None:
    """`cpu: 10` is what people write; inside it is text like every quantity."""
    assert validate.vcluster(composite({"quota": {"cpu": asked}})).spec.quota.cpu == expected


@pytest.mark.parametrize(
    "cidr", ["10.0.0.0/8", "169.253.0.0/16", "192.0.2.7/32", "2001:db8::/32", "2001:db8::1/128"]
)
def test_egress(cidr: str) -> None:
    """All other networks may be asked for."""
    found = validate.vcluster(composite({"isolation": {"egress": [cidr]}}))
    assert found.spec.isolation.egress == [cidr]


@pytest.mark.parametrize(
    "crossplane",
    [
        pytest.param({}, id="empty"),
        pytest.param({"compositionRef": {"name": MARKER}}, id="what-crossplane-writes"),
        pytest.param({"anything": [1, None, {"a": MARKER}]}, id="anything"),
    ],
)
def test_crossplane_is_ignored(crossplane: dict[str, Any]) -> None:
    """`spec.crossplane` belongs to Crossplane."""
    found = validate.vcluster(composite({"crossplane": crossplane, "plan": "small"}))
    assert found.spec.plan == "small"


LONG = "a" * 600


@pytest.mark.parametrize(
    ("path", "prefix", "least", "most"),
    [
        pytest.param("defaultPlan", "", 0, 63, id="key"),
        pytest.param("pullSecret", "", 0, 253, id="object-name"),
        pytest.param("hostNamespace.labels.a", "", 0, 63, id="label"),
        pytest.param("charts.repository", "https://", 0, 500, id="repository"),
        pytest.param("charts.version", "0.1.0-", 0, 63, id="chart-version"),
        pytest.param("image", f"{'a' * 400}:", 0, 500, id="image"),
        pytest.param("hostNamespace.operators[0].name", "", 1, 253, id="operator"),
        pytest.param("rancher.url", "https://", 0, 500, id="url"),
        pytest.param("rancher.tokenSecret.key", "", 0, 253, id="key-of-a-secret"),
        pytest.param("rancher.clusterNamePattern", "", 0, 200, id="pattern"),
        pytest.param("rancher.owners[0].user", "", 1, 253, id="user"),
        pytest.param("tenant.values[0]", "", 0, 200, id="path-of-values"),
    ],
)
def test_length_of_the_inputs_texts(path: str, prefix: str, least: int, most: int) -> None:
    """Text is bounded, as Kubernetes bounds it."""

    def changes(length: int) -> dict[str, Any]:
        text = prefix + LONG[: length - len(prefix)]
        plans = {"plans": {"small": {}, LONG[:63]: {}}, "rancher": RANCHER}
        if "[0]" not in path:
            return {**plans, path: text}
        to_list, _, field = path.partition("[0]")
        kind = {"kind": "User"} if "operators" in path else {}
        return {**plans, to_list: [{**kind, field[1:]: text}] if field else [text]}

    config(changes(most))
    error = refusal_of_input(changes(most + 1))
    assert str(error) == f"input.{path}: must have at most {most} characters. Correct it."
    if least:
        error = refusal_of_input(changes(0))
        assert str(error) == f"input.{path}: must have at least 1 character. Correct it."


@pytest.mark.parametrize(
    ("path", "longest"),
    [
        pytest.param("quota.cpu", "1" * 20, id="quantity"),
        pytest.param("storage.size", "1" * 20, id="size"),
        pytest.param("storage.storageClassName", LONG[:253], id="storage-class"),
        pytest.param("plan", LONG[:63], id="plan"),
        pytest.param("rancher.clusterName", LONG[:63], id="cluster-name"),
    ],
)
def test_length_of_a_specs_texts(path: str, longest: str) -> None:
    """Text is bounded, as Kubernetes bounds it."""
    validate.vcluster(composite(changed({}, {path: longest})))
    error = refusal_of_spec(changed({}, {path: longest + longest[0]}))
    assert str(error) == f"spec.{path}: must have at most {len(longest)} characters. Correct it."


@pytest.mark.parametrize(
    ("entry", "field", "most"),
    [
        pytest.param({"role": "a"}, "user", 253, id="user"),
        pytest.param({"user": "a"}, "role", 63, id="role"),
        pytest.param({}, "group", 253, id="group"),
    ],
)
def test_length_of_an_owners_texts(entry: dict[str, str], field: str, most: int) -> None:
    """Text is bounded, as Kubernetes bounds it."""

    def owner(length: int) -> dict[str, Any]:
        prefix = "a://" if field == "group" else ""
        return {"rancher": {"owners": [{**entry, field: (prefix + LONG)[:length]}]}}

    validate.vcluster(composite(owner(most)))
    for length, rule in (
        (most + 1, f"must have at most {most} characters"),
        (0, "must be a principal" if field == "group" else "must have at least 1 character"),
    ):
        error = refusal_of_spec(owner(length))
        assert str(error).startswith(f"spec.rancher.owners[0].{field}: {rule}")


def test_length_of_a_readers_name() -> None:
    """Text is bounded, as Kubernetes bounds it."""

    def reader(length: int) -> dict[str, Any]:
        return {"kubeconfigReaders": [{"kind": "User", "name": LONG[:length]}]}

    validate.vcluster(composite(reader(253)))
    for length, rule in ((254, "at most 253 characters"), (0, "at least 1 character")):
        assert str(refusal_of_spec(reader(length))) == (
            f"spec.kubeconfigReaders[0].name: must have {rule}. Correct it."
        )


@pytest.mark.parametrize(
    ("field", "most"), [("pods", 100_000), ("services", 100_000), ("loadBalancers", 1000)]
)
def test_bounds_of_the_quota(field: str, most: int) -> None:
    """Numbers are bounded on both sides."""
    for number in (0, most):
        validate.vcluster(composite({"quota": {field: number}}))
    assert str(refusal_of_spec({"quota": {field: -1}})) == (
        f"spec.quota.{field}: must be greater than or equal to 0. Correct it."
    )
    assert str(refusal_of_spec({"quota": {field: most + 1}})) == (
        f"spec.quota.{field}: must be less than or equal to {most}. Correct it."
    )


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        pytest.param("isolation.egress", "192.0.2.0/24", id="egress"),
        pytest.param("kubeconfigReaders", {"kind": "User", "name": "a"}, id="readers"),
        pytest.param("rancher.owners", {"user": "u-1"}, id="owners"),
    ],
)
def test_lists_of_a_spec(path: str, entry: object) -> None:
    """No list grows without end."""
    validate.vcluster(composite(changed({}, {path: [entry] * 50})))
    error = refusal_of_spec(changed({}, {path: [entry] * 51}))
    assert str(error) == f"spec.{path}: {too_many(50)}"


@pytest.mark.parametrize(
    ("path", "entry", "most"),
    [
        pytest.param("vcluster.kubernetes.versions", "1.35.0", 50, id="versions"),
        pytest.param("hosts.local.cidrs", "10.0.0.0/8", 50, id="cidrs"),
        pytest.param("hostNamespace.reserved", "a", 500, id="reserved"),
        pytest.param("hostNamespace.operators", {"kind": "User", "name": "a"}, 50, id="operators"),
        pytest.param("expose.ingressFrom", {}, 20, id="ingress-from"),
        pytest.param("expose.gateway.parentRefs", {"name": "public"}, 32, id="gateways"),
        pytest.param("rancher.owners", {"user": "u-1"}, 50, id="owners"),
        pytest.param("rancher.ownerRoles", "cluster-owner", 50, id="roles"),
        pytest.param("rancher.egress", "192.0.2.0/24", 50, id="egress-to-rancher"),
        pytest.param("tenant.egress", "192.0.2.0/24", 50, id="egress"),
        pytest.param("tenant.storage.storageClassNames", "fast", 50, id="storage-classes"),
        pytest.param("tenant.values", "logging", 100, id="paths-of-values"),
    ],
)
def test_lists_of_the_input(path: str, entry: object, most: int) -> None:
    """No list grows without end."""
    rancher = {"rancher": RANCHER}
    config({**rancher, path: [entry] * most})
    error = refusal_of_input({**rancher, path: [entry] * (most + 1)})
    assert str(error) == f"input.{path}: {too_many(most)}"


def test_fifty_chart_versions() -> None:
    """A path of upgrades is long enough for years."""
    versions = [f"0.36.{patch}" for patch in range(51)]
    config({"vcluster.chart.versions": versions[:50]})
    error = refusal_of_input({"vcluster.chart.versions": versions})
    assert str(error) == f"input.vcluster.chart.versions: {too_many(50)}"


def test_a_spec_stays_as_it_was_sent() -> None:
    """Nobody who passes a spec on can change it."""
    found = validate.vcluster(composite({"plan": "small"})).spec
    with pytest.raises(ValidationError, match="frozen"):
        found.plan = "large"  # type: ignore[misc]  # that is the point


def test_no_value_in_the_traceback() -> None:
    """Not even a printed traceback shows what somebody wrote."""
    error = refusal_of_spec({"quota": {"cpu": MARKER}})
    assert MARKER not in "".join(traceback.format_exception(error))


FIELDS = [
    "plan",
    "kubernetesVersion",
    "availability",
    "storage.size",
    "storage.onDelete",
    "expose.type",
    "expose.hostname",
    "quota.cpu",
    "quota.pods",
    "isolation.podSecurity",
    "isolation.egress",
    "sync.ingresses",
    "nodePool",
    "kubeconfigReaders",
    "rancher.owners",
    "rancher.clusterName",
    "deletionProtection",
    "sleep.awakeUntil",
    "expire.at",
    "values",
]
BAD = st.sampled_from(
    [MARKER, [MARKER], [[MARKER]], {MARKER: 1}, [{"user": [MARKER]}], {"x": MARKER}, 1.5, None]
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), BAD, min_size=1, max_size=4))
def test_nothing_that_was_written_is_repeated(changes: dict[str, Any]) -> None:
    """Whatever is wrong where, the value is not in the message, and every problem is complete."""
    try:
        validate.vcluster(composite(changed({}, changes)))
    except InvalidError as error:
        for problem in error.problems:
            assert MARKER not in problem.rule + problem.remedy
            assert re.match(r"spec(\.|$)", problem.field)
            assert problem.rule
            assert problem.remedy.endswith(".")


def test_defaults_said_explicitly() -> None:
    """Whoever writes a default, as the API server does, gets what an empty spec gets."""
    found = validate.vcluster(
        composite(
            {
                "availability": "Single",
                "storage": {"onDelete": "Delete", "restoreFrom": ""},
                "expose": {"type": "ClusterIP", "hostname": ""},
                "isolation": {"networkPolicy": True, "egress": []},
                "sync": {"ingresses": False, "networkPolicies": False},
                "deletionProtection": False,
            }
        )
    )
    assert found.spec == validate.vcluster(composite({})).spec
    assert found.spec.storage.onDelete == "Delete"
    assert found.spec.storage.restoreFrom == ""
    assert found.spec.expose.type == "ClusterIP"
    assert found.spec.expose.hostname == ""


def test_defaults_of_the_input_said_explicitly() -> None:
    """The same holds for the platform's limits."""
    found = config({"tenant.networkPolicy": "Enforced", "tenant.exposeTypes": ["ClusterIP"]})
    assert found.tenant == config().tenant


@pytest.mark.parametrize(
    "registries",
    [
        {},
        {"ghcr.io": "mirror.example.org"},
        {"ghcr.io": "mirror.example.org:5000/a/b-c__d.e", "docker.io": "localhost:5000"},
        {"localhost": "localhost", "mirror:5000": "[fd00::1]:5000/a", "docker.io": "docker.io"},
    ],
)
def test_registries(registries: dict[str, str]) -> None:
    """A mirror is a host with or without port and path."""
    assert config({"registries": registries}).registries == registries


def test_one_registry_for_all_needs_no_mirrors() -> None:
    """The chart's own setting stays available where no mirror is named."""
    one = {"vcluster.values.controlPlane.advanced.defaultImageRegistry": "mirror.example.org"}
    assert config(one).registries == {}


def test_a_pre_release_is_ordered_as_its_release() -> None:
    """A release candidate may be a hop before its release."""
    found = config({"vcluster.chart.versions": ["0.35.3", "0.36.0-rc.1", "0.36.0"]})
    assert found.vcluster.chart.versions[-1] == "0.36.0"


def test_the_least_input_is_accepted() -> None:
    """What the tests build upon is valid, with the defaults that the reference promises."""
    found = validate.platform_input(INPUT)
    assert found.platformNamespace == "vcluster-system"
    assert found.vcluster.chart.repository == "https://charts.loft.sh"
    assert found.vcluster.chart.name == "vcluster"
    assert {name: host.providerConfig for name, host in found.hosts.items()} == {"local": "default"}
    assert found.tenant.networkPolicy == "Enforced"
    assert found.tenant.podSecurity == ["baseline", "restricted"]
    assert found.tenant.exposeTypes == ["ClusterIP"]
    assert found.tenant.sync == ["storageClasses"]
    assert found.tenant.egress == []
    assert found.tenant.values == []
    assert found.rancher is None


def test_inputs_are_parsed_once() -> None:
    """The same bytes give the same checked Input; others, and more than are kept, are parsed."""
    first = validate.platform_input(Document(INPUT, b"one"))
    assert validate.platform_input(Document(INPUT, b"one")) is first
    assert validate.platform_input(INPUT) is not first
    for number in range(validate.MOST_INPUTS):
        validate.platform_input(Document(INPUT, b"%d" % number))
    again = validate.platform_input(Document(INPUT, b"one"))
    assert again == first
    assert again is not first


def test_a_bad_input_is_not_kept() -> None:
    """It is refused in every call."""
    for _ in range(2):
        with pytest.raises(InvalidError):
            validate.platform_input(Document({**INPUT, "colour": MARKER}, b"bad"))
