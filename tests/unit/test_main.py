"""The server as its users start it: flags, TLS, errors in one line, a drained shutdown."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from crossplane.function.proto.v1 import run_function_pb2_grpc as grpcv1
from crossplane.function.proto.v1beta1 import run_function_pb2 as fnv1beta1
from crossplane.function.proto.v1beta1 import run_function_pb2_grpc as grpcv1beta1

from dev.platform.function_certificates import write_certificates
from dev.scripts import life
from function import protobuf
from tests.support.tools import ROOT

FUNCTION = [sys.executable, "-m", "function"]


@pytest.fixture
def address() -> str:
    """Return a free address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


@contextmanager
def serving(*flags: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    """Run the server until the block ends."""
    server = subprocess.Popen(
        [*FUNCTION, *flags], env={**os.environ, **env}, stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout
        line = server.stdout.readline()
        assert "serving" in line, line
        yield server
    finally:
        server.kill()
        server.communicate()


def call(channel: grpc.Channel, timeout: float = 10) -> fnv1.RunFunctionResponse:
    """Call the function for a ready example."""
    return run(channel, life.request("kunde1", "ready"), timeout)


def run(
    channel: grpc.Channel, req: fnv1.RunFunctionRequest, timeout: float
) -> fnv1.RunFunctionResponse:
    """Call the function."""
    stub = grpcv1.FunctionRunnerServiceStub(channel)  # type: ignore[no-untyped-call]
    rsp: fnv1.RunFunctionResponse = stub.RunFunction(req, timeout=timeout)
    return rsp


def test_serves_without_tls(address: str) -> None:
    """`--insecure --address` serves plain text, for rendering on one's own machine."""
    with serving("--insecure", "--address", address), grpc.insecure_channel(address) as channel:
        assert call(channel).meta.ttl.seconds == 120


def test_flags_by_environment(address: str) -> None:
    """Flags can be given by environment, as in a pod."""
    with serving(INSECURE="true", ADDRESS=address), grpc.insecure_channel(address) as channel:
        assert call(channel).meta.ttl.seconds == 120


def test_serves_the_beta_api(address: str) -> None:
    """An older Crossplane finds the v1beta1 service."""
    with serving("--insecure", "--address", address), grpc.insecure_channel(address) as channel:
        wire = life.request("kunde1", "ready").SerializeToString()
        stub = grpcv1beta1.FunctionRunnerServiceStub(channel)  # type: ignore[no-untyped-call]
        rsp = stub.RunFunction(fnv1beta1.RunFunctionRequest.FromString(wire), timeout=10)
        assert rsp.meta.ttl.seconds == 120


def test_bytes_on_the_wire_are_deterministic(address: str) -> None:
    """What a server sends is, byte for byte, what any process makes of the same request."""
    with serving("--insecure", "--address", address), grpc.insecure_channel(address) as channel:
        raw: Callable[..., bytes] = channel.unary_unary(
            "/apiextensions.fn.proto.v1.FunctionRunnerService/RunFunction",
            request_serializer=fnv1.RunFunctionRequest.SerializeToString,
            response_deserializer=None,
        )
        sent = raw(life.request("kunde1", "ready"), timeout=10)
        assert sent == protobuf.serialize(call(channel))


def test_mutual_tls(address: str, tmp_path: Path) -> None:
    """With certificates, only a client with one of the same CA is answered."""
    write_certificates(tmp_path)
    ca, crt, key = ((tmp_path / n).read_bytes() for n in ("ca.crt", "tls.crt", "tls.key"))
    name = address.replace("127.0.0.1", "localhost")
    with serving("--tls-server-certs-dir", str(tmp_path), "--address", address):
        known = grpc.ssl_channel_credentials(ca, key, crt)
        with grpc.secure_channel(name, known) as channel:
            assert call(channel).meta.ttl.seconds == 120
        for channel in (
            grpc.secure_channel(name, grpc.ssl_channel_credentials(ca)),
            grpc.insecure_channel(address),
        ):
            with channel, pytest.raises(grpc.RpcError) as refused:
                call(channel, timeout=3)
            assert refused.value.code() == grpc.StatusCode.UNAVAILABLE


def test_message_size(address: str) -> None:
    """`--max-recv-message-size` admits what the default of 4 MB refuses."""
    req = life.request("kunde1", "ready")
    req.context["filler"] = "x" * (5 * 1024 * 1024)

    def big(*flags: str) -> int:
        size = [("grpc.max_receive_message_length", -1)]
        with (
            serving("--insecure", "--address", address, *flags),
            grpc.insecure_channel(address, options=size) as channel,
        ):
            return run(channel, req, timeout=20).meta.ttl.seconds

    assert big("--max-recv-message-size", "8") == 120
    with pytest.raises(grpc.RpcError) as refused:
        big()
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stops_cleanly(address: str, number: signal.Signals) -> None:
    """A stopped pod ends at once and without an error when no call is in flight."""
    with serving("--insecure", "--address", address) as server:
        started = time.monotonic()
        server.send_signal(number)
        assert server.wait(timeout=10) == 0
        assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        pytest.param(
            [], "give --tls-server-certs-dir, or --insecure to serve without TLS", id="no-tls"
        ),
        pytest.param(
            ["--tls-server-certs-dir", "/nowhere"],
            "cannot read /nowhere/tls.crt: No such file or directory",
            id="no-certificates",
        ),
        pytest.param(
            ["--insecure", "--address", "256.0.0.1:1"],
            "cannot serve at 256.0.0.1:1: it is taken or no address, or the certificates are bad",
            id="no-address",
        ),
        pytest.param(
            ["--insecure", "--max-recv-message-size", "0"],
            "the message sizes are in MB and must be at least 1",
            id="no-message-size",
        ),
    ],
)
def test_start_up_errors(flags: list[str], line: str) -> None:
    """What keeps the server from starting is one line and an exit code."""
    done = subprocess.run(
        [*FUNCTION, *flags], check=False, capture_output=True, text=True, timeout=20
    )
    assert (done.returncode, done.stderr) == (1, f"function: {line}\n")


