"""Arguments of the API server that exclude the file of issuers: it would not start with both."""

from collections.abc import Iterator, Mapping

from function.api.errors import Problem
from function.k8s.fieldpath import get, sequence

ARGUMENTS = ("controlPlane", "distro", "k8s", "apiServer", "extraArgs")
"""Path of the API server's arguments in the chart's values."""

FILE = "authentication-config"

_EXCLUDED = (FILE, "anonymous-auth", "oidc-")
_GATE = "StructuredAuthenticationConfiguration"


def problems(layers: Mapping[str, Mapping[str, object]]) -> Iterator[Problem]:
    """Yield a problem for each excluded argument in chart values, by their field."""
    for field, values in layers.items():
        for index, argument in enumerate(sequence(get(values, *ARGUMENTS))):
            if isinstance(argument, str) and _is_excluded(argument):
                yield Problem(
                    ".".join((field, *ARGUMENTS)) + f"[{index}]",
                    "excludes the file of issuers: the API server would not start",
                    "Remove it, and name the issuer in input.access.issuers.",
                )


def _is_excluded(argument: str) -> bool:
    """Return whether an argument is excluded, which may have `_` in the place of `-`."""
    flag = argument.strip().lstrip("-").partition("=")[0].replace("_", "-")
    return flag.startswith(_EXCLUDED) or _GATE in argument
