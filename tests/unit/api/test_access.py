"""Login in the spec and the Input: what is refused, and the sentences for it."""

from typing import Any

import pytest

from function.api.errors import InvalidError
from function.decision import tenant_limits
from tests.support.factories import INPUT, changed, config, vcluster, wanted
from tests.unit.desired.test_access import CA, CORP, PLATFORM

KEY = CA.replace("CERTIFICATE", "PRIVATE KEY")
ISSUER = "access.issuers.corp"
TENANT = "access.tenant"
ARGUMENTS = "values.controlPlane.distro.k8s.apiServer.extraArgs"


def refusal(spec: Any, platform: dict[str, Any] | None = None) -> str:
    """Return the answer to `spec.access` of a new VCluster on a platform."""
    try:
        found = config(changed(PLATFORM, platform or {}))
        asked = vcluster(access=spec)
        tenant_limits.check(asked.spec, wanted(asked, found), found, new=True)
    except (InvalidError, ValueError) as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("platform", "message"),
    [
        pytest.param(
            {f"{ISSUER}.url": "http://login.example.org"},
            f"input.{ISSUER}.url: must be https://, a name or address, and maybe a port and a "
            "path. Correct it.",
            id="without-tls",
        ),
        pytest.param(
            {f"{ISSUER}.url": "https://kubernetes.default.svc.cluster.local"},
            f"input.{ISSUER}.url: must not be that of the API server's own tokens. Correct it.",
            id="the-api-servers-own",
        ),
        pytest.param(
            {f"{ISSUER}.url": "https://login.example.org/ä"},
            f"input.{ISSUER}.url: must be https://, a name or address, and maybe a port and a "
            "path. Correct it.",
            id="no-url",
        ),
        pytest.param(
            {f"{ISSUER}.certificateAuthority": "a certificate"},
            f"input.{ISSUER}.certificateAuthority: must be certificates in PEM, of the CA that the "
            "issuer's certificate is of. Correct it.",
            id="no-certificate",
        ),
        pytest.param(
            {f"{ISSUER}.certificateAuthority": f"{CA}{KEY}"},
            f"input.{ISSUER}.certificateAuthority: must have certificates only, and no key. "
            "Correct it.",
            id="a-key",
        ),
        pytest.param(
            {f"{ISSUER}.prefix": "system:"},
            f"input.{ISSUER}.prefix: must not begin with system or break-glass:, which others "
            "have. Correct it.",
            id="system",
        ),
        pytest.param(
            {f"{ISSUER}.prefix": "break-glass:"},
            f"input.{ISSUER}.prefix: must not begin with system or break-glass:, which others "
            "have. Correct it.",
            id="break-glass",
        ),
        pytest.param(
            {f"{ISSUER}.prefix": "corp"},
            f"input.{ISSUER}.prefix: must be lower case letters, digits, dashes and dots, then a "
            "colon, such as corp:. Correct it.",
            id="no-colon",
        ),
        pytest.param(
            {f"{ISSUER}.audience": "vcluster"},
            f"input.{ISSUER}.audience: must have {{namespace}} or {{uid}} in it, and no other "
            "placeholder: with one audience for several virtual clusters, a token for one would "
            "count in all. Correct it.",
            id="one-audience-for-all",
        ),
        pytest.param(
            {f"{ISSUER}.audience": "{namespace}-{name}"},
            f"input.{ISSUER}.audience: must have {{namespace}} or {{uid}} in it, and no other "
            "placeholder: with one audience for several virtual clusters, a token for one would "
            "count in all. Correct it.",
            id="another-placeholder",
        ),
        pytest.param(
            {f"{ISSUER}.egress": ["169.254.169.254/32"]},
            f"input.{ISSUER}.egress[0]: must not touch 169.254.0.0/16 (link-local addresses, the "
            "metadata services of most clouds among them), which is never opened. Correct it.",
            id="never-opened",
        ),
        pytest.param(
            {"access.issuers.other": {**CORP, "url": "https://other.example.org"}},
            "input.access: issuers must each have a prefix of their own. Correct it.",
            id="one-prefix-for-two",
        ),
        pytest.param(
            {"access.issuers.other": {**CORP, "url": f"{CORP['url']}/", "prefix": "other:"}},
            "input.access: issuers must each have a url of their own. Correct it.",
            id="one-url-for-two",
        ),
        pytest.param(
            {f"{TENANT}.issuers": ["none"]},
            "input.access: every entry of tenant.issuers must be one of issuers. Correct it.",
            id="allowed-issuers",
        ),
        *(
            pytest.param(
                {"vcluster": changed(INPUT["vcluster"], {ARGUMENTS: ["--v=1", flag]})},
                f"input.vcluster.{ARGUMENTS}[1]: excludes the file of issuers: the API server "
                "would not start. Remove it, and name the issuer in input.access.issuers.",
                id=flag,
            )
            for flag in (
                "--oidc-issuer-url=https://login.example.org",
                "--oidc_client_id=a",
                "--authentication-config=/other",
                "--anonymous-auth=false",
                "--feature-gates=A=true,StructuredAuthenticationConfiguration=false",
            )
        ),
    ],
)
def test_bad_inputs(platform: dict[str, Any], message: str) -> None:
    """An Input whose issuers would not work, or would let others in, is refused."""
    assert refusal({}, platform) == message


