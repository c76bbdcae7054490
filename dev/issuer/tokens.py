"""Tokens of the issuer, right ones and those that a control plane has to refuse."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from joserfc import jwt

from dev.issuer.keys import ALGORITHM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from joserfc.jwk import RSAKey

MINUTES = 10
"""Validity of a token."""


@dataclass(frozen=True, slots=True)
class User:
    """A user that the issuer knows."""

    name: str
    groups: tuple[str, ...]

    @property
    def claims(self) -> dict[str, object]:
        """Claims of a token that are about them."""
        return {
            "sub": self.name,
            "email": f"{self.name}@example.org",
            "email_verified": True,
            "groups": [*self.groups],
        }


USERS = (User("anna", ("kunde1-admins",)), User("bob", ("kunde2-admins",)))


def claims(
    issuer: str, user: User, audience: str, *, seconds: float = 60 * MINUTES
) -> dict[str, object]:
    """Return the claims of a token; negative seconds make one that has expired."""
    now = int(time.time())
    issued = now if seconds > 0 else now + int(seconds) - 60
    own = {"iss": issuer, "aud": audience, "iat": issued, "exp": now + int(seconds)}
    return {**user.claims, **own}


def signed(content: Mapping[str, object], key: RSAKey) -> str:
    """Return a token, signed by any key."""
    header = {"alg": ALGORITHM, "kid": str(key.kid), "typ": "JWT"}
    return jwt.encode(header, dict(content), key)


def unsigned(content: Mapping[str, object]) -> str:
    """Return a token of the algorithm `none`, which libraries refuse to make."""
    header = {"alg": "none", "typ": "JWT"}
    return ".".join((*(_encoded(part) for part in (header, content)), ""))


def _encoded(part: Mapping[str, object]) -> str:
    text = json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()
