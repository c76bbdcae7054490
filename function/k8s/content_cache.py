"""Cache results of pure functions by the content of their arguments.

Plain maps and lists have no hash, but their JSON has one, and writing it takes pydantic a few
microseconds.
"""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from pydantic_core import to_json

P = ParamSpec("P")
R = TypeVar("R")

LONGEST_KEY = 8 * 1024
"""Bytes of the longest arguments whose result is kept. It bounds the size of a cache."""


def cached_by_content(most: int) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator that keeps at most so many results, those that were used last.

    The function is pure, its arguments are plain values and models, and nothing changes its
    results. An error is not kept.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        results: dict[bytes, R] = {}

        @functools.wraps(function)
        def cached(*args: P.args, **kwargs: P.kwargs) -> R:
            key = to_json((args, kwargs))
            result = results.pop(key) if key in results else function(*args, **kwargs)
            if len(key) <= LONGEST_KEY:
                results[key] = result
            if len(results) > most:
                del results[next(iter(results))]
            return result

        return cached

    return decorate
