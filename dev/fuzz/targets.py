"""Targets of the fuzzer. A finding is an exception other than an error for users.

Each target takes bytes and returns nothing. The tests run each on its seeds; `make fuzz` lets
libFuzzer, guided by coverage, look for others.
"""

import functools
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
import yaml
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from google.protobuf.message import DecodeError

from dev.scripts import life
from function import fn, protobuf
from function.server.response_cache import ResponseCache
from jobs import kubeconfig
from jobs.errors import RancherImportError
from jobs.rancher import manifest, model
from jobs.rancher.api import Rancher
from jobs.rancher.options import RancherOptions
from jobs.rancher.sight import Sight, look

EXAMPLE = "values"
HOST = "rancher.example.org"
SECRET = b"s3cr3t-t0ken-of-a-kubeconfig"

Target = Callable[[bytes], None]


def edge(data: bytes) -> None:
    """Take any bytes as a request, as the gRPC edge does, and once more."""
    repeats = ResponseCache()
    try:
        first = repeats.answer(data)
    except DecodeError:
        return
    assert repeats.answer(data).data == first.data, "another answer the second time"
    _answered(fnv1.RunFunctionRequest.FromString(data))


def spec(data: bytes) -> None:
    """Take any YAML as a spec, in an otherwise sound request."""
    _in_place(data, "spec")


def status(data: bytes) -> None:
    """Take any YAML as observed: as status of the VCluster, and as a whole Release."""
    _in_place(data, "status")


def platform_input(data: bytes) -> None:
    """Take any YAML as the Input."""
    _in_place(data, "input")


def _in_place(data: bytes, where: str) -> None:
    try:
        plain = yaml.safe_load(data)
        json.dumps(plain)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError):
        return
    if not isinstance(plain, dict):
        return
    req = fnv1.RunFunctionRequest.FromString(_sound())
    composite = req.observed.composite.resource
    with suppress(ValueError, TypeError):
        if where == "spec":
            composite.get_or_create_struct("spec").Clear()
            composite.get_or_create_struct("spec").update(plain)
        elif where == "input":
            req.input.update(plain)
        else:
            composite.get_or_create_struct("status").update(plain)
            for seen in req.observed.resources.values():
                seen.resource.update(plain)
    _answered(req)


@functools.cache
def _sound() -> bytes:
    req = life.request(EXAMPLE, "ready")
    for seen in req.observed.resources.values():
        for key in ("kubeconfig", "externalKubeconfig"):
            seen.connection_details[key] = SECRET
    return req.SerializeToString()


def _answered(req: fnv1.RunFunctionRequest) -> None:
    """Call the function, and check its answer: no defect, no secret, no lost desired resource."""
    rsp, call = fn.answer(req)
    assert call.reason != "InternalError", "an error of our own"
    assert {*req.desired.resources} <= {*rsp.desired.resources}, "a desired resource is lost"
    assert protobuf.serialize(fn.answer(req)[0]) == protobuf.serialize(rsp), (
        "another answer the second time"
    )
    if not req.context.ByteSize() and not req.desired.ByteSize():
        response = protobuf.serialize(rsp)
        for seen in req.observed.resources.values():
            for key in ("kubeconfig", "externalKubeconfig"):
                secret = seen.connection_details.get(key, b"")
                assert len(secret) < len(SECRET) or secret not in response, "a secret comes out"


def import_manifest(data: bytes) -> None:
    """Take any text as the manifest of an import."""
    with suppress(RancherImportError):
        objects = manifest.read(data.decode(errors="replace"))
        assert all((o["apiVersion"], o["kind"]) in manifest.ALLOWED for o in objects)


def rancher(data: bytes) -> None:
    """Take any answers as Rancher's: a line each, with the status before the body."""
    hosts: list[str] = []
    lines = iter(data.split(b"\n"))

    def answer(request: httpx2.Request) -> httpx2.Response:
        hosts.append(request.url.host)
        code, _, body = next(lines, b"404").partition(b" ")
        number = int(code) if code.isdigit() and 200 <= int(code) < 600 else 200  # noqa: PLR2004
        return httpx2.Response(number, content=body)

    client = _Answered(answer)
    for request in _looks(client):
        with suppress(RancherImportError):
            request()
    assert {*hosts} <= {HOST}, "a request to another host"


def import_kubeconfig(data: bytes) -> None:
    """Take any text as the kubeconfig of a virtual cluster."""
    with suppress(RancherImportError):
        config = kubeconfig.read(data.decode(errors="replace"))
        user = config.user
        assert user, "nobody is asked as"
        assert not (user.exec or user.token_file or user.client_cert or user.client_key)
        assert not (config.cluster.insecure or config.cluster.certificate_auth)


@functools.cache
def _token_file() -> Path:
    with tempfile.NamedTemporaryFile("w", delete=False) as file:
        file.write("token-abcde:fuzz")
    return Path(file.name)


class _Answered(Rancher):
    def __init__(self, answer: Callable[[httpx2.Request], httpx2.Response]) -> None:
        super().__init__(RancherOptions(f"https://{HOST}", _token_file(), None, ""))
        transport = httpx2.MockTransport(answer)
        self.__dict__["_client"] = httpx2.Client(transport=transport, base_url=f"https://{HOST}")


