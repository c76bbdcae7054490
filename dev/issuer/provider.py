"""The endpoints of an OIDC issuer: discovery, keys, login, tokens.

Any client identifier is a client, without a secret and with any redirection to this machine, and
its identifier is the audience of its tokens. The login is the choice of a user.
https://openid.net/specs/openid-connect-core-1_0.html
"""

from __future__ import annotations

import base64
import hashlib
import html
import secrets
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.errors import JoseError

from dev.fake_rancher.messages import Answer, Request, json_answer
from dev.issuer import tokens
from dev.issuer.keys import ALGORITHM

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dev.issuer.keys import Keys
    from dev.issuer.tokens import User

DISCOVERY = "/.well-known/openid-configuration"
CODE_SECONDS = 60
REFRESH_SECONDS = 24 * 3600
REFRESH = "refresh"
"""The `typ` of a refresh token's claims: it is a token of the issuer for itself."""
LOCAL = ("localhost", "127.0.0.1", "::1")


class Code(StrEnum):
    """Errors of RFC 6749."""

    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    INVALID_GRANT = "invalid_grant"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    ACCESS_DENIED = "access_denied"


class OAuthError(Exception):
    """A request that is refused."""

    def __init__(self, code: Code) -> None:
        """Hold the code for the client."""
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Login:
    """A login whose code is not yet exchanged."""

    user: User
    client: str
    redirect: str
    nonce: str
    challenge: str
    until: float


@dataclass
class Provider:
    """The issuer of a URL."""

    url: str
    keys: Keys
    users: Sequence[User] = tokens.USERS
    _logins: dict[str, Login] = field(default_factory=dict)

    def answer(self, request: Request) -> Answer:
        """Answer a request."""
        endpoints = {
            ("GET", DISCOVERY): lambda _: json_answer(200, self._discovery()),
            ("GET", "/keys"): lambda _: json_answer(200, self.keys.public()),
            ("GET", "/login"): self._login,
            ("POST", "/token"): self._token,
        }
        endpoint = endpoints.get((request.method, request.path))
        if endpoint is None:
            return json_answer(404, {"error": "not_found"})
        try:
            return endpoint(request)
        except OAuthError as error:
            return json_answer(400, {"error": error.code})

    def token(self, user: User, audience: str, **own: object) -> str:
        """Return a token of a user for an audience, with further claims."""
        content = {**tokens.claims(self.url, user, audience), **own}
        return tokens.signed(content, self.keys.all()[0])

    def _discovery(self) -> dict[str, object]:
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/login",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "scopes_supported": ["openid", "email", "groups", "offline_access"],
            "claims_supported": ["sub", "email", "email_verified", "groups"],
            "grant_types_supported": ["authorization_code", "refresh_token", "password"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
        }

    def _login(self, request: Request) -> Answer:
        """Offer the users, or send the chosen one back to the client with a code."""
        asked = _single(request.query)
        redirect = asked.get("redirect_uri", "")
        parts = urlsplit(redirect)
        is_local = parts.scheme == "http" and parts.hostname in LOCAL
        if asked.get("response_type") != "code" or not asked.get("client_id") or not is_local:
            raise OAuthError(Code.INVALID_REQUEST)
        if asked.get("code_challenge_method", "S256") != "S256":
            raise OAuthError(Code.INVALID_REQUEST)
        if "user" not in asked:
            return self._page(asked)
        code = secrets.token_urlsafe(24)
        self._logins[code] = Login(
            user=self._user(asked["user"]),
            client=asked["client_id"],
            redirect=redirect,
            nonce=asked.get("nonce", ""),
            challenge=asked.get("code_challenge", ""),
            until=time.monotonic() + CODE_SECONDS,
        )
        back = urlencode({"code": code, "state": asked.get("state", "")})
        joint = "&" if parts.query else "?"
        return Answer(302, headers={"Location": f"{redirect}{joint}{back}"})

    def _page(self, asked: Mapping[str, str]) -> Answer:
        links = "".join(
            f'<li><a href="/login?{html.escape(urlencode({**asked, "user": user.name}))}">'
            f"{html.escape(user.name)}</a> of {html.escape(', '.join(user.groups))}</li>"
            for user in self.users
        )
        text = f"<!doctype html><title>Log in</title><h1>Log in as</h1><ul>{links}</ul>"
        return Answer(200, text.encode(), "text/html; charset=utf-8")

    def _token(self, request: Request) -> Answer:
        """Exchange a code, a refresh token or the name of a user for a token."""
        form = _single(parse_qs(request.body.decode(), keep_blank_values=True))
        client = form.get("client_id") or _basic(request)
        if not client:
            raise OAuthError(Code.INVALID_CLIENT)
        grants: dict[str, Callable[[Mapping[str, str], str], tuple[User, str]]] = {
            "authorization_code": self._by_code,
            "refresh_token": self._by_refresh_token,
            "password": lambda form, _: (self._user(form.get("username", "")), ""),
        }
        grant = grants.get(form.get("grant_type", ""))
        if grant is None:
            raise OAuthError(Code.UNSUPPORTED_GRANT_TYPE)
        user, nonce = grant(form, client)
        id_token = self.token(user, client, **({"nonce": nonce} if nonce else {}))
        body = {
            "token_type": "Bearer",
            "access_token": id_token,
            "id_token": id_token,
            "refresh_token": self._refresh_token(user, client),
            "expires_in": 60 * tokens.MINUTES,
        }
        return json_answer(200, body, {"Cache-Control": "no-store"})

    def _by_code(self, form: Mapping[str, str], client: str) -> tuple[User, str]:
        login = self._logins.pop(form.get("code", ""), None)
        if login is None or login.until < time.monotonic():
            raise OAuthError(Code.INVALID_GRANT)
        if (login.client, login.redirect) != (client, form.get("redirect_uri", "")):
            raise OAuthError(Code.INVALID_GRANT)
        if login.challenge and login.challenge != _challenge(form.get("code_verifier", "")):
            raise OAuthError(Code.INVALID_GRANT)
        return login.user, login.nonce

    def _refresh_token(self, user: User, client: str) -> str:
        content = tokens.claims(self.url, user, self.url, seconds=REFRESH_SECONDS)
        own = {"typ": REFRESH, "azp": client}
        return tokens.signed({**content, **own}, self.keys.all()[0])

    def _by_refresh_token(self, form: Mapping[str, str], client: str) -> tuple[User, str]:
        own = {"iss": self.url, "aud": self.url, "typ": REFRESH, "azp": client}
        for key in self.keys.all():
            try:
                content = jwt.decode(form.get("refresh_token", ""), key).claims
            except (JoseError, ValueError):
                continue
            is_ours = all(content.get(name) == value for name, value in own.items())
            if is_ours and content["exp"] > time.time():
                return self._user(content["sub"]), ""
        raise OAuthError(Code.INVALID_GRANT)

    def _user(self, name: str) -> User:
        found = next((user for user in self.users if user.name == name), None)
        if found is None:
            raise OAuthError(Code.ACCESS_DENIED)
        return found


def _single(parameters: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {name: values[0] for name, values in parameters.items()}


def _basic(request: Request) -> str:
    """Return the client of an Authorization header, whose secret is not looked at."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value).decode().partition(":")[0]
    except ValueError:
        return ""


def _challenge(verifier: str) -> str:
    """Return the challenge of PKCE for a verifier (RFC 7636)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