def test_a_taken_address_is_an_error(address: str) -> None:
    """A second server does not silently share the port of the first."""
    with serving("--insecure", "--address", address):
        done = subprocess.run(
            [*FUNCTION, "--insecure", "--address", address],
            check=False,
            capture_output=True,
            text=True,
            timeout=20,
        )
    assert done.returncode == 1
    assert done.stderr.startswith(f"function: cannot serve at {address}: it is taken")


INPUT: dict[str, Any] = {
    "apiVersion": "vcluster.fn.caas.telekom.de/v1beta1",
    "kind": "Input",
    "vcluster": {
        "chart": {"versions": ["0.36.1"]},
        "kubernetes": {"versions": ["1.36.0"], "default": "1.36.0"},
    },
    "charts": {"repository": "oci://ghcr.io/example/charts", "version": "0.1.0"},
    "image": "ghcr.io/example/function-vcluster:0.1.0",
    "registries": {"ghcr.io": "mirror.example.org/ghcr"},
    "defaultPlan": "small",
    "plans": {"small": {}},
}
COMPOSITION = ROOT / "apis" / "cluster" / "composition.yaml"


def images(*arguments: str, stdin: object = None) -> subprocess.CompletedProcess[str]:
    """Run `function images`; what is given on standard input is written as YAML."""
    return subprocess.run(
        [*FUNCTION, "images", *arguments],
        input=stdin if isinstance(stdin, str) else yaml.safe_dump(stdin),
        check=False,
        capture_output=True,
        text=True,
        timeout=20,
    )


