"""Of each object exactly the fields that are read are decoded."""

from dataclasses import replace
from typing import Any

import pytest
from crossplane.function.proto.v1 import run_function_pb2 as fnv1

from dev.scripts import life
from function import protobuf
from function.compose import compose
from function.k8s.fieldpath import Parts, get, mapping
from function.observed import namespace, parse, rancher, usages
from function.observed.state import Request
from function.response.outcome import outcome_of
from tests.support.factories import INPUT

Path = tuple[str, ...]

VALUES = ("spec", "forProvider", "values")


class Recorder(dict[str, Any]):
    """A map that remembers which of its paths were read."""

    def __init__(self, plain: dict[str, Any], parts: Parts, seen: set[Path], at: Path = ()) -> None:
        """Wrap a map; what the parts decode as a whole is read as one."""
        self._at, self._seen, self._known = at, seen, {*plain}
        super().__init__(
            {key: self._wrapped(value, parts.get(key), (*at, key)) for key, value in plain.items()}
        )

    def _wrapped(self, value: object, parts: Parts | None, at: Path) -> object:
        if parts is None:
            return value
        if isinstance(value, list):
            return [self._wrapped(entry, parts, at) for entry in value]
        return Recorder(value, parts, self._seen, at) if isinstance(value, dict) else value

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value, and remember that it was read."""
        self._seen.add((*self._at, key))
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        """Return a value, and remember that it was read."""
        self._seen.add((*self._at, key))
        return super().__getitem__(key)


def leaves(parts: Parts, above: Path = ()) -> set[Path]:
    """Return the paths that are decoded as a whole."""
    found: set[Path] = set()
    for key, below in parts.items():
        found |= {(*above, key)} if below is None else leaves(below, (*above, key))
    return found


def ends(seen: set[Path]) -> set[Path]:
    """Return the paths that were read and lead no further."""
    return {path for path in seen if not any(path == other[: len(path)] for other in seen - {path})}


def filled(parts: Parts) -> dict[str, Any]:
    """Return a map with something at each part."""
    return {key: "x" if below is None else filled(below) for key, below in parts.items()}


CONDITIONS = [
    {"type": typ, "status": "True", "reason": "x", "message": "x", "observedGeneration": 1}
    for typ in ("Synced", "Ready")
]


@pytest.mark.parametrize("key", parse.RELEASES)
def test_release(key: str) -> None:
    """A Release that is requested, deployed and observed; its values are for later stages."""
    parts = parse.RELEASE[key]
    plain = filled(parts)
    plain["spec"]["connectionDetails"] = [{"toConnectionSecretKey": "x"}]
    plain["status"]["conditions"] = CONDITIONS
    seen: set[Path] = set()
    parse.parse_release(Recorder(plain, parts, seen), {})
    assert ends(seen) == {each for each in leaves(parts) if each[:3] != VALUES} | {VALUES}


@pytest.mark.parametrize(
    ("key", "parts"), [("namespace", namespace.VALUES), ("rancher", rancher.VALUES)]
)
def test_values(key: str, parts: Parts) -> None:
    """Every decoded chart value is read in some state of an example, and no other is."""
    seen: set[Path] = set()
    requests = [life.request(example, state) for example in life.names() for state in life.LIFE]
    for req in (*requests, exposed_by_another_type(), without_input(), with_its_first_issuer()):
        compose(with_recorded_values(req, key, parts, seen))
    assert ends(seen) == leaves(parts)


def exposed_by_another_type() -> fnv1.RunFunctionRequest:
    """Return a request for a load balancer, which waits for the quota."""
    req = life.request("exposed", "ready")
    req.input.get_or_create_struct("tenant").update({"exposeTypes": ["LoadBalancer"]})
    spec = req.observed.composite.resource.get_or_create_struct("spec")
    spec.update({"expose": {"type": "LoadBalancer"}})
    return req


def with_its_first_issuer() -> fnv1.RunFunctionRequest:
    """Return a request of an earlier VCluster, which reads no file of issuers yet."""
    req = life.request("login", "ready")
    plain: Any = req.observed.resources["vcluster"].resource
    values = plain["spec"]["forProvider"]["values"]
    values["controlPlane"]["distro"]["k8s"].update({"apiServer": {}})
    return req


def without_input() -> fnv1.RunFunctionRequest:
    """Return a request that is refused, so only the conditions of what exists are composed."""
    req = life.request("kunde1", "ready")
    req.ClearField("input")
    return req


def with_recorded_values(
    req: fnv1.RunFunctionRequest, key: str, parts: Parts, seen: set[Path]
) -> Request:
    """Return the request, with a record of the chart values that are read of a Release."""
    request = protobuf.decode(req)
    release = getattr(request.observed, key)
    if release is None:
        return request
    whole = get(protobuf.plain(req.observed.resources[key].resource), *VALUES)
    values = Recorder(dict(mapping(whole)), parts, seen)
    observed = replace(request.observed, **{key: replace(release, values=values)})
    return replace(request, observed=observed)


def test_usage() -> None:
    """A Usage has a condition and nothing else that matters."""
    plain = {"status": {"conditions": [CONDITIONS[1]]}}
    seen: set[Path] = set()
    parse.parse_usage(Recorder(plain, parse.USAGE, seen))
    assert ends(seen) == leaves(parse.USAGE)


def test_stranger() -> None:
    """A Release of another VCluster, which may be an earlier one of this name."""
    plain = filled(parse.FOREIGN_RELEASE)
    owner = {"controller": True, "kind": "VCluster", "name": "kunde1", "uid": "other"}
    plain["metadata"] |= {"ownerReferences": [owner], "deletionTimestamp": None}
    seen: set[Path] = set()
    composite = {"kind": "VCluster", "metadata": {"name": "kunde1", "uid": "this"}}
    (found,) = parse.foreign_releases([Recorder(plain, parse.FOREIGN_RELEASE, seen)], composite)
    assert found.terminating
    assert ends(seen) == leaves(parse.FOREIGN_RELEASE)


def test_composite() -> None:
    """A VCluster in an upgrade: what composing, naming strangers and the log read of it."""
    plain = filled(protobuf.COMPOSITE)
    plain["spec"] = {}
    plain["metadata"] |= {"name": "kunde1", "namespace": "", "annotations": {}}
    plain["status"]["conditions"] = CONDITIONS
    seen: set[Path] = set()
    composite = Recorder(plain, protobuf.COMPOSITE, seen)
    other = {"metadata": {"ownerReferences": [{"controller": True, "uid": "other"}]}}
    observed = parse.parse_observed(lambda _: None, {}, parse.foreign_releases([other], composite))
    request = Request(INPUT, composite, observed)
    outcome_of(request, compose(request), {})
    assert ends(seen) == leaves(protobuf.COMPOSITE) | {("spec",)}


@pytest.mark.parametrize("key", sorted(usages.KEYS))
def test_every_usage_is_decoded(key: str) -> None:
    """Each Usage that the function composes is read back."""
    req = life.request("kunde1", "ready")
    req.observed.resources[key].CopyFrom(
        next(iter(req.observed.resources[k] for k in usages.KEYS if k in req.observed.resources))
    )
    assert key in protobuf.decode(req).observed.usages
