"""The file of issuers, by a real kube-apiserver and real tokens."""

from __future__ import annotations

import time
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from dev.apiserver.server import running
from dev.issuer import tokens
from dev.issuer.keys import new_key
from dev.issuer.tokens import User
from function.decision import access
from function.desired import authentication
from tests.support import factories
from tests.support.issuer import Serving, serving
from tests.support.tools import tool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dev.apiserver.client import Client

ADMINS = "group:kunde1-admins"

HOSTILE = (
    'group:" || true || "',
    "group:\\",
    "group:'\"`]) || true //",
    "user:{{ .Values }}\u2028\U0001f600é",
    "user:*",
    "group:system:masters",
)

RELOAD_SECONDS = 90


def rendered(kubernetes: str = "1.36.0", issuers: Any = None, people: Any = None) -> str:
    """Return the file for people of issuers of the platform."""
    platform = factories.config({"access": {"issuers": issuers or {}}})
    oidc = [{"issuer": name, **lists} for name, lists in (people or {}).items()]
    wanted = factories.vcluster(access={"oidc": oidc})
    names = factories.wanted().names
    resolved = access.resolve(wanted.spec.access, platform.access, names, "uid-of-kunde1")
    return authentication.render(resolved, kubernetes)


def issuer(number: int, ca: str = "") -> dict[str, Any]:
    """Return an issuer of the Input that is not there."""
    authority = {"certificateAuthority": ca} if ca else {}
    return {"url": f"https://i{number}.example.org/realms/x", "prefix": f"i{number}:", **authority}


MANY = {f"i{number}": issuer(number) for number in range(5)}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(rendered(), id="no issuer"),
        pytest.param(rendered("1.34.0"), id="no issuer, earlier version of the file"),
        pytest.param(rendered(issuers=MANY, people={"i0": {}}), id="an issuer without people"),
        pytest.param(
            rendered(
                "1.34.0",
                MANY,
                {name: {"admins": [*HOSTILE], "viewers": [ADMINS]} for name in MANY},
            ),
            id="hostile names of five issuers",
        ),
        pytest.param(
            rendered(
                issuers=MANY, people={"i0": {"admins": [f"group:{n:->220}" for n in range(100)]}}
            ),
            id="as many as there may be",
        ),
    ],
)
def test_an_apiserver_starts_with_every_file(content: str, tmp_path: Path) -> None:
    """Whatever a spec names, the API server starts."""
    with started(content, tmp_path) as client:
        assert client.request("GET", "/readyz").status == HTTPStatus.OK


def started(content: str, folder: Path) -> Any:
    """Run an apiserver with the content in its file."""
    path = folder / "config.yaml"
    path.write_text(content)
    arguments = [f"--authentication-config={path}"]
    return running(tool("etcd"), tool("kube-apiserver", "tools-apiserver"), arguments=arguments)


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Yield an issuer that runs."""
    with serving(tmp_path_factory.mktemp("issuer")) as running_issuer:
        yield running_issuer


def test_people_come_in_and_others_do_not(provider: Serving, tmp_path: Path) -> None:
    """The people of the spec come in as themselves; all other tokens get 401."""
    corp = {"url": provider.url, "certificateAuthority": provider.ca, "prefix": "corp:"}
    people = {"admins": [ADMINS], "viewers": ["user:berta@example.org"]}
    other = issuer(1)

    with started(
        rendered(issuers={"corp": corp, "other": other}, people={"corp": people, "other": people}),
        tmp_path,
    ) as client:
        anna = User("anna", ("kunde1-admins", *(f"other-{n}" for n in range(200))))
        entry = who(client, provider.provider.token(anna, "vcluster-kunde1"))
        assert entry["username"].startswith("corp:")
        assert "corp:kunde1-admins" in entry["groups"]
        assert not [group for group in entry["groups"] if group == "system:masters"]
        for name, token in strangers(provider).items():
            assert status(client, token) == HTTPStatus.UNAUTHORIZED, name

        (tmp_path / "config.yaml").write_text(
            rendered(issuers={"corp": corp}, people={"corp": {"viewers": ["user:x"]}})
        )
        deadline = time.monotonic() + RELOAD_SECONDS
        token = provider.provider.token(anna, "vcluster-kunde1")
        while status(client, token) != HTTPStatus.UNAUTHORIZED:
            assert time.monotonic() < deadline, "who was taken out still comes in"
            time.sleep(1)


def strangers(provider: Serving) -> dict[str, str]:
    """Return tokens that must not count."""
    make = provider.provider
    anna, carl = User("anna", ("kunde1-admins",)), User("carl", ("strangers",))
    return {
        "a stranger": make.token(carl, "vcluster-kunde1"),
        "without groups": make.token(User("carl", ()), "vcluster-kunde1"),
        "another virtual cluster's": make.token(anna, "vcluster-kunde2"),
        "another issuer's": make.token(
            anna, "vcluster-kunde1", iss="https://i1.example.org/realms/x"
        ),
        "expired": make.token(anna, "vcluster-kunde1", exp=int(time.time()) - 60),
        "of an unverified address": make.token(anna, "vcluster-kunde1", email_verified=False),
        "without a signature": tokens.unsigned(tokens.claims(make.url, anna, "vcluster-kunde1")),
        "of a strange key": tokens.signed(
            tokens.claims(make.url, anna, "vcluster-kunde1"), new_key()
        ),
    }


def who(client: Client, token: str) -> dict[str, Any]:
    """Return the user that a token stands for."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    answer = replace(client, token=token).request("POST", path, review)
    assert answer.status == HTTPStatus.CREATED, answer.body
    user: dict[str, Any] = answer.body["status"]["userInfo"]
    return user


def status(client: Client, token: str) -> int:
    """Return the status of a request with a token."""
    return replace(client, token=token).request("GET", "/api").status
