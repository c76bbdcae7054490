"""Helm values: merge as Helm does, and replace the value at a path.

https://helm.sh/docs/chart_template_guide/values_files/.
"""

from collections.abc import Mapping, Sequence

from function.k8s.fieldpath import mapping

Values = dict[str, object]


def merge(*layers: Mapping[str, object]) -> Values:
    """Merge values as Helm does: maps by key, later layers win, lists and scalars are replaced."""
    return _copied(overlaid({}, *layers))


def overlaid(lowest: Mapping[str, object], *layers: Mapping[str, object]) -> Values:
    """Merge values without copies: a map that only one layer has is that layer's own object."""
    merged: Values = dict(lowest)
    for layer in layers:
        for key, value in layer.items():
            below = merged.get(key)
            if isinstance(value, dict) and isinstance(below, dict):
                merged[key] = overlaid(below, value)
            else:
                merged[key] = value
    return merged


def nested(keys: Sequence[str], value: object) -> Values:
    """Return values with a single value, at these keys."""
    key, *below = keys
    return {key: nested(below, value) if below else value}


def replace_at(
    values: Mapping[str, object], path: Sequence[str], other: Mapping[str, object]
) -> Values:
    """Replace the value at a path by that of the other values; remove it if they have none."""
    key, *below = path
    changed = dict(values)
    if below:
        inner = replace_at(mapping(values.get(key)), below, mapping(other.get(key)))
        if inner or key in other:
            changed[key] = inner
        else:
            changed.pop(key, None)
    elif key in other:
        changed[key] = other[key]
    else:
        changed.pop(key, None)
    return changed


def _copied(values: Values) -> Values:
    return {
        key: _copied(value) if isinstance(value, dict) else value for key, value in values.items()
    }
