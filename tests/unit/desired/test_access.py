"""Login: the Release, what the user reads, and how it ends."""

import datetime as dt
import json
from dataclasses import replace
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta

from dev.scripts import life
from function import protobuf
from function.api.clock_mark import ANNOTATION
from function.commands.plan import simulate
from function.compose import compose
from function.k8s.fieldpath import mapping
from function.observed.state import ObservedRelease, Request
from function.response.response import Response
from jobs.bounded_api import Item
from jobs.clock import vclusters
from jobs.clock.marks import due_mark
from tests.support.factories import at

CA = """-----BEGIN CERTIFICATE-----
MIIBczCCARmgAwIBAgIUD4Ga5ZkGlFeJX+qSIpwC7KJ3ULkwCgYIKoZIzj0EAwIw
-----END CERTIFICATE-----
"""
CORP: dict[str, Any] = {"url": "https://login.example.org/realms/corp", "prefix": "corp:"}
PLATFORM: dict[str, Any] = {
    "access": {
        "issuers": {
            "corp": CORP,
            "partner": {"url": "https://sso.example.net:8443", "prefix": "partner:"},
        },
        "tenant": {"oidc": "Allowed"},
    }
}
"""The least of `access` in the Input, with a second issuer."""

VALUES = "spec.forProvider.values"
WARN_FROM = "2026-12-02T00:00:00Z"


def ready(state: str = "ready", example: str = "login", **access: Any) -> Request:
    """Return the request of an example in a state, with other fields in `spec.access`."""
    req = protobuf.decode(life.request(example, state))
    if not access:
        return req
    spec = mapping(req.composite["spec"])
    return with_spec(req, access={**mapping(spec.get("access")), **access})


def with_spec(req: Request, **fields: Any) -> Request:
    """Return a request with other fields in the spec; None leaves one out."""
    spec = {**mapping(req.composite["spec"]), **fields}
    own = {key: value for key, value in spec.items() if value is not None}
    return replace(req, composite={**req.composite, "spec": own})


def with_input(req: Request, access: Any) -> Request:
    """Return a request with another `access` of the Input; None leaves it out."""
    others = {key: value for key, value in (req.input or {}).items() if key != "access"}
    return replace(req, input=others if access is None else {**others, "access": access})


def reported(req: Request, **parts: object) -> Request:
    """Return a request with other parts in the report of the Job."""
    seen = req.observed.access
    assert seen is not None
    report = {**json.loads(seen.details["accessReport"]), **parts}
    return with_access(req, replace(seen, details={"accessReport": json.dumps(report)}))


def with_access(req: Request, release: ObservedRelease | None) -> Request:
    """Return a request with this Release of the login."""
    return replace(req, observed=replace(req.observed, access=release))


def marked(req: Request, *passed: str) -> Request:
    """Return a request with a mark of the clock: these times are past."""
    annotations = {ANNOTATION: json.dumps({"passed": [*passed]})}
    metadata = {**mapping(req.composite["metadata"]), "annotations": annotations}
    return replace(req, composite={**req.composite, "metadata": metadata})


def shown(answer: Response, kind: str = "Access") -> tuple[str, ...]:
    """Return status, reason and message of a condition; nothing if there is none."""
    found = next((each for each in answer.conditions if each.type == kind), None)
    return (found.status, found.reason, found.message) if found else ()


def values(answer: Response, key: str = "access") -> dict[str, Any]:
    """Return the values of a Release."""
    plain: dict[str, Any] = at(answer.resources[key].resource, VALUES)
    return plain


def readers(answer: Response) -> tuple[str, str]:
    """Return the Secret that readers may read, and the one in the status."""
    assert answer.status is not None
    kubeconfig = values(answer, "namespace")["kubeconfig"]["secret"]
    return kubeconfig, answer.status["kubeconfigSecretRef"]["name"]


def test_it_begins_with_a_control_plane() -> None:
    """The Job has nothing to do before there is an API server; then it begins at once."""
    assert "access" not in compose(ready("deploying")).resources
    assert "access" in compose(ready("up")).resources


def test_values() -> None:
    """The Job gets names with the prefix, and everything of a kubeconfig but a secret."""
    assert values(compose(ready())) == {
        "owner": {"name": "kunde7", "uid": "185774a3-8e47-593c-bd9c-e91a624071b9"},
        "inputs": "6b6b298409c991b7",
        "vcluster": {
            "namespace": "kunde7",
            "release": "kunde7-vcluster",
            "kubeconfigSecret": {"name": "vc-kunde7-vcluster", "key": "config"},
        },
        "stateConfigMap": "kunde7-access",
        "bindings": [
            {"kind": "Group", "name": "corp:kunde7-admins", "clusterRole": "cluster-admin"},
            {"kind": "Group", "name": "corp:kunde7-viewers", "clusterRole": "view"},
            {"kind": "User", "name": "corp:anna@example.org", "clusterRole": "view"},
            {
                "kind": "Group",
                "name": "corp:kunde7-shop",
                "clusterRole": "edit",
                "namespace": "shop",
            },
        ],
        "kubeconfig": {
            "secret": "kunde7-vcluster-login",
            "server": "https://kunde7-vcluster.kunde7.svc:443",
            "context": "kunde7",
            "issuers": [
                {
                    "name": "corp",
                    "url": "https://login.example.org/realms/corp",
                    "clientId": "vcluster-kunde7",
                    "scopes": ["email", "groups"],
                    "certificateAuthority": "",
                }
            ],
        },
        "rotate": 0,
        "power": "",
        "image": "ghcr.io/example/function-vcluster:0.1.0",
        "imagePullSecrets": [],
    }


