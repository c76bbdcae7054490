"""Read untrusted YAML within bounds.

Ten lines of aliases can expand to more objects than fit into memory, so the values of a document
are counted before they are built.
"""

from collections.abc import Iterator
from typing import TextIO

import yaml

MOST_BYTES = 64 * 1024 * 1024
"""Maximum size of a file, enough for lists of all objects of a large control plane."""

MOST_NODES = 2_000_000
"""Maximum number of values of a file, each alias counted with its expansion."""

DEEPEST = 100


class TooLargeError(yaml.YAMLError):
    """A document beyond the bounds."""


class _Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """A safe loader, in C where available."""


def read(source: TextIO | str) -> Iterator[object]:
    """Yield the documents of YAML text. Raises `yaml.YAMLError`."""
    text = source if isinstance(source, str) else source.read(MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise TooLargeError
    left = MOST_NODES
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            left -= _size(node, {}, 0)
            if left < 0:
                raise TooLargeError
            yield loader.construct_document(node)
    except RecursionError:
        raise TooLargeError from None
    finally:
        loader.dispose()


def _size(node: yaml.Node, known: dict[int, int], depth: int) -> int:
    """Return the number of values of a node, aliases expanded."""
    if id(node) in known:
        return known[id(node)]
    if depth > DEEPEST:
        raise TooLargeError
    known[id(node)] = MOST_NODES + 1  # exceeded by an alias within itself
    below: list[yaml.Node] = []
    if isinstance(node, yaml.SequenceNode):
        below = node.value
    elif isinstance(node, yaml.MappingNode):
        below = [part for pair in node.value for part in pair]
    size = 1 + sum(_size(one, known, depth + 1) for one in below)
    known[id(node)] = min(size, MOST_NODES + 1)
    return known[id(node)]
