"""Helm values: merging as Helm does, and setting one path.

https://helm.sh/docs/chart_template_guide/values_files/.
"""

from collections.abc import Mapping, Sequence

from function.k8s.fieldpath import mapping

Values = dict[str, object]


def merge(*layers: Mapping[str, object]) -> Values:
    """Merge as Helm does: maps by key, later layers win, lists and scalars are replaced."""
    return _copied(overlaid({}, *layers))


def overlaid(lowest: Mapping[str, object], *layers: Mapping[str, object]) -> Values:
    """Merge, but a map that only one layer has is that layer's own."""
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
    """Return values with nothing but this one, at these keys."""
    key, *below = keys
    return {key: nested(below, value) if below else value}


def replace_at(
    values: Mapping[str, object], path: Sequence[str], other: Mapping[str, object]
) -> Values:
    """Return the values with what others have at the path, or without it if they have nothing."""
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
