"""The keys of the issuer: a file with all of them, of which the first one signs."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from joserfc.jwk import KeySet, RSAKey

if TYPE_CHECKING:
    from pathlib import Path

    from joserfc.jwk import KeyParameters, KeySetSerialization

ALGORITHM = "RS256"
BITS = 2048
FILE = "keys.json"


class Keys:
    """The keys of a folder, read with each use: tests rotate them while the issuer runs."""

    def __init__(self, folder: Path) -> None:
        """Make the first key, unless there is one."""
        self._file = folder / FILE
        if not self._file.exists():
            folder.mkdir(parents=True, exist_ok=True)
            self._write([new_key()])

    def all(self) -> list[RSAKey]:
        """Return the keys, beginning with the one that signs."""
        keys = json.loads(self._file.read_text())["keys"]
        return [RSAKey.import_key(each) for each in keys]

    def public(self) -> KeySetSerialization:
        """Return what clients may know of the keys."""
        return KeySet([*self.all()]).as_dict(private=False)

    def rotate(self, *, keep: bool = True) -> None:
        """Sign with a new key from now on; with `keep`, what was signed before stays valid."""
        self._write([new_key(), *(self.all() if keep else ())])

    def _write(self, keys: list[RSAKey]) -> None:
        partial = self._file.with_suffix(".partial")
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(KeySet([*keys]).as_dict(private=True)))
        partial.replace(self._file)


def new_key() -> RSAKey:
    """Return a key that signs."""
    parameters: KeyParameters = {"kid": secrets.token_hex(8), "use": "sig", "alg": ALGORITHM}
    return RSAKey.generate_key(BITS, parameters)
