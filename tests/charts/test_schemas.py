"""The values schemas take what the function emits and refuse everything else."""

import json
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

CHARTS = (
    "vcluster-access",
    "vcluster-backup",
    "vcluster-clock",
    "vcluster-namespace",
    "vcluster-rancher",
    "vcluster-rancher-watch",
)
AGE = "age1ek2p5nzrq3n0d2659thvfyw86xgmhw5m6wvavkpqwudx4lfm7eaq75ptus"
"""A public key."""

BINDING = {"kind": "Group", "name": "corp:a", "clusterRole": "view"}
ISSUER = {"name": "corp", "url": "https://login.example.org", "clientId": "kunde1"}
REQUIRED: Mapping[str, dict[str, Any]] = {
    "vcluster-access": {
        "inputs": "0123456789abcdef",
        "owner": {"name": "kunde1", "uid": "227fb97b-6cf6-4f79-9ae9-ffb14550d34d"},
        "vcluster": {
            "namespace": "kunde1",
            "release": "kunde1-vcluster",
            "kubeconfigSecret": {"name": "vc-kunde1-vcluster"},
        },
        "stateConfigMap": "kunde1-access",
        "kubeconfig": {"secret": "kunde1-vcluster-login", "context": "kunde1"},
        "image": "ghcr.io/example/function-vcluster:0.1.0",
    },
    "vcluster-backup": {
        "inputs": "0123456789abcdef",
        "owner": {"name": "kunde1", "uid": "227fb97b-6cf6-4f79-9ae9-ffb14550d34d"},
        "vcluster": {
            "namespace": "kunde1",
            "release": "kunde1-vcluster",
            "chart": "0.36.1",
            "kubernetes": "1.36.3",
            "availability": "Single",
        },
        "stateConfigMap": "kunde1-backup",
        "schedule": "0 2 * * *",
        "target": {
            "name": "nightly",
            "bucket": "vclusters",
            "endpoint": "https://s3.example.org",
            "prefix": "_/kunde1/227fb97b-6cf6-4f79-9ae9-ffb14550d34d",
            "credentialsSecret": "backup-s3",
        },
        "image": "ghcr.io/example/function-vcluster:0.1.0",
    },
    "vcluster-clock": {"image": "ghcr.io/example/function-vcluster:0.1.0"},
    "vcluster-namespace": {
        "name": "kunde1",
        "owner": {"name": "kunde1", "uid": "227fb97b-6cf6-4f79-9ae9-ffb14550d34d"},
        "release": "kunde1-vcluster",
        "kubeconfig": {"secret": "vc-kunde1-vcluster"},
    },
    "vcluster-rancher": {
        "inputs": "0123456789abcdef",
        "owner": {"name": "kunde1", "uid": "227fb97b-6cf6-4f79-9ae9-ffb14550d34d"},
        "vcluster": {
            "namespace": "kunde1",
            "release": "kunde1-vcluster",
            "kubeconfigSecret": {"name": "vc-kunde1-vcluster"},
        },
        "stateConfigMap": "kunde1-rancher",
        "rancher": {
            "url": "https://rancher.example.org",
            "clusterName": "kunde1",
            "tokenSecret": {"name": "rancher-api"},
        },
        "image": "ghcr.io/example/function-vcluster:0.1.0",
    },
    "vcluster-rancher-watch": {
        "image": "ghcr.io/example/function-vcluster:0.1.0",
        "rancher": {
            "url": "https://rancher.example.org",
            "tokenSecret": {"name": "rancher-api"},
        },
    },
}

PRINCIPAL = "keycloakoidc_group://kunde1-admins"


@pytest.fixture(scope="session")
def validators(charts: Path) -> Mapping[str, Draft7Validator]:
    """Return a validator for each chart's values."""
    return {
        chart: Draft7Validator(json.loads((charts / chart / "values.schema.json").read_text()))
        for chart in CHARTS
    }


@pytest.fixture
def defaults(charts: Path) -> Mapping[str, dict[str, Any]]:
    """Return each chart's values.yaml, completed with what it requires."""
    return {
        chart: _merged(
            yaml.safe_load((charts / chart / "values.yaml").read_text()), REQUIRED[chart]
        )
        for chart in CHARTS
    }


