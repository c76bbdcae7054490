"""Sentences for pydantic's findings: field, rule and remedy.

The value never appears in them: it may be secret.
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
"""Step of a path by which pydantic means the key of a map."""

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
    """Return what pydantic found, for people."""
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
    """Return a finding that a message counts and does not name.

    A sentence takes a tenth of a millisecond, and a spec may be wrong in hundreds of fields.
    """
    path = detail["loc"]
    return Problem(_field(root, path), "is malformed", "Correct it.", _there(raw, path))


def form(model: type[BaseModel], path: Path) -> Form | None:
    """Return the form of the text at a path of a model, as far as it has one."""
    return next((each for each in _reached(model, path) if isinstance(each, Form)), None)


def models(annotation: object) -> Iterator[type[BaseModel]]:
    """Yield the models that an annotation such as `list[Reader] | None` leads to."""
    for option in _options(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            yield option
        elif get_origin(option) is list:
            yield from models(get_args(option)[0])


def _text(described: Form | None, value: object) -> tuple[str, str]:
    """Return rule and remedy for what is no text."""
    if isinstance(value, Mapping):
        return "must be text, not a map", "Write it behind the colon, with nothing below it."
    if isinstance(value, list):
        return "must be text, not a list", "Write it behind the colon, with nothing below it."
    example = f', like "{described.example}"' if described else ""
    return "must be text", f"Write it in quotes{example}."


def _there(raw: object, path: Path) -> Path:
    """Return the part of a path that exists: a missing field is a fault of what should have it."""
    found = (path[:length] for length in range(len(path), 0, -1))
    return next((each for each in found if reach(raw, each) is not Missing), ())


def _field(root: str, path: Sequence[int | str]) -> str:
    field = root
    for step in path:
        field += f"[{step}]" if isinstance(step, int) else f".{step}"
    return field


def _known(model: type[BaseModel], path: Path) -> list[str]:
    """Return the fields of the model that the path leads to."""
    found = [each for one in _reached(model, path) for each in models(one)]
    return [field.alias or name for each in found for name, field in each.model_fields.items()]


def _reached(model: type[BaseModel], path: Path) -> list[object]:
    """Return what annotates the end of a path of a model."""
    annotations: list[object] = [model]
    for step in path:
        annotations = [each for one in annotations for each in _below(one, str(step))]
    return annotations


def _below(annotation: object, step: str) -> Iterator[object]:
    """Yield what a step leads to: a field of a model, or key or value of a map, or an entry."""
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
    """The keys of a map: one that is wrong comes as two steps of a path, the key and `KEY`."""

    annotation: object


def _options(annotation: object) -> Iterator[object]:
    """Yield what an annotation such as `Annotated[str, ...] | None` consists of."""
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
