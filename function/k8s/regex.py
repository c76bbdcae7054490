"""Regular expressions in time linear to the text.

Python's own `re` backtracks: a pattern such as `^([a-z]+-?)+$` takes years for 63 characters, and
the function has one thread. Pydantic validates `pattern` with Rust's engine, which has neither
look-around nor back-references: https://docs.rs/regex/latest/regex/#untrusted-input.
"""

import functools

from pydantic_core import SchemaError, SchemaValidator, core_schema

MOST_PATTERNS = 128
"""Size of the cache; a pattern with a placeholder has an entry for each VCluster."""


def is_valid(pattern: str) -> bool:
    """Return whether the engine accepts a pattern."""
    try:
        _compiled(pattern)
    except SchemaError:
        return False
    return True


def matches(pattern: str, text: str) -> bool:
    """Return whether a pattern matches a part of a text."""
    return _compiled(pattern).isinstance_python(text)


@functools.lru_cache(maxsize=MOST_PATTERNS)
def _compiled(pattern: str) -> SchemaValidator:
    return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))
