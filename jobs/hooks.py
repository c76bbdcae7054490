"""The bounds of a program that runs as a Job, above all of those that Helm runs as hooks.

Helm uninstalls nothing after a hook that failed or did not end, and provider-helm runs it again
without end. So each step of a hook is a process of its own: it may hang, crash or run out of
memory. The program waits for it, kills it when its time is up, and ends with 0, unless the hook is
one of an upgrade that is to be repeated.
https://helm.sh/docs/topics/charts_hooks/
"""

import multiprocessing
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

import structlog

from jobs.errors import RancherImportError

MEMORY_BYTES = 96 * 1024 * 1024
"""Maximum data of a step. It shares most of it with the program: both fit the 160 MiB of the Jobs,
beyond which the kernel kills all processes of the container."""

NOTE_SECONDS = 10
"""Time for a note, after the time of the work; two notes fit the deadlines of the Jobs."""

KILL_SECONDS = 5
"""Time for a killed step to end."""

FORK = multiprocessing.get_context("fork")
"""A fork starts at once: it has all imports of the program, and needs no file."""

DONE = 0
NOT_DONE = 1

log = structlog.get_logger()


def supervise(steps: Callable[[], object], *, failure: int = DONE) -> NoReturn:
    """Run the steps of a hook and exit with 0, or with `failure` if they fail or return False.

    SIGTERM ends the step and the program, as a failure: the Job restarts on another node.
    """
    end_on_sigterm()
    code = failure
    try:
        code = failure if steps() is False else DONE
    except BaseException as error:  # noqa: BLE001  # any error; its text may quote secrets
        _give_up("InternalError", kind=type(error).__name__)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def attempt(work: Callable[[], bool | None], *, seconds: float) -> bool:
    """Run a step in a process of its own, and return whether it succeeded.

    Returns False if the work returns False, fails, crashes, or exceeds its time.
    """
    step = FORK.Process(target=_run, args=(work,))
    try:
        step.start()
    except OSError as error:
        _give_up("NoProcess", error=error.strerror)
        return False
    step.join(max(0.0, seconds))
    if step.exitcode is None:
        _give_up("TimeIsUp")
        step.kill()
        step.join(KILL_SECONDS)
    elif step.exitcode < 0:
        _give_up("Crashed", signal=-step.exitcode)
    return step.exitcode == DONE


def _run(work: Callable[[], bool | None]) -> NoReturn:
    """Do the work of a step; the exit code is its result."""
    code = NOT_DONE
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        limit_memory()
        code = NOT_DONE if work() is False else DONE
    except RancherImportError as error:
        _give_up(error.reason, message=error.message)
    except BaseException as error:  # noqa: BLE001  # any error; its text may quote secrets
        _give_up("InternalError", kind=type(error).__name__)
    finally:
        os._exit(code)


def limit_memory() -> None:
    """Turn too much memory into an error of the step, before the kernel kills the container."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))


def _give_up(reason: str, **details: object) -> None:
    log.warning("giving up", reason=reason, **details)


def _terminate(*_: object) -> NoReturn:
    for step in multiprocessing.active_children():
        step.kill()
    os._exit(128 + signal.SIGTERM)


def end_on_sigterm() -> None:
    """End the program on SIGTERM, which the first process of a container ignores otherwise."""
    signal.signal(signal.SIGTERM, _terminate)


def end_after(seconds: float, code: int) -> None:
    """Exit with a code after some time, even while a request hangs."""
    timer = threading.Timer(seconds, os._exit, (code,))
    timer.daemon = True
    timer.start()