def test_the_way_to_an_issuer() -> None:
    """The control plane reaches the issuers that the spec names, and no others."""
    assert values(compose(ready()), "namespace")["networkPolicy"]["issuers"] == [
        {"cidrs": ["192.0.2.20/32"], "port": 443}
    ]
    assert "issuers" not in values(compose(ready(oidc=[])), "namespace")["networkPolicy"]


def test_sleep_is_no_input() -> None:
    """The Job does not run while there is no API server, nor once more for that."""
    asleep = values(compose(with_spec(ready(), power="Sleeping")))
    assert asleep == {**values(compose(ready())), "power": "Sleeping"}


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        pytest.param({}, ("True", "Applied", ""), id="applied"),
        pytest.param(
            {"phase": "Failed", "reason": "MissingRight", "message": "No."},
            ("False", "MissingRight", "No."),
            id="failed",
        ),
        pytest.param(
            {"phase": "Failed", "reason": "no reason", "message": "Words."},
            ("False", "Failed", "Words."),
            id="failed-without-a-reason",
        ),
        pytest.param(
            {"phase": "Pending", "reason": "JobStarting"},
            ("Unknown", "Pending", "It is not in force yet."),
            id="pending",
        ),
        pytest.param(
            {"observedInputs": "0123456789abcdef"},
            ("Unknown", "Pending", "It is not in force yet."),
            id="of-another-spec",
        ),
        pytest.param(
            {"phase": "Failed", "observedInputs": "0123456789abcdef"},
            ("Unknown", "Pending", "It is not in force yet."),
            id="a-failure-of-another-spec",
        ),
        pytest.param(
            {"phase": "Rotating", "message": "The control plane restarts.", "observedInputs": ""},
            ("False", "Rotating", "The control plane restarts."),
            id="rotating",
        ),
    ],
)
def test_condition(report: dict[str, object], expected: tuple[str, str, str]) -> None:
    """True only with the rights of this spec in force; READY does not wait for it."""
    answer = compose(reported(ready(), **report))
    assert shown(answer) == expected
    assert answer.ready


@pytest.mark.parametrize("report", ["", "{", "[]", '{"phase": 7, "expiry": []}', "[" * 100_000])
def test_a_malformed_report_is_none(report: str) -> None:
    """What is no report says nothing, and fails nothing."""
    seen = ready().observed.access
    assert seen is not None
    answer = compose(with_access(ready(), replace(seen, details={"accessReport": report})))
    assert shown(answer) == ("Unknown", "Pending", "It is not in force yet.")
    assert answer.status is not None
    assert answer.status["access"] == {"issuers": ["corp"]}


def test_status() -> None:
    """The status has the issuers, and the ends of the certificates."""
    answer = compose(reported(ready(), rotated=2))
    assert answer.status is not None
    assert answer.status["access"] == {
        "issuers": ["corp"],
        "certificates": {
            "ca": "2036-01-01T00:00:00Z",
            "server": "2027-01-01T00:00:00Z",
            "client": "2027-01-01T00:00:00Z",
        },
        "rotated": 2,
        "warnFrom": WARN_FROM,
    }


@pytest.mark.parametrize("end", ["2027-02-29T00:00:00Z", "soon", 5, None])
def test_an_end_that_is_none(end: object) -> None:
    """A date that does not exist is left out, and warns of nothing."""
    answer = compose(reported(ready(), expiry={"ca": end}))
    assert answer.status is not None
    assert answer.status["access"] == {"issuers": ["corp"]}


def test_a_certificate_that_ends_soon() -> None:
    """The clock says that the time is past: the condition is False, with the first end."""
    answer = compose(marked(ready(), WARN_FROM))
    message = (
        "The certificate of the API server ends at 2027-01-01T00:00:00Z: docs/login.md says how it "
        "is made anew."
    )
    assert shown(answer) == ("False", "CertificateExpires", message)
    assert [(event.reason, event.warning) for event in answer.events][-1] == ("Access", True)
    assert shown(compose(marked(ready(), "2026-12-03T00:00:00Z"))) == ("True", "Applied", "")


def test_the_clock_reads_the_status() -> None:
    """The time that the function writes is the one that the clock marks, and that it reads back."""
    answer = compose(ready())
    metadata = ObjectMeta(name="kunde7", uid="u-1", resourceVersion="7")
    found = vclusters.read(Item(metadata=metadata, spec={}, status=answer.status))
    late = dt.datetime(2026, 12, 2, tzinfo=dt.UTC)
    assert due_mark(found, {}, late - dt.timedelta(seconds=1)) is None
    passed = json.loads(due_mark(found, {}, late) or "")["passed"]
    assert shown(compose(marked(ready(), *passed)))[:2] == ("False", "CertificateExpires")