def test_lists_the_images_of_our_composition() -> None:
    """Whoever fills a mirror reads one image a line, each once, in order."""
    done = images(str(COMPOSITION))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "docker.io/coredns/coredns:1.12.1",
        "docker.io/coredns/coredns:1.14.1",
        "docker.io/coredns/coredns:1.14.2",
        "ghcr.io/example/function-vcluster:0.1.0",
        "ghcr.io/loft-sh/kubernetes:v1.34.3",
        "ghcr.io/loft-sh/kubernetes:v1.35.0",
        "ghcr.io/loft-sh/kubernetes:v1.36.0",
        "ghcr.io/loft-sh/vcluster-oss:0.34.7",
        "ghcr.io/loft-sh/vcluster-oss:0.35.3",
        "ghcr.io/loft-sh/vcluster-oss:0.36.1",
        "mirror.gcr.io/library/alpine:3.20",
        "registry.k8s.io/etcd:3.6.4-0",
        "registry.k8s.io/etcd:3.6.8-0",
    ]


def test_lists_pairs_for_a_loop() -> None:
    """A tab stands between an image and where it is pulled from, which may be itself."""
    done = images("--output=pairs", "-", stdin=INPUT)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (
        "docker.io/coredns/coredns:1.14.2\tdocker.io/coredns/coredns:1.14.2\n"
        "ghcr.io/loft-sh/kubernetes:v1.36.0\tmirror.example.org/ghcr/loft-sh/kubernetes:v1.36.0\n"
        "ghcr.io/loft-sh/vcluster-oss:0.36.1\t"
        "mirror.example.org/ghcr/loft-sh/vcluster-oss:0.36.1\n"
        "mirror.gcr.io/library/alpine:3.20\tmirror.gcr.io/library/alpine:3.20\n"
        "registry.k8s.io/etcd:3.6.8-0\tregistry.k8s.io/etcd:3.6.8-0\n"
    )


def test_lists_as_json() -> None:
    """Other programs read a list."""
    done = images("-", "-o", "json", stdin=INPUT)
    assert json.loads(done.stdout)[1] == {
        "source": "ghcr.io/loft-sh/kubernetes:v1.36.0",
        "mirror": "mirror.example.org/ghcr/loft-sh/kubernetes:v1.36.0",
    }


@pytest.mark.parametrize(
    ("stdin", "line"),
    [
        pytest.param(
            {"kind": "Composition"},
            "- has no Input of this function, and no Composition with one",
            id="no-input",
        ),
        pytest.param("a: [", "- is not YAML, or too large", id="no-yaml"),
        pytest.param(
            {**INPUT, "pullSecret": "SECRET"},
            "input.pullSecret: must be a name such as fast-ssd: lower case letters, "
            "digits, dashes and dots. Correct it.",
            id="invalid-input",
        ),
    ],
)
def test_images_errors(stdin: object, line: str) -> None:
    """What cannot be listed is one line and an exit code, and no list."""
    done = images("-", stdin=stdin)
    stderr = done.stderr.replace("<stdin>", "-")
    assert (done.returncode, done.stdout, stderr) == (1, "", f"function: {line}\n")


def test_an_unknown_chart_gives_no_list() -> None:
    """A list that lacks images would be found out on the day on which there is no internet."""
    chart = {"chart": {"versions": ["0.36.1", "0.37.0"]}}
    done = images("-", stdin={**INPUT, "vcluster": {**INPUT["vcluster"], **chart}})
    assert (done.returncode, done.stdout) == (1, "")
    assert "has 0.37.0, of which the tag of etcd is not known here" in done.stderr


def test_a_missing_file_is_an_error_of_the_call() -> None:
    """As with every command."""
    done = images("nowhere.yaml")
    assert done.returncode == 2
    assert "No such file or directory" in done.stderr


def test_listing_needs_no_certificates() -> None:
    """The flags of the server are given to the server only, by environment too."""
    env = {**os.environ, "TLS_SERVER_CERTS_DIR": "/nowhere", "MAX_RECV_MESSAGE_SIZE": "0"}
    done = subprocess.run(
        [*FUNCTION, "images", str(COMPOSITION)],
        env=env,
        check=False,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert (done.returncode, done.stderr) == (0, "")
