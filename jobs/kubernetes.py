"""Clients of API servers, and errors that name the object of a request.

lightkube, because of three clients it is the fastest to import (0.10 s against 0.16 of kr8s and
0.18 of kubernetes), the smallest in memory (30 MiB against 41 and 43), typed, and synchronous.
"""

from collections.abc import Callable
from typing import TypeVar

import httpx2
from lightkube import KubeConfig
from lightkube.config.client_adapter import verify_cluster
from lightkube.config.kubeconfig import SingleConfig
from lightkube.config.models import User
from lightkube.core.exceptions import ApiError

from jobs.bounded_api import CALL_SECONDS, Api
from jobs.errors import ConflictError, RefusedError, TransientError
from jobs.transport import Transport, accept_private_ca

FIELD_MANAGER = "caas-rancher-import"
"""Owner of the fields that the programs set: https://kubernetes.io/docs/reference/using-api/server-side-apply/"""

FORBIDDEN, NOT_FOUND, CONFLICT = 403, 404, 409

LONGEST_VALUE = 1000
"""Maximum characters of a value in a ConfigMap; error messages of other systems have no limit."""

NO_MODEL = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""Errors of an answer that is not what an API server answers, such as HTML, or other JSON."""

T = TypeVar("T")


def client(
    config: SingleConfig,
    connect_seconds: float = CALL_SECONDS,
    field_manager: str = FIELD_MANAGER,
) -> Api:
    """Return a client of an API server. Proxies are for Rancher, not for it."""
    user = config.user or User()
    context = verify_cluster(config.cluster, user, config.abs_file, trust_env=False)
    return Api(
        config=config,
        timeout=httpx2.Timeout(CALL_SECONDS, connect=connect_seconds),
        field_manager=field_manager,
        trust_env=False,
        transport=Transport(accept_private_ca(context)),
    )


def host_client(field_manager: str = FIELD_MANAGER) -> Api:
    """Return a client of the pod's cluster, by KUBECONFIG or the service account of the pod."""
    config = KubeConfig.from_env().get()
    if config is None:
        raise RefusedError("BadKubeconfig", "KUBECONFIG names a file without a current context.")
    return client(config, field_manager=field_manager)


def shorten(value: str) -> str:
    """Return a text, cut to what a ConfigMap gets of it."""
    return value if len(value) <= LONGEST_VALUE else f"{value[: LONGEST_VALUE - 1]}…"


def call(action: Callable[[], T], what: str) -> T:
    """Run a request; its errors name the object `what`."""
    try:
        return action()
    except ApiError as error:
        raise _refusal(error, what) from None
    except httpx2.HTTPError as error:
        raise _unreachable(error) from None
    except NO_MODEL:
        raise _unreadable(what) from None


def maybe(action: Callable[[], T], what: str) -> T | None:
    """Run a request on an object that may be absent; return None then."""

    def tolerant() -> T | None:
        try:
            return action()
        except ApiError as error:
            if error.status.code == NOT_FOUND:
                return None
            raise

    return call(tolerant, what)


def _unreadable(what: str) -> TransientError:
    message = f"{what}: the answer is not one of an API server."
    return TransientError("BadAnswer", message)


def _refusal(error: ApiError, what: str) -> RefusedError | TransientError:
    """Distinguish a missing right from a passing error. The status names objects, not contents."""
    message = f"{what}: {error.status.message}"
    if error.status.code == FORBIDDEN:
        return RefusedError("MissingRight", message)
    if error.status.code == CONFLICT:
        return ConflictError("Conflict", message)
    return TransientError("KubernetesRefuses", message)


def _unreachable(error: httpx2.HTTPError) -> TransientError:
    """Return the error with its cause, which holds nothing of the request."""
    message = f"An API server does not answer: {str(error) or type(error).__name__}"
    return TransientError("KubernetesUnreachable", message)
