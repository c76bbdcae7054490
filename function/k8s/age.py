"""Public keys of age: Bech32, whose checksum finds every mistyped key.

A backup that is encrypted for a mistyped key is lost. The form is that of
https://github.com/C2SP/C2SP/blob/main/age.md#the-x25519-recipient-type.
"""

PREFIX = "age"
CHARACTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
PATTERN = r"^age1[02-9ac-hj-np-z]{58}$"

_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def is_public_key(text: str) -> bool:
    """Return whether the checksum of a text of the pattern is right."""
    data = [CHARACTERS.index(sign) for sign in text.removeprefix(f"{PREFIX}1")]
    return _remainder([*_expanded(PREFIX), *data]) == 1


def _expanded(prefix: str) -> list[int]:
    """Return the values that stand for the prefix in a checksum."""
    return [*(ord(sign) >> 5 for sign in prefix), 0, *(ord(sign) & 31 for sign in prefix)]


def _remainder(values: list[int]) -> int:
    """Return the checksum, 1 for a text that has one."""
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, factor in enumerate(_GENERATOR):
            checksum ^= factor if top >> bit & 1 else 0
    return checksum
