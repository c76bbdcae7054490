"""The file of issuers: whatever a name is, the file says what it should."""

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.decision import access
from function.desired import authentication
from tests.support.factories import config, vcluster, wanted
from tests.unit.desired.test_access import PLATFORM


def rendered(kubernetes: str = "1.36.0", **lists: Any) -> dict[str, Any]:
    """Return the file for people of an issuer, parsed."""
    found = config(PLATFORM)
    spec = vcluster(access={"oidc": [{"issuer": "corp", **lists}]}).spec
    resolved = access.resolve(spec.access, found.access, wanted().names, "uid-of-kunde1")
    plain: dict[str, Any] = json.loads(authentication.render(resolved, kubernetes))
    return plain


def test_whole() -> None:
    """The whole file for one issuer."""
    assert rendered(admins=["group:admins", "user:anna"], viewers=["group:all"]) == {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "jwt": [
            {
                "issuer": {
                    "url": "https://login.example.org/realms/corp",
                    "audiences": ["vcluster-kunde1"],
                },
                "claimMappings": {
                    "username": {"claim": "email", "prefix": "corp:"},
                    "groups": {"claim": "groups", "prefix": "corp:"},
                },
                "userValidationRules": [
                    {
                        "expression": 'user.username in ["corp:anna"] || user.groups.exists(group, '
                        'group in ["corp:admins", "corp:all"])',
                        "message": "this user and none of their groups may log in to this virtual "
                        "cluster",
                    }
                ],
            }
        ],
    }


@pytest.mark.parametrize(
    ("kubernetes", "version"),
    [("1.30.4", "v1beta1"), ("1.34.9", "v1beta1"), ("1.35.0", "v1"), ("1.36.1", "v1")],
)
def test_version(kubernetes: str, version: str) -> None:
    """Each version is one that the API server of this Kubernetes reads."""
    assert rendered(kubernetes)["apiVersion"] == f"apiserver.config.k8s.io/{version}"


def test_without_people_no_one_comes_in() -> None:
    """An issuer without people admits none of its users."""
    assert rendered()["jwt"][0]["userValidationRules"][0]["expression"] == "false"


NAMES = st.lists(
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)
    | st.sampled_from(['"', "\\", "'", '"] || true || ["', "\\U0000", "{{ .Values }}", "\u2028"]),
    max_size=5,
)

LITERAL = re.compile(r'"((?:[-A-Za-z0-9 _.,:/@+=]|\\U[0-9a-f]{8})*)"')
RULE = re.compile(
    r"(?:user\.username in \[(?P<users>[^\]]*)\])?(?: \|\| )?"
    r"(?:user\.groups\.exists\(group, group in \[(?P<groups>[^\]]*)\]\))?"
)


def names_of(literals: str | None) -> set[str]:
    """Return the names in a list of literals; it has nothing else."""
    text = literals or ""
    assert LITERAL.sub("", text).strip(", ") == ""
    found = (LITERAL.fullmatch(f'"{each}"') for each in LITERAL.findall(text))
    return {
        re.sub(r"\\U([0-9a-f]{8})", lambda code: chr(int(code[1], 16)), each[1])
        for each in found
        if each
    }


@settings(deadline=None)
@given(NAMES, NAMES)
def test_names_stay_names(users: list[str], groups: list[str]) -> None:
    """No name ends its literal: the rule admits exactly the people of the spec."""
    admins, viewers = [f"user:{name}" for name in users], [f"group:{name}" for name in groups]
    expression = rendered(admins=admins, viewers=viewers)["jwt"][0]["userValidationRules"][0][
        "expression"
    ]
    assert expression.isascii()
    if not users and not groups:
        assert expression == "false"
        return
    match = RULE.fullmatch(expression)
    assert match
    assert names_of(match["users"]) == {f"corp:{name}" for name in users}
    assert names_of(match["groups"]) == {f"corp:{name}" for name in groups}
