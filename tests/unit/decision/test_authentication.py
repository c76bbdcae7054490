"""The mount of the file of issuers: from the beginning, or by one restart, and then for good."""

from typing import Any

import pytest

from dev.scripts import life
from function.commands.plan import simulate
from function.compose import compose
from function.k8s.fieldpath import get
from function.observed.state import Request
from function.response.response import Response
from tests.unit.desired.test_access import ready, values, with_input, with_spec

ARGUMENT = "--authentication-config=/authentication/config.yaml"
PEOPLE = {"oidc": [{"issuer": "corp", "admins": ["group:admins"]}]}


def arguments(answer: Response) -> Any:
    """Return the arguments of the API server."""
    path = ("controlPlane", "distro", "k8s", "apiServer", "extraArgs")
    return get(values(answer, "vcluster"), *path)


def has_file(answer: Response) -> bool:
    """Return whether the namespace has the file."""
    return "authentication" in values(answer, "namespace")


def settled(req: Request) -> Request:
    """Return the request once nothing changes any more."""
    for _ in range(10):
        following = simulate.following(req, compose(req))
        if following == req:
            return req
        req = following
    raise AssertionError


def before_issuers(example: str = "kunde1") -> Request:
    """Return a VCluster that was made before the platform had issuers."""
    plain = ready("nothing", example)
    return settled(with_input(plain, None))


def test_a_new_one_reads_it_from_the_beginning() -> None:
    """Where the platform has issuers, none of them ever causes a restart."""
    new = compose(ready("deploying", "kunde1"))
    assert (arguments(new), has_file(new)) == ([ARGUMENT], True)
    req = settled(ready("nothing", "kunde1"))
    before = values(compose(req), "vcluster")
    with_people = settled(with_spec(req, access=PEOPLE))
    assert values(compose(with_people), "vcluster") == before


def test_an_earlier_one_stays_as_it_is() -> None:
    """Issuers of the platform alone restart nothing: the whole answer is as before."""
    req = before_issuers()
    issuers = with_input(req, ready().input["access"])  # type: ignore[index]  # it has one
    assert compose(issuers) == compose(req)
    assert (arguments(compose(issuers)), has_file(compose(issuers))) == (None, False)


def test_an_earlier_one_restarts_once_and_for_a_file_that_is_there() -> None:
    """First the file is brought, then the API server reads it: no pod waits for it."""
    req = with_input(before_issuers(), ready().input["access"])  # type: ignore[index]  # it has one
    asked = with_spec(req, access=PEOPLE)
    first = compose(asked)
    assert (arguments(first), has_file(first)) == (None, True)
    second = compose(simulate.following(asked, first))
    assert (arguments(second), has_file(second)) == ([ARGUMENT], True)
    assert not second.ready


def test_once_mounted_it_stays() -> None:
    """A spec without people, and an Input without issuers, restart nothing."""
    req = settled(ready())
    before = values(compose(req), "vcluster")
    specs: tuple[Any, ...] = ({}, {"oidc": []}, None)
    for access in specs:
        assert values(compose(with_spec(req, access=access)), "vcluster") == before
    off = settled(with_spec(req, access=None))
    bare = compose(with_input(off, None))
    assert values(bare, "vcluster") == before
    assert '"jwt": []' in values(bare, "namespace")["authentication"]["config"]


def test_arguments_beside_a_mounted_file_are_refused() -> None:
    """An Input without issuers must not bring arguments either that the file excludes."""
    off = with_input(settled(with_spec(settled(ready()), access=None)), None)
    assert off.input is not None
    offer: Any = off.input["vcluster"]
    extra = {"extraArgs": ["--oidc-client-id=a"]}
    values_ = {"controlPlane": {"distro": {"k8s": {"apiServer": extra}}}}
    wrong = {**off.input, "vcluster": {**offer, "values": values_}}
    answer = compose(Request(wrong, off.composite, off.observed, off.taken))
    assert answer.fatal == (
        "input.vcluster.values.controlPlane.distro.k8s.apiServer.extraArgs[0]: excludes the file "
        "of issuers: the API server would not start. Remove it, and name the issuer in "
        "input.access.issuers."
    )


@pytest.mark.parametrize(("kubernetes", "is_mounted"), [("1.29.9", False), ("1.30.0", True)])
def test_an_earlier_kubernetes_knows_no_file(kubernetes: str, *, is_mounted: bool) -> None:
    """It would not start with the argument."""
    req = ready("nothing", "kunde1")
    assert req.input is not None
    offer: Any = req.input["vcluster"]
    versions = {"versions": [kubernetes], "default": kubernetes}
    older = {**req.input, "vcluster": {**offer, "kubernetes": versions}}
    with_version = with_spec(Request(older, req.composite), kubernetesVersion=None)
    answer = compose(with_version)
    assert not answer.fatal
    assert has_file(answer) is is_mounted
    refused = compose(with_spec(with_version, access=PEOPLE))
    assert bool(refused.fatal) is not is_mounted
    if refused.fatal:
        assert refused.fatal == (
            "spec.access.oidc[0]: needs Kubernetes 1.30 or newer. Choose another "
            "spec.kubernetesVersion, or leave it out."
        )


@pytest.mark.parametrize("example", [name for name in life.names() if name != "login"])
def test_without_issuers_nothing_is_different(example: str) -> None:
    """Without `access` in spec and Input no answer of a life mentions a login in any way."""
    req = with_input(ready("nothing", example), None)
    for _ in range(6):
        answer = compose(req)
        text = repr(answer)
        assert "authentication" not in text
        assert "access" not in text.replace("caas.telekom.de/access", "")
        req = simulate.following(req, answer)


def test_issuers_alone_change_a_new_one_by_the_mount_only() -> None:
    """The mount and the file are all that the Input's `access` brings to a spec without it."""
    first = ready("nothing", "kunde1")
    with_issuers, without = (
        compose(simulate.following(req, compose(req))) for req in (first, with_input(first, None))
    )
    mounted, bare = values(with_issuers, "vcluster"), values(without, "vcluster")
    assert mounted == {**bare, "controlPlane": mounted["controlPlane"]}
    room = values(with_issuers, "namespace")
    assert {key: value for key, value in room.items() if key != "authentication"} == values(
        without, "namespace"
    )
