"""References to images, and their mirrors.

The grammar and its defaults: https://pkg.go.dev/github.com/distribution/reference.
"""

from collections.abc import Mapping
from dataclasses import dataclass

DOCKER = "docker.io"
"""The registry of a reference that names none."""

DOCKER_ALIAS = "index.docker.io"
"""Another name of that registry."""

HOST = r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?|\[[0-9a-f:]+\])(:[0-9]{1,5})?"
PATH = r"(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"


@dataclass(frozen=True)
class Reference:
    """The parts of a reference, defaults included."""

    registry: str
    repository: str
    suffix: str
    """Tag and digest with their separators, `:1.36.1@sha256:...`, or nothing."""

    def __str__(self) -> str:
        """Return the whole reference."""
        return f"{self.registry}/{self.repository}{self.suffix}"


def parse(reference: str) -> Reference:
    """Return the parts of a reference; a malformed one is split as well."""
    name, at, digest = reference.partition("@")
    first, slash, rest = name.partition("/")
    registry, path = (first, rest) if slash and is_registry(first) else (DOCKER, name)
    repository, colon, tag = path.partition(":")
    if registry in (DOCKER, DOCKER_ALIAS):
        registry = DOCKER
        repository = repository if "/" in repository else f"library/{repository}"
    return Reference(registry, repository, f"{colon}{tag}{at}{digest}")


def is_registry(first: str) -> bool:
    """Return whether the first part of a reference is a registry, and not part of a repository."""
    return any(sign in first for sign in ".:") or first == "localhost" or first != first.lower()


def mirror(reference: str, registries: Mapping[str, str]) -> str:
    """Return the reference in the registry's mirror, or the reference itself if there is none."""
    parts = parse(reference)
    if parts.registry not in registries:
        return reference
    return f"{registries[parts.registry]}/{parts.repository}{parts.suffix}"