def _looks(client: Rancher) -> Iterator[Callable[[], object]]:
    """Yield all calls that read an answer of Rancher."""
    goal = model.Goal("a", "a", "u", frozenset(), "i")
    sight = Sight(client, "a", [])

    def registration() -> None:
        offer = sight.registration("c-m-1")
        if offer:
            path = urlsplit(f"https://{HOST}{offer.path}")
            assert path.hostname == HOST, "the manifest would be somebody else's"
            client.manifest(offer)

    yield lambda: look(client, "a").cluster
    yield lambda: look(client).owned()
    yield lambda: client.create(goal, "v")
    yield lambda: client.take_over(goal)
    yield lambda: sight.management("c-m-1")
    yield lambda: client.identity("c-m-1")
    yield sight.managed
    yield registration
    yield lambda: client.force_deploy("c-m-1")
    yield lambda: client.refresh_registration("c-m-1")
    yield client.server_url
    yield lambda: sight.bindings("c-m-1")
    yield client.token_expiry
    yield client.may_create
    yield lambda: client.ensure("/v3/globalroles", "a", {})


TARGETS: Mapping[str, Target] = {
    "edge": edge,
    "spec": spec,
    "status": status,
    "input": platform_input,
    "manifest": import_manifest,
    "kubeconfig": import_kubeconfig,
    "rancher": rancher,
}


def seeds(name: str) -> Iterator[bytes]:
    """Yield the seeds of a target: real input, and earlier findings."""
    if name == "edge":
        yield b""
        for state in life.LIFE:
            yield life.request(EXAMPLE, state).SerializeToString()
    elif name in ("spec", "status", "input"):
        yield from _yaml_seeds(name)
    elif name == "manifest":
        folder = life.ROOT / "dev" / "fake_rancher"
        yield (folder / "manifest.yaml.template").read_bytes()
    elif name == "kubeconfig":
        yield _KUBECONFIG
    else:
        yield from _RANCHER
    yield from FINDINGS.get(name, ())


def _yaml_seeds(name: str) -> Iterator[bytes]:
    if name == "input":
        yield yaml.safe_dump(life.platform_input()).encode()
        return
    for example in life.names():
        if name == "spec":
            yield yaml.safe_dump(life.composite(example)["spec"]).encode()
        else:
            objects, _ = life.observed(example, "ready")
            yield from (yaml.safe_dump(each).encode() for each in objects)


_KUBECONFIG = b"""
current-context: a
contexts: [{name: a, context: {cluster: a, user: a}}]
clusters: [{name: a, cluster: {server: "https://a", certificate-authority-data: YQ==}}]
users: [{name: a, user: {client-certificate-data: YQ==, client-key-data: YQ==}}]
"""
_CLUSTER = (
    b'{"data":[{"metadata":{"name":"a","namespace":"fleet-default","uid":"u","labels":'
    b'{"caas.telekom.de/owner-uid":"u"}},"status":{"clusterName":"c-m-1"}}]}'
)
_MANAGEMENT = (
    b'{"metadata":{"name":"c-m-1"},"status":{"conditions":[{"type":"Ready","status":"True"},'
    b'{"type":"Connected","status":"False","message":"x"}]}}'
)
_RANCHER = (
    b"\n".join(
        (
            b"200 " + _CLUSTER,
            b"200 " + _CLUSTER,
            b"201 {}",
            b"200 {}",
            b"200 " + _MANAGEMENT,
            b'200 {"metadata":{"uid":"u"}}',
            b'200 {"data":[' + _MANAGEMENT + b"]}",
            b'200 {"status":{"manifestUrl":"https://rancher.example.org/a.yaml","token":"t"}}',
            b"200 apiVersion: v1",
            b'200 {"name":"a","annotations":{}}',
            b"200 {}",
            b'200 {"data":[{"metadata":{"name":"b"},"roleTemplateName":"r","userName":"n"}]}',
            b'200 {"data":[{"current":true,"expiresAt":"2027-01-01T00:00:00Z"}]}',
            b"201 {}",
            b'200 {"data":[{"name":"a"}]}',
        )
    ),
)

FINDINGS: Mapping[str, tuple[bytes, ...]] = {
    "manifest": (
        b"apiVersion: v1\nkind: Namespace\nmetadata: x",
        b"apiVersion: v1\nkind: Namespace",
        b"apiVersion: v1\nkind: Secret\nmetadata: {name: x, creationTimestamp: 2026-99-99}",
        b"a: &a [x]\nb: [*a, *a]",
        b"[" * 5000,
    ),
    "rancher": (
        b"\n".join([b"200 <html>Log in to go on</html>"] * 15),
        b"\n".join([b"200 []"] * 15),
        b"\n".join([b'200 {"data":[1],"status":[],"metadata":2}'] * 15),
        b"\n".join([b'200 {"status":{"manifestUrl":"a@example.net/b","token":"t"}}'] * 15),
        b"\n".join([b"200 " + b"[" * 5000] * 15),
    ),
}
"""Earlier findings, as regression tests."""
