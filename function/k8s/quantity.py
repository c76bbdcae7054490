"""Arithmetic on Kubernetes quantities, exact and without floats.

The notation: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/.
Exponents and signs are not supported: a quota needs neither, and `1e3` is a YAML number.
"""

import functools
import math
import re
from decimal import Decimal

PATTERN = r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"

_MULTIPLIERS = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
    "P": Decimal(10**15),
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "Pi": Decimal(2**50),
}
_BINARY = tuple((each, int(_MULTIPLIERS[each])) for each in ("Pi", "Ti", "Gi", "Mi", "Ki"))
_PARTS = re.compile(r"([0-9]+(?:\.[0-9]+)?)([a-zA-Z]*)")


@functools.lru_cache(maxsize=1024)
def parse(text: str) -> Decimal:
    """Return the amount in base units (cores, bytes, pieces)."""
    parts = _PARTS.fullmatch(text)
    if not parts or parts[2] not in _MULTIPLIERS:
        msg = "not a quantity"
        raise ValueError(msg)
    return Decimal(parts[1]) * _MULTIPLIERS[parts[2]]


def is_equal(one: str, other: str) -> bool:
    """Return whether two quantities are the same amount; a malformed one equals none."""
    try:
        return parse(one) == parse(other)
    except ValueError:
        return False


@functools.lru_cache(maxsize=1024)
def cores(amount: Decimal) -> str:
    """Format an amount of CPU as `2` or `1500m`, rounded up to a millicore."""
    milli = math.ceil(amount * 1000)
    return f"{milli}m" if milli % 1000 else str(milli // 1000)


@functools.lru_cache(maxsize=1024)
def size(amount: Decimal) -> str:
    """Format an amount of bytes with the largest exact binary suffix, such as `20Gi`.

    The amount is rounded up to a byte.
    """
    whole = math.ceil(amount)
    for suffix, multiplier in _BINARY:
        if whole and whole % multiplier == 0:
            return f"{whole // multiplier}{suffix}"
    return str(whole)


def of_bytes(size: int) -> str:
    """Return a number of bytes, rounded up to whole Ki, Mi or Gi."""
    for unit in ("Ki", "Mi"):
        size = -(-size // 1024)
        if size < 1024:  # noqa: PLR2004  # the next unit begins
            return f"{size}{unit}"
    return f"{-(-size // 1024)}Gi"