@pytest.mark.parametrize("chart", CHARTS)
def test_schema_is_one(validators: Mapping[str, Draft7Validator], chart: str) -> None:
    """The schema itself is a valid one of draft 7."""
    Draft7Validator.check_schema(validators[chart].schema)


@pytest.mark.parametrize("chart", CHARTS)
def test_everything_is_described_and_closed(
    validators: Mapping[str, Draft7Validator], chart: str
) -> None:
    """An operator reads what each value is for, and a misspelled one is refused everywhere."""
    objects = [s for s in _schemas(validators[chart].schema) if s.get("type") == "object"]

    assert not [s for s in objects if s.get("additionalProperties", True) is True]
    assert not [
        name
        for s in objects
        for name, schema in s.get("properties", {}).items()
        if not schema.get("description", "").endswith(".")
    ]


@pytest.mark.parametrize("chart", CHARTS)
def test_required_values_have_no_default(
    validators: Mapping[str, Draft7Validator], charts: Path, chart: str
) -> None:
    """A chart installed by hand asks for what only its user knows."""
    values = yaml.safe_load((charts / chart / "values.yaml").read_text())

    assert not validators[chart].is_valid(values)


@pytest.mark.parametrize("chart", CHARTS)
def test_defaults_are_good(
    validators: Mapping[str, Draft7Validator],
    defaults: Mapping[str, dict[str, Any]],
    chart: str,
) -> None:
    """values.yaml and what it asks for make good values."""
    assert not _errors(validators[chart], defaults[chart])


@pytest.mark.parametrize("chart", CHARTS)
def test_every_feature_is_good(
    validators: Mapping[str, Draft7Validator],
    case: Callable[[str, str], dict[str, Any]],
    chart: str,
) -> None:
    """Values that use everything are good without any default."""
    assert not _errors(validators[chart], case(chart, "everything"))


