"""Routing of requests to the parts of Rancher, with the user of the token."""

import time

from . import connections, manifest, norman, raw, steve
from .messages import INVISIBLE, UNAUTHORIZED, Answer, Request, text_answer
from .state import State, User

# auth-rancherversion.json: JSON by its looks, text by its Content-Type.
VERSION = '{"Version":"v2.15.0","GitCommit":"HEAD","RancherPrime":"false"}'
TEXT = "text/plain; charset=utf-8"
EVERYWHERE = {
    "Cache-Control": "no-cache, no-store, must-revalidate",
    "X-Content-Type-Options": "nosniff",
}


def authenticate(state: State, request: Request) -> User | None:
    """Return the user of the request's token; garbage and scoped tokens have none (auth-*.json)."""
    token = state.tokens.get(request.bearer)
    if token is None or not token.valid:
        return None
    state.tokens_used[token.name] = time.time()
    return token.user


def answer(state: State, user: User | None, request: Request, passwords: dict[str, str]) -> Answer:
    """Answer a request."""
    response = _public(state, request, passwords) or _answer(state, user, request)
    return with_headers(user, response)


def with_headers(user: User | None, response: Answer) -> Answer:
    """Add the headers of every answer."""
    return response.with_headers({**EVERYWHERE, "X-Api-Cattle-Auth": str(user is not None).lower()})


def _answer(state: State, user: User | None, request: Request) -> Answer:
    first, *rest = request.segments or ("",)
    if request.path == connections.PATH:
        return connections.answer(state, request)
    if first in ("api", "apis", "k8s"):
        return raw.answer(state, user, request) if user else raw.NOT_AUTHORIZED
    # Steve shows some settings without a token: auth-noauth-list-settings.json
    if user is None and [first, *rest][:2] != ["v1", "management.cattle.io.settings"]:
        return UNAUTHORIZED
    if first == "v1" and rest:
        return steve.answer(state, user, request)
    if first == "v3" and rest:
        return norman.answer(state, user, request)
    return INVISIBLE


def _public(state: State, request: Request, passwords: dict[str, str]) -> Answer | None:
    """Answer requests that need no token: auth-ping.json, auth-cacerts-path.json and others."""
    texts = {"/ping": "pong", "/healthz": "ok", "/rancherversion": VERSION}
    if request.path in texts:
        return text_answer(200, texts[request.path], TEXT)
    match request.segments:
        case ("cacerts",):
            return text_answer(200, state.setting("cacerts"))
        case ("v3", "settings", "cacerts"):
            return norman.answer(state, None, request)
        case ("v3", "import", *_):
            return manifest.answer(state, request)
        case ("v1-public", "login") if request.method == "POST":
            return norman.login(state, request, passwords)
    return None
