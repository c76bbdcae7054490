"""What pydantic finds becomes a sentence that shows neither a regular expression nor a value."""

from collections.abc import Iterator
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from function.api import findings
from function.api.fields import Form
from function.api.input import Input
from function.api.xr import Spec


def texts(annotation: object, seen: set[object]) -> Iterator[list[Any]]:
    """Yield all that is said of each text of a model, below whatever lists and maps."""
    options = [*findings._options(annotation)]  # noqa: SLF001  # how annotations are taken apart
    yield options
    for option in options:
        if isinstance(option, type) and issubclass(option, BaseModel) and option not in seen:
            seen.add(option)
            for field in option.model_fields.values():
                yield [*findings._options(field.annotation), *field.metadata]  # noqa: SLF001
                yield from texts(field.annotation, seen)
        elif get_origin(option) in (dict, list):
            for argument in get_args(option):
                yield from texts(argument, seen)


def patterns(options: list[Any]) -> list[str]:
    """Return the regular expressions among what is said of a text."""
    inner = [each for option in options for each in getattr(option, "metadata", ())]
    found = (getattr(each, "pattern", None) for each in (*options, *inner))
    return [pattern for pattern in found if pattern]


@pytest.mark.parametrize("model", [Spec, Input])
def test_every_pattern_is_said_in_words(model: type[BaseModel]) -> None:
    """A regular expression helps those few who read it."""
    bounded = [options for options in texts(model, set()) if patterns(options)]
    assert len(bounded) > 5
    for options in bounded:
        assert any(isinstance(option, Form) for option in options), patterns(options)


@pytest.mark.parametrize(
    ("model", "path", "example"),
    [
        (Spec, ("quota", "cpu"), "1.5"),
        (Spec, ("storage", "size"), "10Gi"),
        (Spec, ("kubernetesVersion",), "1.35"),
        (Spec, ("kubeconfigReaders", 0, "name"), "Platform Admins"),
        (Spec, ("rancher", "clusterName"), "small"),
        (Input, ("plans", "large", "[key]"), "small"),
        (Input, ("plans", "large", "resources", "limits", "cpu"), "1.5"),
        (Input, ("vcluster", "kubernetes", "compatibility", "0.36", 0), "1.35"),
        (Input, ("vcluster", "kubernetes", "compatibility", "v0.36", "[key]"), "0.36"),
    ],
)
def test_the_example_is_of_the_field(
    model: type[BaseModel], path: tuple[str | int, ...], example: str
) -> None:
    """Whoever reads of a quota is not told how a version looks."""
    found = findings.form(model, path)
    assert found
    assert found.example == example


def test_a_text_without_a_form() -> None:
    """Any text would do."""
    assert findings.form(Spec, ("rancher", "owners", 0, "role")) is None