@pytest.mark.parametrize(
    ("chart", "path", "value"),
    [
        pytest.param(chart, path, value, id=f"{chart.removeprefix('vcluster-')} {path} {value}")
        for chart, path, value in [
            ("vcluster-namespace", "rancherProject", "local:p-xyz"),
            ("vcluster-namespace", "quota", {"requests.nvidia.com/gpu": "2", "cpu": "1.5"}),
            ("vcluster-namespace", "quota", {"count/deployments.apps": "100"}),
            ("vcluster-namespace", "labels", {"example.org/a_b.c": ""}),
            ("vcluster-namespace", "networkPolicy.hostCidrs", ["2001:db8::/32", "::1/128"]),
            ("vcluster-namespace", "networkPolicy.egress", ["10.0.0.0/8", "169.1.0.0/16"]),
            ("vcluster-namespace", "networkPolicy.egress", ["198.51.100.1/32", "fd12:3::/32"]),
            ("vcluster-namespace", "networkPolicy.ingressFrom", [{"namespaceSelector": {}}]),
            (
                "vcluster-namespace",
                "networkPolicy.ingressFrom",
                [{"ipBlock": {"cidr": "0.0.0.0/0"}}],
            ),
            ("vcluster-access", "kubeconfig.server", "https://[2001:db8::1]:8443"),
            ("vcluster-access", "power", "Sleeping"),
            ("vcluster-access", "rotate", 3),
            ("vcluster-access", "bindings", [{**BINDING, "namespace": "shop"}]),
            ("vcluster-access", "bindings", [{**BINDING, "clusterRole": "system:aggregate-to-x"}]),
            ("vcluster-namespace", "networkPolicy.issuers", [{"port": 8443}]),
            ("vcluster-namespace", "authentication.config", "kind: AuthenticationConfiguration"),
            ("vcluster-backup", "schedule", "*/5 0-23/2 1,15 JAN-DEC MON-FRI"),
            ("vcluster-backup", "timeZone", "America/Argentina/Buenos_Aires"),
            ("vcluster-backup", "timeZone", "Etc/GMT+5"),
            ("vcluster-backup", "target.endpoint", "https://[2001:db8::1]:9000"),
            ("vcluster-backup", "target.prefix", "prod/kunde1-0123456789abcdef/kunde1/1-2"),
            ("vcluster-backup", "target.caSecret", {"name": "backup-s3-ca", "key": "ca.crt"}),
            ("vcluster-backup", "target.encryption", {"algorithm": "None", "kmsKeyId": ""}),
            ("vcluster-backup", "target.age", {"recipients": [AGE], "identitySecret": {}}),
            ("vcluster-backup", "restore", {"prefix": "_/kunde1/1-2", "snapshot": "latest"}),
            (
                "vcluster-backup",
                "restore",
                {"prefix": "_/kunde1/1-2", "snapshot": "20260131T020007Z", "inPlace": True},
            ),
            ("vcluster-backup", "vcluster.chart", "0.37.0-rc.1"),
            ("vcluster-backup", "power", "Restoring"),
            ("vcluster-backup", "power", "RollingBack"),
            ("vcluster-namespace", "networkPolicy.backupPort", 65535),
            ("vcluster-rancher", "rancher.caSecret", {"name": "rancher-api", "key": "ca.crt"}),
            (
                "vcluster-rancher",
                "rancher.owners",
                [
                    {"user": "u-abcde", "role": "cluster-owner"},
                    {"userPrincipal": "keycloakoidc_user://3f2a", "role": "rt-x7k2p"},
                    {"group": "openldap_group://cn=a b,dc=example", "role": "cluster-member"},
                ],
            ),
            ("vcluster-rancher", "rancher.url", "https://rancher.example.org:8443/"),
            ("vcluster-rancher", "rancher.url", "https://[2001:db8::1]"),
            ("vcluster-rancher", "rancher.timeout", "1h0m0s"),
            ("vcluster-rancher", "image", "localhost:5000/a/b_c@sha256:" + "0" * 64),
            ("vcluster-rancher", "image", "ghcr.io/a/b:0.1.0@sha256:" + "0" * 64),
            ("vcluster-rancher", "imagePullSecrets", ["registry"]),
            ("vcluster-rancher", "stateConfigMap", "a" * 52),
            ("vcluster-rancher", "rancher.caChecksum", "0123456789abcdef" * 4),
            ("vcluster-rancher", "rancher.onRebuild", "Recreate"),
            ("vcluster-rancher", "rancher.onRebuild", "Redeploy"),
            ("vcluster-rancher", "rancher.onRebuild", "Fail"),
            ("vcluster-rancher-watch", "rancher.caSecret", {"name": "rancher-api", "key": "ca"}),
            ("vcluster-rancher-watch", "rancher.caChecksum", "0123456789abcdef" * 4),
            ("vcluster-rancher-watch", "rancher.egress", ["198.51.100.10/32", "2001:db8::/64"]),
            ("vcluster-rancher-watch", "period", "1m30s"),
            ("vcluster-rancher-watch", "tokenExpiryDays", 365),
            ("vcluster-rancher-watch", "resources.limits", {"memory": "1Gi"}),
        ]
    ],
)
def test_good_values(
    validators: Mapping[str, Draft7Validator],
    defaults: Mapping[str, dict[str, Any]],
    chart: str,
    path: str,
    value: object,
) -> None:
    """What a platform may well set is taken."""
    assert not _errors(validators[chart], _changed(defaults[chart], path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(path, value, id=reason)
        for reason, path, value in [
            ("unknown key", "nmae", "kunde1"),
            ("unknown nested key", "networkPolicy.hostCIDRs", []),
            ("no name", "name", ""),
            ("name in capitals", "name", "Kunde1"),
            ("name too long", "name", "a" * 64),
            ("no UID", "owner.uid", ""),
            ("release too long for etcd's StatefulSet", "release", "a" * 48),
            ("release begins with a digit", "release", "1-vcluster"),
            ("label of a number", "labels", {"cost-center": 4711}),
            ("label that is none", "labels", {"contact": "a@example.org"}),
            ("label key that is none", "labels", {"-a": "b"}),
            ("annotation of a map", "annotations", {"a": {}}),
            ("level that the control plane cannot run under", "podSecurity", "restricted"),
            ("level that protects nothing", "podSecurity", "privileged"),
            ("project without cluster", "rancherProject", "p-xyz"),
            ("quota of a number", "quota", {"pods": 50}),
            ("quota in a number's notation", "quota", {"pods": "2e+06"}),
            ("quota without a number", "quota", {"cpu": "lots"}),
            ("negative quota", "quota", {"pods": "-1"}),
            ("limits of a resource of nodes", "limitRange.default", {"pods": "1"}),
            ("a maximum of a number", "limitRange.max", {"memory": 1}),
            ("limit of a number", "limitRange.default.cpu", 1),
            ("switch of a string", "highAvailability", "true"),
            ("annotations with a gap", "synced.deniedAnnotations", "a.example.org/*,,b"),
            ("an asterisk in between", "synced.deniedAnnotations", "a*b"),
            ("annotations as a list", "synced.deniedAnnotations", ["a"]),
            ("a label without a value", "synced.nodeLabels", "pool"),
            ("a class with a space", "synced.storageClassNames", "fast, slow"),
            ("address without length", "networkPolicy.hostCidrs", ["10.0.0.0"]),
            ("address with a bad part", "networkPolicy.hostCidrs", ["10.0.0.256/8"]),
            ("length beyond 32", "networkPolicy.hostCidrs", ["10.0.0.0/33"]),
            ("length beyond 128", "networkPolicy.hostCidrs", ["2001:db8::/129"]),
            ("host that is everything", "networkPolicy.hostCidrs", ["0.0.0.0/0"]),
            ("name as a range", "networkPolicy.egress", ["rancher.example.org"]),
            ("IPv4 in IPv6", "networkPolicy.egress", ["::ffff:169.254.169.254/128"]),
            ("DNS nowhere", "networkPolicy.dns", {"cidrs": [], "namespaces": [], "ports": [53]}),
            ("DNS at all ports", "networkPolicy.dns.ports", []),
            ("no way to the API server", "networkPolicy.apiPorts", []),
            ("port beyond all", "networkPolicy.apiPorts", [65536]),
            ("port of backups beyond all", "networkPolicy.backupPort", 65536),
            ("all ports of an issuer", "networkPolicy.issuers", [{"cidrs": ["198.51.100.1/32"]}]),
            ("name of an issuer", "networkPolicy.issuers", [{"cidrs": ["a.example"], "port": 443}]),
            ("authentication as a map", "authentication.config", {"jwt": []}),
            ("metrics nowhere", "networkPolicy.metrics", {"ports": [10250]}),
            (
                "pods everywhere",
                "networkPolicy.egressTo",
                [{"namespaceSelector": {}, "ports": [{"port": 1, "protocol": "TCP"}]}],
            ),
            (
                "pods of every label",
                "networkPolicy.egressTo",
                [
                    {
                        "namespaceSelector": {"matchLabels": {}},
                        "ports": [{"port": 1, "protocol": "TCP"}],
                    }
                ],
            ),
            (
                "all ports of pods",
                "networkPolicy.egressTo",
                [{"namespaceSelector": {"matchLabels": {"a": "b"}}, "ports": []}],
            ),
            ("peer that is everybody", "networkPolicy.ingressFrom", [{}]),
            (
                "range and pods in one peer",
                "networkPolicy.ingressFrom",
                [{"ipBlock": {"cidr": "192.0.2.0/24"}, "podSelector": {}}],
            ),
            (
                "ServiceAccount as reader",
                "kubeconfig.readers",
                [{"kind": "ServiceAccount", "name": "a"}],
            ),
            (
                "everybody as reader",
                "kubeconfig.readers",
                [{"kind": "Group", "name": "system:authenticated"}],
            ),
            ("nobody as reader", "kubeconfig.readers", [{"kind": "User", "name": ""}]),
            ("ServiceAccount nowhere", "operators", [{"kind": "ServiceAccount", "name": "a"}]),
            ("user somewhere", "operators", [{"kind": "User", "name": "a", "namespace": "b"}]),
            ("pull secret as an object", "pullSecret", {"name": "registry"}),
            ("unknown way to go", "onDelete", "Keep"),
            ("nothing that stops the pods", "onDelete", "Retain"),
            ("uid as a label", "restoreFrom", "uid=1"),
            ("image without tag", "image", "ghcr.io/example/function-vcluster"),
        ]
    ],
)
def test_bad_values_of_the_namespace(
    validators: Mapping[str, Draft7Validator],
    defaults: Mapping[str, dict[str, Any]],
    path: str,
    value: object,
) -> None:
    """What cannot work, or opens what must stay shut, is refused before anything is changed."""
    assert _errors(
        validators["vcluster-namespace"], _changed(defaults["vcluster-namespace"], path, value)
    )


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(path, value, id=reason)
        for reason, path, value in [
            ("unknown key", "target.secretAccessKey", "abc"),
            ("hash in capitals", "inputs", "0123456789ABCDEF"),
            ("a schedule of six fields", "schedule", "0 0 2 * * *"),
            ("a schedule by a name", "schedule", "@daily"),
            ("a schedule with a time zone", "schedule", "TZ=Europe/Berlin 0 2 * * *"),
            ("a time zone with a space", "timeZone", "Europe/ Berlin"),
            ("no archive kept", "retention.count", 0),
            ("retention of a text", "retention.days", "30"),
            ("unknown way to go", "onDelete", "Keep"),
            ("unknown way to fail", "onFailure", "Ignore"),
            ("unknown power", "power", "Off"),
            ("two units", "timeout", "1h30m"),
            ("no time", "deleteTimeout", "0m"),
            ("no encryption", "target.endpoint", "http://s3.example.org"),
            ("password in the address", "target.endpoint", "https://a:b@s3.example.org"),
            ("a path in the address", "target.endpoint", "https://s3.example.org/bucket"),
            ("bucket in capitals", "target.bucket", "VClusters"),
            ("the whole bucket", "target.prefix", ""),
            ("a folder above", "target.prefix", "_/../kunde2/1-2"),
            ("a folder from the root", "target.prefix", "/_/kunde1"),
            ("an open folder", "target.prefix", "_/kunde1/"),
            ("certificates without key", "target.caSecret", {"name": "backup-s3-ca"}),
            ("unknown encryption", "target.encryption.algorithm", "aes256"),
            ("an identity alone", "target.age", {"identitySecret": {}}),
            ("no recipient", "target.age", {"recipients": [], "identitySecret": {}}),
            ("no public key", "target.age", {"recipients": ["age1x"], "identitySecret": {}}),
            ("another's folder", "restore", {"prefix": "../kunde2", "snapshot": "latest"}),
            ("in place without a source", "restore", {"inPlace": True}),
            ("a rollback without its identity", "rollback", {"snapshot": "20260131T020007Z"}),
            (
                "a rollback to what comes last",
                "rollback",
                {"snapshot": "latest", "loseNewer": True, "request": "7", "done": False},
            ),
            ("a snapshot's path", "restore", {"prefix": "a", "snapshot": "../b"}),
            ("a restore of nothing", "restore", {"prefix": "a"}),
            ("name too long for a CronJob", "stateConfigMap", "a" * 53),
            ("image without tag", "image", "ghcr.io/example/function-vcluster"),
        ]
    ],
)
def test_bad_values_of_the_backup(
    validators: Mapping[str, Draft7Validator],
    defaults: Mapping[str, dict[str, Any]],
    path: str,
    value: object,
) -> None:
    """What no CronJob takes, or leads to another's archives, does not get into a release."""
    chart = "vcluster-backup"
    assert _errors(validators[chart], _changed(defaults[chart], path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(path, value, id=reason)
        for reason, path, value in [
            ("token as a value", "kubeconfig.token", "abc"),
            ("hash too short", "inputs", "0123456789abcde"),
            ("administrators of all", "bindings", [{**BINDING, "name": "system:masters"}]),
            ("everybody", "bindings", [{**BINDING, "name": "system:authenticated"}]),
            ("an account", "bindings", [{**BINDING, "kind": "ServiceAccount"}]),
            ("no subject", "bindings", [{**BINDING, "name": ""}]),
            ("a role's path", "bindings", [{**BINDING, "clusterRole": "a/b"}]),
            ("a binding of nothing", "bindings", [{"kind": "User", "name": "corp:a"}]),
            ("the same twice", "bindings", [BINDING, BINDING]),
            ("too many", "bindings", [{**BINDING, "name": f"c:{n}"} for n in range(257)]),
            ("no encryption", "kubeconfig.server", "http://kunde1.example.org"),
            ("a path", "kubeconfig.server", "https://kunde1.example.org/x"),
            ("issuer without TLS", "kubeconfig.issuers", [{**ISSUER, "url": "http://a.example"}]),
            ("query", "kubeconfig.issuers", [{**ISSUER, "url": "https://a.example/?a=b"}]),
            ("client's secret", "kubeconfig.issuers", [{**ISSUER, "clientSecret": "abc"}]),
            ("client with a space", "kubeconfig.issuers", [{**ISSUER, "clientId": "a b"}]),
            ("no certificate", "kubeconfig.issuers", [{**ISSUER, "certificateAuthority": "abc"}]),
            ("rotation back", "rotate", -1),
            ("unknown power", "power", "Restoring"),
            ("time without unit", "timeout", "10"),
            ("name too long for a CronJob", "stateConfigMap", "a" * 53),
            ("image without tag", "image", "ghcr.io/example/function-vcluster"),
        ]
    ],
)
def test_bad_values_of_the_access(
    validators: Mapping[str, Draft7Validator],
    defaults: Mapping[str, dict[str, Any]],
    path: str,
    value: object,
) -> None:
    """No right of Kubernetes' own subjects and no secret gets into a release."""
    chart = "vcluster-access"
    assert _errors(validators[chart], _changed(defaults[chart], path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(path, value, id=reason)
        for reason, path, value in [
            ("unknown key", "token", "abc"),
            ("token as a value", "rancher.token", "token-abcde:secret"),
            ("hash too short", "inputs", "0123456789abcde"),
            ("hash in capitals", "inputs", "0123456789ABCDEF"),
            ("no encryption", "rancher.url", "http://rancher.example.org"),
            ("password in the address", "rancher.url", "https://admin:secret@rancher.example.org"),
            ("query in the address", "rancher.url", "https://rancher.example.org/?token=secret"),
            ("no host", "rancher.url", "https://"),
            ("Rancher's own cluster", "rancher.clusterName", "local"),
            ("name like a generated one", "rancher.clusterName", "c-abcde"),
            ("name of one letter", "rancher.clusterName", "a"),
            ("name too long", "rancher.clusterName", "a" * 64),
            ("certificates without key", "rancher.caSecret", {"name": "rancher-api"}),
            ("certificates without Secret", "rancher.caSecret", {"key": "ca.crt"}),
            ("token Secret without key", "rancher.tokenSecret", {"name": "rancher-api"}),
            ("owner that is nobody", "rancher.owners", [{"role": "cluster-owner"}]),
            ("owner without role", "rancher.owners", [{"group": PRINCIPAL}]),
            (
                "owner that is two",
                "rancher.owners",
                [{"user": "u-abcde", "group": PRINCIPAL, "role": "cluster-owner"}],
            ),
            ("time without unit", "rancher.timeout", "15"),
            ("no time", "rancher.timeout", "0m"),
            ("image without tag", "image", "ghcr.io/example/function-vcluster"),
            ("image with a space", "image", "ghcr.io/example/function vcluster:1"),
            ("pull secret as an object", "imagePullSecrets", [{"name": "registry"}]),
            ("unknown way to go", "onDelete", "Keep"),
            ("former owner as a label", "formerOwnerUid", "uid=1"),
            ("name too long for a Job", "stateConfigMap", "a" * 53),
            ("name that no Job can have", "stateConfigMap", "kunde1.rancher"),
            ("proxy with a password", "rancher.proxy", {"https": "http://a:b@example.org"}),
            ("proxy of another kind", "rancher.proxy", {"https": "socks5://example.org"}),
            ("exceptions in one text", "rancher.proxy", {"noProxy": ["a, b"]}),
            ("checksum too short", "rancher.caChecksum", "0" * 63),
            ("checksum in capitals", "rancher.caChecksum", "A" * 64),
            ("checksum of another kind", "rancher.caChecksum", "sha256:" + "0" * 64),
            ("unknown way to rebuild", "rancher.onRebuild", "recreate"),
        ]
    ],
)
def test_bad_values_of_the_import(
    validators: Mapping[str, Draft7Validator],
    defaults: Mapping[str, dict[str, Any]],
    path: str,
    value: object,
) -> None:
    """What Rancher would refuse, or what carries a secret, does not get into a release."""
    assert _errors(
        validators["vcluster-rancher"], _changed(defaults["vcluster-rancher"], path, value)
    )


