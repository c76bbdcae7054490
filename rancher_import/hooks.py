"""The bounds of a program that runs as a Job, above all of those that Helm runs as hooks.

Helm uninstalls nothing after a hook that failed or did not end, and provider-helm runs it again
without end. So the work of a hook has a time that needs no cooperation, a bound of memory, and no
error that would be the program's: it ends with 0, and what is left behind is written down.
https://helm.sh/docs/topics/charts_hooks/
"""

import os
import resource
import sys
import threading
from collections.abc import Callable
from typing import NoReturn, TypeVar

import structlog

from rancher_import.errors import RancherImportError

MEMORY_BYTES = 96 * 1024 * 1024
"""Data of the process: of the 128 MiB of the Jobs, beyond which the kernel ends a process that
then can write nothing down."""

NOTE_SECONDS = 10
"""Time for a note, after the time of the work: twice, it fits the deadlines of the Jobs."""

T = TypeVar("T")

log = structlog.get_logger()


def limit_memory() -> None:
    """Make too much memory an error of the program's, which `attempt` survives."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))


def attempt(work: Callable[[], T], otherwise: T, *, seconds: float) -> T:
    """Return what the work returns, or the alternative when it fails or its time is up.

    It runs in a thread, which is left behind then: a read, a resolver or a loop may never return.
    """
    results: list[T] = []
    thread = threading.Thread(target=lambda: results.extend(_result(work)), daemon=True)
    try:
        thread.start()
    except RuntimeError:
        log.warning("giving up", reason="NoThread")
        return otherwise
    thread.join(max(0.0, seconds))
    if results:
        return results[0]
    if thread.is_alive():
        log.warning("giving up", reason="TimeIsUp")
    return otherwise


def _result(work: Callable[[], T]) -> list[T]:
    try:
        return [work()]
    except RancherImportError as error:
        log.warning("giving up", reason=error.reason, message=error.message)
    except BaseException as error:  # noqa: BLE001  # whatever it is, it may quote what is secret
        log.warning("giving up", reason="InternalError", kind=type(error).__name__)
    return []


def end_after(seconds: float, code: int) -> None:
    """End the process with a code if it still runs then, whatever it waits for."""
    timer = threading.Timer(seconds, os._exit, (code,))
    timer.daemon = True
    timer.start()


def end() -> NoReturn:
    """End well, with work that was left behind still under way."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
