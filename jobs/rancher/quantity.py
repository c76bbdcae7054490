"""Kubernetes quantities, whose texts Rancher normalizes."""

import re
from decimal import Decimal

_UNITS = {unit: Decimal(1000) ** power for power, unit in enumerate(["", "k", "M", "G", "T", "P"])}
_UNITS |= {f"{unit}i": Decimal(1024) ** power for power, unit in enumerate(".KMGTP") if power}
_UNITS["m"] = Decimal("0.001")


def is_equal(one: object, other: object) -> bool:
    """Return whether two quantities are the same amount; an invalid one equals none."""
    amount = _amount(one)
    return amount is not None and amount == _amount(other)


def _amount(value: object) -> Decimal | None:
    parts = re.fullmatch(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)([a-zA-Z]{0,2})", str(value))
    if not parts or parts[2] not in _UNITS:
        return None
    return Decimal(parts[1]) * _UNITS[parts[2]]
