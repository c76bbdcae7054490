"""Problems for pydantic's errors: field, rule and remedy.

They never contain the value, which may be secret.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from function.api.errors import Path, Problem
from function.api.fields import Form
from function.k8s.fieldpath import Missing, reach

KEY = "[key]"
"""Last step of pydantic's path to a malformed key of a map."""

_SENTENCES = {
    "missing": ("is required", "Add it."),
    "int_type": ("must be a whole number", "Write digits without quotes."),
    "bool_type": ("must be true or false", "Write it without quotes."),
    "dict_type": ("must be a map", "Write key: value pairs below it."),
    "model_type": ("must be a map", "Write key: value pairs below it."),
    "list_type": ("must be a list", "Write entries that begin with '-'."),
}
"""Rule and remedy by pydantic's type of error."""


def problem(model: type[BaseModel], raw: object, detail: ErrorDetails, root: str) -> Problem:
    """Return the problem for an error of pydantic."""
    path = detail["loc"]
    field, there = _field(root, path), _there(raw, path)
    if detail["type"] == "extra_forbidden":
        known = ", ".join(sorted(_known(model, path[:-1])))
        remedy = f"Remove it or correct it. Known: {known}."
        return Problem(field, "is not a known field", remedy, there)
    if detail["type"] == "string_type":
        return Problem(field, *_text(form(model, path), reach(raw, path)), there)
    if detail["type"] in _SENTENCES:
        return Problem(field, *_SENTENCES[detail["type"]], there)
    described = form(model, path)
    if detail["type"] == "string_pattern_mismatch" and described:
        return Problem(field, f"must be {described.words}", "Correct it.", there)
    rule = re.sub("^(Input|String|List|Dictionary) should ", "must ", detail["msg"])
    return Problem(field, rule.removeprefix("Value error, "), "Correct it.", there)


def counted(raw: object, detail: ErrorDetails, root: str) -> Problem:
    """Return a short problem for an error that a message only counts.

    A whole one takes a tenth of a millisecond, and a spec may have hundreds of errors.
    """
    path = detail["loc"]
    return Problem(_field(root, path), "is malformed", "Correct it.", _there(raw, path))


def form(model: type[BaseModel], path: Path) -> Form | None:
    """Return the form of the text at a path of a model, or None."""
    return next((each for each in _reached(model, path) if isinstance(each, Form)), None)


def models(annotation: object) -> Iterator[type[BaseModel]]:
    """Yield the models in an annotation such as `list[Reader] | None`."""
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            yield option
        elif get_origin(option) is list:
            yield from models(get_args(option)[0])


def _text(described: Form | None, value: object) -> tuple[str, str]:
    """Return rule and remedy for a value that must be text."""
    if isinstance(value, Mapping):
        return "must be text, not a map", "Write it behind the colon, with nothing below it."
    if isinstance(value, list):
        return "must be text, not a list", "Write it behind the colon, with nothing below it."
    example = f', like "{described.example}"' if described else ""
    return "must be text", f"Write it in quotes{example}."


def _there(raw: object, path: Path) -> Path:
    """Return the existing part of a path: a missing field is a problem of its parent."""
    prefixes = (path[:length] for length in range(len(path), 0, -1))
    return next((each for each in prefixes if reach(raw, each) is not Missing), ())


def _field(root: str, path: Sequence[int | str]) -> str:
    field = root
    for step in path:
        field += f"[{step}]" if isinstance(step, int) else f".{step}"
    return field


def _known(model: type[BaseModel], path: Path) -> list[str]:
    """Return the fields of the model at a path."""
    options = [each for one in _reached(model, path) for each in models(one)]
    return [field.alias or name for each in options for name, field in each.model_fields.items()]


def _reached(model: type[BaseModel], path: Path) -> list[object]:
    """Return the annotations at a path of a model."""
    annotations: list[object] = [model]
    for step in path:
        annotations = [each for one in annotations for each in _below(one, str(step))]
    return annotations


def _below(annotation: object, step: str) -> Iterator[object]:
    """Yield the annotations one step below: field, key or value of a map, or entry of a list."""
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            for name, field in option.model_fields.items():
                if step in (name, field.alias):
                    yield from (*_options(field.annotation), *field.metadata)
        elif get_origin(option) is dict:
            key, value = get_args(option)
            yield from _options(value)
            yield _Key(key)
        elif get_origin(option) is list and step != KEY:
            yield from _options(get_args(option)[0])
        elif isinstance(option, _Key) and step == KEY:
            yield from _options(option.annotation)


@dataclass(frozen=True)
class _Key:
    """The keys of a map: pydantic reports a malformed one as two steps, the key and `KEY`."""

    annotation: object


def _options(annotation: object) -> Iterator[object]:
    """Yield the parts of an annotation such as `Annotated[str, ...] | None`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        option, *metadata = get_args(annotation)
        yield from _options(option)
        yield from metadata
    elif origin in (dict, list) or not get_args(annotation):
        yield annotation
    else:
        for option in get_args(annotation):
            yield from _options(option)