LOGIN, CERTIFICATE = "kunde7-vcluster-login", "vc-kunde7-vcluster"


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        pytest.param({}, (LOGIN, LOGIN), id="issuers"),
        pytest.param({"certificate": "Readers"}, (CERTIFICATE, CERTIFICATE), id="readers"),
        pytest.param({"oidc": []}, (LOGIN, CERTIFICATE), id="issuers-that-are-gone"),
        pytest.param(
            {"oidc": [], "certificate": "Readers"}, (CERTIFICATE, CERTIFICATE), id="as-before"
        ),
    ],
)
def test_readers(access: dict[str, Any], expected: tuple[str, str]) -> None:
    """Who reads the kubeconfig gets a certificate only where the spec says so."""
    assert readers(compose(ready(**access))) == expected


def test_an_issuer_that_the_platform_closes() -> None:
    """Without its entry in the Input no one comes in, and no reader gets a certificate for it."""
    closed = compose(with_input(ready(), {"issuers": {}}))
    assert not closed.fatal
    assert values(closed)["bindings"] == []
    assert readers(closed)[0] == LOGIN
    assert '"jwt": []' in values(closed, "namespace")["authentication"]["config"]
    assert shown(closed, "Accepted")[2] == (
        "spec.access.oidc[0].issuer: is not an issuer of the platform. Known: none. Until then it "
        "is left out."
    )


def test_a_platform_that_gives_no_certificates() -> None:
    """`tenant.certificate` without Readers holds for all, also without `spec.access`."""
    req = ready(example="kunde1")
    limits = {"tenant": {"certificate": ["Platform"]}}
    assert values(compose(with_input(req, limits)), "namespace")["kubeconfig"]["secret"] == (
        "kunde1-vcluster-login"
    )


def test_an_input_without_login_holds_it() -> None:
    """An Input that lost `access` changes nothing of a VCluster that has one."""
    assert compose(with_input(ready(), None)).fatal == (
        "input.access: is missing while this VCluster has spec.access. Put it back, without "
        "issuers to close them, or remove spec.access."
    )


def test_another_wrong_field_hides_no_lost_login() -> None:
    """A typing error in the spec does not turn the platform's mistake into the end of rights."""
    answer = compose(with_input(with_spec(ready(), plan="typo"), None))
    assert answer.fatal.startswith("input.access: is missing while this VCluster has spec.access.")


def test_readers_beside_issuers_are_deprecated() -> None:
    """The condition says so."""
    message = (
        "spec.access.certificate: Readers is deprecated: each reader of the kubeconfig has the "
        "certificate of an administrator, whose name no log has."
    )
    assert shown(compose(ready(certificate="Readers"))) == ("True", "Applied", message)


def test_a_rotation_only_grows() -> None:
    """A lower number stays what it was, with a refusal; unset it stays without one."""
    second = simulate.following(ready(rotate=2), compose(ready(rotate=2)))
    assert values(compose(second))["rotate"] == 2
    lower = compose(with_spec(second, access={"oidc": [], "rotate": 1}))
    assert values(lower)["rotate"] == 2
    assert shown(lower, "Accepted")[2] == (
        "spec.access.rotate: stays 2 instead of 1: a rotation cannot be taken back. Write 2, or a "
        "higher number for another rotation."
    )
    unset = compose(with_spec(second, access={"oidc": []}))
    assert values(unset)["rotate"] == 2
    assert shown(unset, "Accepted")[:2] == ("True", "Accepted")


def test_switched_off_in_two_steps() -> None:
    """Without `spec.access` the rights are removed first, then the Release is left out."""
    first = compose(with_spec(ready(), access=None))
    before = values(compose(ready()))
    emptied = values(first)
    assert emptied["inputs"] != before["inputs"]
    assert emptied == {
        **before,
        "bindings": [],
        "kubeconfig": {**before["kubeconfig"], "issuers": []},
        "inputs": emptied["inputs"],
    }
    assert shown(first) == ("False", "Ending", "The rights of all people are removed.")
    assert '"jwt": []' in values(first, "namespace")["authentication"]["config"]

    second = simulate.following(with_spec(ready(), access=None), first)
    under_way = compose(reported(second, observedInputs=before["inputs"]))
    assert "access" in under_way.resources
    last = compose(second)
    assert "access" not in last.resources
    assert shown(last) == ()
    assert last.status is not None
    assert "access" not in last.status


def test_no_token_and_no_key_is_in_an_answer() -> None:
    """Only names, addresses and CAs: nothing by which one could log in."""
    text = protobuf.encode(life.request("login", "ready"), compose(ready())).SerializeToString()
    for word in (b"PRIVATE KEY", b"client-key", b"client-certificate", b"id-token", b"password"):
        assert word not in text