@pytest.mark.parametrize(
    ("path", "value"),
    [
        pytest.param(path, value, id=reason)
        for reason, path, value in [
            ("unknown key", "replicas", 2),
            ("token as a value", "rancher.token", "token-abcde:secret"),
            ("no encryption", "rancher.url", "http://rancher.example.org"),
            ("password in the address", "rancher.url", "https://admin:secret@rancher.example.org"),
            ("token Secret without key", "rancher.tokenSecret", {"name": "rancher-api"}),
            ("certificates without key", "rancher.caSecret", {"name": "rancher-api"}),
            ("checksum too short", "rancher.caChecksum", "0" * 63),
            ("name as a range", "rancher.egress", ["rancher.example.org"]),
            ("address without length", "rancher.egress", ["198.51.100.10"]),
            ("image without tag", "image", "ghcr.io/example/function-vcluster"),
            ("pull secret as an object", "imagePullSecrets", [{"name": "registry"}]),
            ("time without unit", "period", "30"),
            ("no time", "period", "0s"),
            ("part of a day", "tokenExpiryDays", 1.5),
            ("days of a string", "tokenExpiryDays", "14"),
            ("no days", "tokenExpiryDays", 0),
            ("limit of a number", "resources.limits.cpu", 1),
            ("unknown resource", "resources.limits", {"memroy": "1Gi"}),
        ]
    ],
)
def test_bad_values_of_the_watch(
    validators: Mapping[str, Draft7Validator],
    defaults: Mapping[str, dict[str, Any]],
    path: str,
    value: object,
) -> None:
    """What cannot work, or carries a secret, is refused when the watch is installed."""
    assert _errors(
        validators["vcluster-rancher-watch"],
        _changed(defaults["vcluster-rancher-watch"], path, value),
    )


@pytest.mark.parametrize("chart", ["vcluster-rancher", "vcluster-rancher-watch"])
def test_one_way_to_trust(
    validators: Mapping[str, Draft7Validator], defaults: Mapping[str, dict[str, Any]], chart: str
) -> None:
    """Certificates and a checksum of certificates exclude each other."""
    values = defaults[chart]
    values["rancher"]["caSecret"] = {"name": "rancher-api", "key": "ca.crt"}
    assert not _errors(validators[chart], values)
    values["rancher"]["caChecksum"] = "0" * 64
    assert _errors(validators[chart], values)


def _errors(validator: Draft7Validator, values: object) -> list[str]:
    return [error.message for error in validator.iter_errors(values)]


def _changed(values: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    changed = deepcopy(values)
    *parents, last = path.split(".")
    reduce(dict.__getitem__, parents, changed)[last] = value
    return changed


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    both = {key: _merged(below[key], above[key]) for key in below.keys() & above.keys()}
    return {**below, **above, **both}


def _schemas(schema: object) -> Iterator[dict[str, Any]]:
    if isinstance(schema, list):
        for item in schema:
            yield from _schemas(item)
    if isinstance(schema, dict):
        yield schema
        for item in schema.values():
            yield from _schemas(item)
