"""Serve gRPC with mutual TLS, and metrics and probes beside it."""

import asyncio
import contextlib
import datetime as dt
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import structlog
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from crossplane.function.proto.v1beta1 import run_function_pb2 as fnv1beta1
from google.protobuf.message import DecodeError
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from function.response.outcome import Call
from function.server import probes
from function.server.metrics import Metrics
from function.server.response_cache import ResponseCache

DRAIN_SECONDS = 15
"""Time for calls in flight to finish at the end."""

CONNECTION_AGE = (
    ("grpc.max_connection_age_ms", 5 * 60 * 1000),
    ("grpc.max_connection_age_grace_ms", 60 * 1000),
)
"""Crossplane keeps its connections, so a new replica would get no calls. gRPC adds jitter."""

_SERVICES = tuple(
    package.DESCRIPTOR.services_by_name["FunctionRunnerService"].full_name
    for package in (fnv1, fnv1beta1)
)


@dataclass(frozen=True)
class Options:
    """Settings of the server."""

    address: str
    credentials: grpc.ServerCredentials | None
    """Credentials for TLS; None for plain text."""
    grpc: Sequence[tuple[str, int]] = ()
    metrics_address: str = ""
    """Address of metrics and probes; empty to serve none."""
    drain_delay: float = 0
    """Seconds to keep serving after SIGTERM, so that clients can reconnect."""


def serve(options: Options) -> None:
    """Serve until SIGTERM or SIGINT, then let the calls in flight finish.

    Raises RuntimeError if the address is in use: the port is not shared, so that a second server
    is noticed. Raises OSError if the address of the metrics is in use.
    """
    asyncio.run(_serve(options))


def _escape_console() -> None:
    """Escape control characters on the console of `--debug`, as JSON does.

    Names and messages come from Kubernetes and Helm; none of them may begin a new line.
    """
    *processors, last = structlog.get_config()["processors"]
    if isinstance(last, structlog.dev.ConsoleRenderer):
        structlog.configure(processors=[*processors, _escaped, last])


def _escaped(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {
        key: _one_line(value) if isinstance(value, str) else value for key, value in event.items()
    }


def _one_line(text: str) -> str:
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text
    )


async def _serve(options: Options) -> None:
    _escape_console()
    metrics = Metrics()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    server, health_servicer = _server(options, metrics)
    is_serving = False
    with contextlib.ExitStack() as stack:
        if options.metrics_address:
            stack.enter_context(
                probes.serving(
                    options.metrics_address,
                    metrics.registry,
                    lambda: is_serving and not stopped.is_set(),
                )
            )
        await server.start()
        is_serving = True
        structlog.stdlib.get_logger().info(
            "serving", address=options.address, tls=options.credentials is not None
        )
        await stopped.wait()
        await health_servicer.enter_graceful_shutdown()
        await asyncio.sleep(options.drain_delay)
        await server.stop(DRAIN_SECONDS)


def _server(
    options: Options, metrics: Metrics
) -> tuple[grpc.aio.Server, health.aio.HealthServicer]:
    server = grpc.aio.server(options=[*CONNECTION_AGE, *options.grpc, ("grpc.so_reuseport", 0)])
    handler: grpc.RpcMethodHandler[Any, Any] = grpc.unary_unary_rpc_method_handler(
        _handler(metrics),
        request_deserializer=None,
        response_serializer=None,
    )
    # v1beta1 is v1 byte for byte: https://github.com/crossplane/crossplane/tree/main/proto/fn
    for service in _SERVICES:
        method = {"RunFunction": handler}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, method),))
    health_servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    names = (health.SERVICE_NAME, reflection.SERVICE_NAME, *_SERVICES)
    reflection.enable_server_reflection(names, server)
    if options.credentials is None:
        server.add_insecure_port(options.address)
    else:
        server.add_secure_port(options.address, options.credentials)
    return server, health_servicer


def _handler(metrics: Metrics) -> Any:  # noqa: ANN401  # gRPC's own type
    """Return the handler, which answers, counts and logs a call."""
    log = structlog.stdlib.get_logger()
    cache = ResponseCache()

    async def run(data: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        started = time.perf_counter()
        with metrics.in_progress.track_inprogress():
            try:
                answered = cache.answer(data)
            except DecodeError:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "no RunFunctionRequest")
        seconds = time.perf_counter() - started
        call, now = answered.call, dt.datetime.now(dt.UTC)
        metrics.answered(call, seconds, len(data), now, repeated=answered.is_repeated)
        _log(log.bind(tag=answered.tag), call, seconds)
        return answered.data

    return run


def _log(log: structlog.stdlib.BoundLogger, call: Call, seconds: float) -> None:
    """Log a line with names, words of a fixed set and numbers, but no free text.

    A further line has a message that is withheld from the tenant.
    """
    log.info(
        "answered",
        xr=call.name,
        namespace=call.namespace,
        ms=round(seconds * 1000, 1),
        result=call.result,
        reason=call.reason,
        phase=call.phase,
        created=call.created,
        changed=call.changed,
        dropped=call.dropped,
    )
    for kind, words in call.withheld:
        log.warning("withheld", xr=call.name, namespace=call.namespace, type=kind, words=words)
    for kind, status, reason in call.conditions:
        log.debug("condition", xr=call.name, type=kind, status=status, reason=reason)
