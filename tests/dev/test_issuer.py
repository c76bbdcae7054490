"""The OIDC issuer of the platform: the program of `make up`, and what it answers."""

import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from dev.fake_rancher.messages import Answer, Request
from dev.issuer import provider, tokens
from dev.issuer.keys import Keys, new_key
from dev.issuer.provider import DISCOVERY, Provider
from dev.issuer.tokens import USERS, User
from dev.platform import function_image, install, issuer, node, place
from dev.platform.place import Place
from dev.platform.programs import Program
from dev.platform.site import Site
from function.api.input import Input

ANNA, BOB = USERS
CLIENT = "vcluster-kunde1-a"
REDIRECT = "http://localhost:8000/?from=kubelogin"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""Those of RFC 7636, appendix B."""
ASKED = {
    "response_type": "code",
    "client_id": CLIENT,
    "redirect_uri": REDIRECT,
    "state": "s1",
    "nonce": "n1",
    "scope": "openid email groups",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}


@pytest.fixture
def some(tmp_path: Path) -> Provider:
    """Return an issuer without a server."""
    return Provider("https://issuer.example", Keys(tmp_path))


@pytest.fixture
def address(somewhere: Place, serve: Callable[[Program, Mapping[str, str]], str]) -> str:
    """Return the address of an issuer that was started by the platform's command."""
    words = {str(place.ISSUER_PORT): "PORT", "0.0.0.0": "127.0.0.1"}  # noqa: S104
    return serve(issuer.program(somewhere), words)


def login(some: Provider, **changed: str) -> Answer:
    """Return the answer to a login as Anna."""
    query = urlencode({**ASKED, "user": "anna", **changed})
    return some.answer(Request("GET", f"/login?{query}"))


def code_of(answer: Answer) -> str:
    """Return the code that a redirection brings to the client."""
    assert answer.status == 302
    where = answer.headers["Location"]
    assert where.startswith("http://localhost:8000/?from=kubelogin&")
    query = parse_qs(urlsplit(where).query)
    assert query["state"] == ["s1"]
    return query["code"][0]


def exchange(some: Provider, **form: str) -> dict[str, Any]:
    """Return what the token endpoint answers."""
    body = urlencode({"client_id": CLIENT, **form}).encode()
    answered: dict[str, Any] = json.loads(some.answer(Request("POST", "/token", body=body)).body)
    return answered


def by_code(some: Provider, code: str, **changed: str) -> dict[str, Any]:
    """Exchange a code as the client that began the login."""
    own = {"code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER, **changed}
    return exchange(some, grant_type="authorization_code", **own)


def claims(some: Provider, token: str) -> dict[str, Any]:
    """Return the claims of a token, checked by the keys that the issuer publishes."""
    answer = some.answer(Request("GET", "/keys"))
    return jwt.decode(token, KeySet.import_key_set(json.loads(answer.body))).claims


def test_the_platform_s_issuer_is_known_by_its_ca(address: str, somewhere: Place) -> None:
    """The program of `make up` names itself as the Input does, and a strange CA refuses it."""
    found = issuer.of(somewhere)
    context = ssl.create_default_context(cafile=str(found.ca_file))

    answered = _get(f"{address}{DISCOVERY}", context)

    assert answered["issuer"] == found.url == "https://172.29.0.2:5556"
    assert answered["jwks_uri"] == f"{found.url}/keys"
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        _get(address, ssl.create_default_context())


def test_a_start_keeps_what_is_there(somewhere: Place) -> None:
    """Another `make up` leaves keys and certificate as they are, and keys are their owner's."""
    before = issuer.program(somewhere)
    file = somewhere.folder / "issuer" / "keys.json"
    keys = file.read_text()

    assert issuer.program(somewhere) == before
    assert file.read_text() == keys
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_platform_s_input_has_it(somewhere: Place) -> None:
    """Control planes are told of its URL and CA, and get a way to it."""
    issuer.program(somewhere)
    site = Site(
        folder=Path(),
        kubeconfig=Path(),
        image=function_image.reference(),
        image_digest="",
        charts=place.CHARTS,
        charts_digest="",
        registry=place.REGISTRY,
        packages={},
        rancher=place.RANCHER,
        issuer=issuer.of(somewhere),
        own_input=node.own_input(),
    )
    composition: Any = install.composition(site)

    found = Input.model_validate(composition["spec"]["pipeline"][0]["input"]).access
    assert found is not None
    corp = found.issuers["corp"]
    assert corp.url == "https://172.29.0.2:5556"
    assert corp.certificateAuthority == issuer.of(somewhere).ca_file.read_text()
    assert (corp.endpoint.cidrs, corp.endpoint.port) == (("172.29.0.2/32",), 5556)
    assert found.tenant.oidc == "Allowed"


def test_the_hint_says_how_to_log_in(somewhere: Place) -> None:
    """The address, the CA's file and both users are in it."""
    said = issuer.hint(issuer.of(somewhere))

    for part in ("https://172.29.0.2:5556", "issuer/ca.crt", "anna of kunde1-admins", "bob of"):
        assert part in said


def test_login_in_a_browser(some: Provider) -> None:
    """Its page offers the users; the code of the chosen one becomes a token for the client."""
    page = some.answer(Request("GET", f"/login?{urlencode(ASKED)}"))
    assert page.status == 200
    assert all(user.name in page.body.decode() for user in USERS)

    answered = by_code(some, code_of(login(some)))

    found = claims(some, answered["id_token"])
    assert found["iss"] == "https://issuer.example"
    assert found["aud"] == CLIENT
    assert found["nonce"] == "n1"
    assert (found["email"], found["groups"]) == ("anna@example.org", ["kunde1-admins"])
    assert 0 < found["exp"] - time.time() <= 600


def test_a_code_is_for_once_and_for_whom_began(some: Provider) -> None:
    """A second use, a wrong verifier, another client and another redirection are refused."""
    code = code_of(login(some))
    assert "id_token" in by_code(some, code)
    assert by_code(some, code) == {"error": "invalid_grant"}
    for changed in (
        {"code_verifier": "guessed"},
        {"client_id": "vcluster-kunde2-b"},
        {"redirect_uri": "http://localhost:9000/"},
    ):
        assert by_code(some, code_of(login(some)), **changed) == {"error": "invalid_grant"}


def test_a_late_code_is_refused(some: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """A code is valid for a minute."""
    code = code_of(login(some))
    late = time.monotonic() + provider.CODE_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: late)

    assert by_code(some, code) == {"error": "invalid_grant"}


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"redirect_uri": "https://elsewhere.example/"}, "invalid_request"),
        ({"response_type": "token"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"client_id": ""}, "invalid_request"),
        ({"user": "mallory"}, "access_denied"),
    ],
)
def test_bad_logins(some: Provider, changed: Mapping[str, str], error: str) -> None:
    """No code leaves the machine, and none is for a user that there is not."""
    answer = login(some, **changed)

    assert (answer.status, json.loads(answer.body)) == (400, {"error": error})