def test_no_value_is_in_an_error() -> None:
    """A key that stands in the place of a certificate is not quoted."""
    secret = KEY.splitlines()[1]
    assert secret not in refusal({}, {f"{ISSUER}.certificateAuthority": KEY})


def people(**lists: Any) -> dict[str, Any]:
    """Return a login of one issuer."""
    return {"oidc": [{"issuer": "corp", **lists}]}


@pytest.mark.parametrize(
    ("platform", "spec", "message"),
    [
        pytest.param(
            {f"{TENANT}.oidc": "Refused"},
            people(),
            "spec.access.oidc[0]: cannot be set on this platform. Leave it out, or ask the "
            "platform team to set access.tenant.oidc to Allowed.",
            id="refused",
        ),
        pytest.param(
            {},
            {"oidc": [{"issuer": "none"}]},
            "spec.access.oidc[0].issuer: is not an issuer of the platform. Known: corp, partner.",
            id="unknown",
        ),
        pytest.param(
            {f"{TENANT}.issuers": ["partner"]},
            people(),
            "spec.access.oidc[0].issuer: is not an issuer that the platform allows. Choose one of: "
            "partner.",
            id="not-allowed",
        ),
        pytest.param(
            {},
            {"oidc": [{"issuer": "corp"}, {"issuer": "corp"}]},
            "spec.access.oidc[1].issuer: is named before: an issuer has one entry. Put its people "
            "into one entry.",
            id="twice",
        ),
        pytest.param(
            {},
            people(bindings=[{"subject": "group:a", "clusterRole": "cluster-admin"}]),
            "spec.access.oidc[0].bindings[0].clusterRole: is not a ClusterRole that the platform "
            "allows. Choose one of: edit, view, admin.",
            id="cluster-role",
        ),
        pytest.param(
            {f"{TENANT}.certificate": ["Platform"]},
            {"certificate": "Readers"},
            "spec.access.certificate: is not a value that the platform allows. Choose one of: "
            "Platform.",
            id="certificate",
        ),
    ],
)
def test_limits(platform: dict[str, Any], spec: dict[str, Any], message: str) -> None:
    """What the platform does not allow is refused, with the way out."""
    assert refusal(spec, platform) == message


def test_a_platform_without_login() -> None:
    """Where the Input has no `access`, no spec has one."""
    with pytest.raises(InvalidError) as error:
        wanted(vcluster(access={}), config())
    assert str(error.value) == (
        "spec.access: needs issuers of the platform, and this one has none. Leave it out."
    )


@pytest.mark.parametrize(
    ("lists", "is_valid"),
    [
        pytest.param({"admins": ["anna"]}, False, id="without-kind"),
        pytest.param({"admins": ["group:"]}, False, id="without-name"),
        pytest.param({"admins": ["group:a\nb"]}, False, id="two-lines"),
        pytest.param({"admins": ["serviceaccount:a"]}, False, id="another-kind"),
        pytest.param({"admins": ["group:" + 224 * "a"]}, False, id="too-long"),
        pytest.param({"admins": ["group:" + 223 * "a"]}, True, id="longest"),
        pytest.param({"admins": ["group:CN=Admins,OU=ä,DC=example"]}, True, id="a-name-of-ldap"),
        pytest.param({"admins": 100 * ["group:a"], "viewers": 51 * ["group:a"]}, True, id="many"),
    ],
)
def test_subjects(lists: dict[str, Any], *, is_valid: bool) -> None:
    """A subject has a kind and the name as the issuer writes it."""
    assert (refusal(people(**lists)) == "") is is_valid


def test_all_people_have_room() -> None:
    """The Job takes them in one environment variable, whose size the kernel limits."""
    full = [f"group:{n}" for n in range(100)]
    several = {
        "oidc": [
            {"issuer": "corp", "admins": full, "viewers": full},
            {"issuer": "partner", "admins": full},
        ]
    }
    assert "oidc must have at most 250 subjects together" in refusal(several)
    wide = ["group:" + 100 * "<" + str(n) for n in range(100)]
    large = {"oidc": [{"issuer": "corp", "admins": wide, "viewers": wide}]}
    assert "oidc must have less than 90 kB of names" in refusal(large)