def test_a_login_without_a_browser(some: Provider) -> None:
    """The name of a user is enough."""
    found = exchange(some, grant_type="password", username="bob")
    assert claims(some, found["id_token"])["groups"] == ["kunde2-admins"]

    assert exchange(some, grant_type="password", username="eve") == {"error": "access_denied"}
    assert exchange(some, grant_type="implicit") == {"error": "unsupported_grant_type"}
    assert exchange(some, client_id="", grant_type="password") == {"error": "invalid_client"}


def test_a_refresh_token_is_the_client_s(some: Provider) -> None:
    """It gives tokens for the same client only, and no control plane takes it for a token."""
    first = exchange(some, grant_type="password", username="anna")
    refresh = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}

    assert claims(some, exchange(some, **refresh)["id_token"])["sub"] == "anna"
    assert claims(some, first["refresh_token"])["aud"] == some.url
    refused = {"error": "invalid_grant"}
    assert exchange(some, **{**refresh, "client_id": "vcluster-kunde2-b"}) == refused
    assert exchange(some, **{**refresh, "refresh_token": first["id_token"]}) == refused
    assert exchange(some, **{**refresh, "refresh_token": "x"}) == refused


def test_keys_rotate(some: Provider) -> None:
    """What was signed before stays valid with the older key, and not without it."""
    before = some.token(ANNA, CLIENT)
    some.keys.rotate()
    after = some.token(ANNA, CLIENT)
    assert claims(some, before)["sub"] == claims(some, after)["sub"] == "anna"

    some.keys.rotate(keep=False)
    for token in (before, after):
        with pytest.raises((JoseError, ValueError)):
            claims(some, token)


def test_keys_are_published_without_their_secrets(some: Provider) -> None:
    """The endpoint has modulus and exponent alone."""
    [key] = json.loads(some.answer(Request("GET", "/keys")).body)["keys"]

    assert set(key) == {"kty", "kid", "use", "alg", "n", "e"}


def test_tokens_that_a_control_plane_refuses(some: Provider) -> None:
    """Tests can make an expired token, one of many groups, of another key and of no key."""
    old = tokens.claims(some.url, BOB, CLIENT, seconds=-30)
    assert old["iat"] < old["exp"] < time.time()  # type: ignore[operator]
    many = User("many", tuple(f"group-{n}" for n in range(200)))
    assert len(claims(some, some.token(many, CLIENT))["groups"]) == 200
    with pytest.raises((JoseError, ValueError)):
        claims(some, tokens.signed(old, new_key()))
    header, _, signature = tokens.unsigned(old).split(".")
    assert signature == ""
    with pytest.raises((JoseError, ValueError)):
        claims(some, f"{header}.{_}.")


def test_other_paths(some: Provider) -> None:
    """There is nothing else."""
    assert some.answer(Request("GET", "/token")).status == 404


def _get(url: str, context: ssl.SSLContext) -> dict[str, Any]:
    """Return an answer in JSON."""
    with urllib.request.urlopen(url, context=context) as answer:  # noqa: S310 -- https
        found: dict[str, Any] = json.loads(answer.read())
        return found
