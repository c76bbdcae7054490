"""Which host a virtual cluster gets, and that it stays there."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from function.api.errors import InvalidError
from function.api.input import Input
from function.compose import compose
from function.decision import placement
from function.observed.state import Observed, Request
from function.response.response import Response
from tests.support.factories import INPUT, RANCHER, at, changed, config, deployed, spec

HOSTS: dict[str, Any] = {
    "north-1": {"providerConfig": "north-1", "labels": {"region": "north", "tier": "gold"}},
    "north-2": {"providerConfig": "north-2", "labels": {"region": "north"}},
    "south-1": {"providerConfig": "south-1", "labels": {"region": "south"}},
    "south-2": {"providerConfig": "south-2", "labels": {"region": "south"}, "closed": True},
}
UID = "4a4dbd6a-0000-0000-0000-000000000000"


def platform(**changes: Any) -> Input:
    """Return an Input with these hosts."""
    return config({"hosts": HOSTS, **changes})


def place(runs_on: str = "", uid: str = UID, given: Input | None = None, **fields: Any) -> str:
    """Return the host that a spec gets."""
    return placement.place(spec(**fields), uid, given or platform(), runs_on).name


def selecting(**labels: str) -> dict[str, Any]:
    """Return a selector."""
    return {"matchLabels": labels}


@pytest.mark.parametrize(
    ("fields", "runs_on", "expected"),
    [
        pytest.param({"host": "south-1"}, "", "south-1", id="by-name"),
        pytest.param({"hostSelector": selecting(tier="gold")}, "", "north-1", id="by-label"),
        pytest.param({"hostSelector": selecting(region="south")}, "", "south-1", id="not-a-closed"),
        pytest.param({}, "north-2", "north-2", id="what-runs-stays"),
        pytest.param({}, "south-2", "south-2", id="on-a-closed-host-too"),
        pytest.param(
            {"hostSelector": selecting(tier="gold")}, "north-2", "north-2", id="selector-or-not"
        ),
        pytest.param({"host": "south-2"}, "south-2", "south-2", id="named-and-closed-since"),
        pytest.param({"host": "south-1"}, "north-2", "north-2", id="the-guard-refuses-a-move"),
    ],
)
def test_place(fields: dict[str, Any], runs_on: str, expected: str) -> None:
    """A new one goes where its spec says, and then stays."""
    assert place(runs_on, **fields) == expected


@pytest.mark.parametrize(
    ("fields", "runs_on", "message"),
    [
        pytest.param(
            {"host": "mars"},
            "",
            "spec.host: is not a host of the platform. Known: north-1, north-2, south-1, south-2.",
            id="unknown",
        ),
        pytest.param(
            {"host": "south-2"},
            "",
            "spec.host: takes no new virtual clusters. Choose one of: north-1, north-2, south-1.",
            id="closed",
        ),
        pytest.param(
            {},
            "",
            "spec.host: is required where the platform has several hosts. "
            "Choose one of: north-1, north-2, south-1, south-2.",
            id="neither",
        ),
        pytest.param(
            {"hostSelector": selecting(region="east")},
            "",
            "spec.hostSelector: matches no host that takes new virtual clusters. "
            "Known labels: region=north, region=south, tier=gold.",
            id="no-match",
        ),
        pytest.param(
            {},
            "west-1",
            "input.hosts: has none with ClusterProviderConfig west-1, where this VCluster runs. "
            "Put it back for as long as VClusters run there.",
            id="its-host-has-left-the-input",
        ),
        pytest.param(
            {"host": "south-1"},
            "west-1",
            "input.hosts: has none with ClusterProviderConfig west-1, where this VCluster runs. "
            "Put it back for as long as VClusters run there.",
            id="another-host-does-not-stand-in",
        ),
    ],
)
def test_nowhere(fields: dict[str, Any], runs_on: str, message: str) -> None:
    """Field, rule and remedy; nothing is touched."""
    with pytest.raises(InvalidError) as error:
        place(runs_on, **fields)
    assert str(error.value) == message


def test_the_platform_may_choose() -> None:
    """With a default selector four lines of YAML are enough on many hosts."""
    given = platform(defaultHostSelector=selecting(region="north"))
    found = {place(uid=f"uid-{number}", given=given) for number in range(50)}
    assert found == {"north-1", "north-2"}
    assert place(given=given, host="south-1") == "south-1"


NAMES = st.lists(st.sampled_from([f"h{n}" for n in range(12)]), min_size=1, unique=True)


def many(names: list[str]) -> Input:
    """Return an Input with these hosts, which all have one label."""
    hosts = {name: {"providerConfig": name, "labels": {"a": "b"}} for name in names}
    return config({"hosts": hosts})


@settings(deadline=None)
@given(NAMES, NAMES, st.uuids())
def test_hosts_come_and_go(before: list[str], after: list[str], uid: object) -> None:
    """What runs stays, and a new one goes elsewhere only if its host left or another came."""
    fields: dict[str, Any] = {"hostSelector": selecting(a="b")}
    first = place(uid=str(uid), given=many(before), **fields)
    second = place(uid=str(uid), given=many(after), **fields)
    assert first == second or second not in before or first not in after
    if first in after:
        assert place(first, str(uid), many(after), **fields) == first


@settings(deadline=None)
@given(NAMES, st.uuids())
def test_the_order_of_hosts_does_not_matter(names: list[str], uid: object) -> None:
    """The same VCluster gets the same host, however the Input is written."""
    fields: dict[str, Any] = {"hostSelector": selecting(a="b")}
    there = place(uid=str(uid), given=many(names), **fields)
    assert place(uid=str(uid), given=many(names[::-1]), **fields) == there


DIFFERENT: dict[str, Any] = {
    "domain": "north.example.org",
    "rancher": {
        "url": "https://rancher.north.example.org",
        "tokenSecret": {"name": "north", "key": "token"},
        "egress": ["192.0.2.7/32"],
        "egressTo": [
            {"namespaceSelector": {"matchLabels": {"team": "rancher"}}, "ports": [{"port": 444}]}
        ],
        "proxy": {"https": "http://proxy.north.example.org:3128"},
    },
}


def test_what_is_different_on_a_host() -> None:
    """Each host has its own domain and way to Rancher; what it does not name is shared."""
    given = config(
        {
            "hosts": changed(HOSTS, {"north-1": {**HOSTS["north-1"], **DIFFERENT}}),
            "rancher": {**RANCHER, "timeout": "5m"},
            "expose.domain": "k8s.example.org",
        }
    )
    north = placement.on(spec(host="north-1"), UID, given, "")
    assert north.rancher
    assert north.expose.domain == "north.example.org"
    assert (north.rancher.url, north.rancher.timeout) == ("https://rancher.north.example.org", "5m")
    assert north.rancher.tokenSecret.name == "north"
    assert north.rancher.egressTo[0].namespaceSelector.matchLabels == {"team": "rancher"}
    assert north.rancher.proxy
    assert north.rancher.proxy.https == "http://proxy.north.example.org:3128"
    assert placement.on(spec(host="south-1"), UID, given, "") is given
    # Who asks for another host in vain keeps what belongs to his own.
    assert placement.on(spec(host="south-1"), UID, given, "north-1") == north


ONE: dict[str, Any] = {"north-1": HOSTS["north-1"]}


def answer(observed: Observed, hosts: dict[str, Any] = HOSTS, **fields: Any) -> Response:
    """Return what is answered for a VCluster of which this is observed."""
    composite = {"metadata": {"name": "kunde1", "uid": UID}, "spec": fields}
    return compose(Request(changed(INPUT, {"hosts": hosts}), composite, observed))


def on(provider_config: str, *keys: str) -> Observed:
    """Return Releases of a VCluster on a host."""
    found = {key: deployed(name=f"kunde1-{key}", provider_config=provider_config) for key in keys}
    return Observed(namespace=found.get("namespace"), vcluster=found.get("vcluster"))


@pytest.mark.parametrize("keys", [("namespace",), ("namespace", "vcluster")])
@pytest.mark.parametrize("fields", [{}, {"host": "north-1"}, {"hostSelector": selecting(a="b")}])
@pytest.mark.parametrize("hosts", [ONE, HOSTS], ids=["one-left", "several-left"])
def test_a_host_that_leaves_takes_nothing_along(
    keys: tuple[str, ...], fields: dict[str, Any], hosts: dict[str, Any]
) -> None:
    """Its VClusters get no other host's domain, Rancher or ranges: nothing is touched."""
    found = answer(on("west-1", *keys), hosts, **fields)
    assert found.resources == {}
    assert found.conditions[0].reason == "InvalidInput"
    assert found.fatal.startswith("input.hosts: has none with ClusterProviderConfig west-1")


def test_an_adopted_cluster_stays_where_it_is_too() -> None:
    """It has no values of its own until the platform lets go, and no other host either."""
    entry = {"namespace": "kunde1", "release": "kunde1-vcluster", "chart": "0.36.1", "values": {}}
    composite = {"metadata": {"name": "kunde1", "uid": UID}, "spec": {}}
    plain = changed(INPUT, {"hosts": ONE, "adopted": {"kunde1": entry}})
    for keys in ((), ("namespace",), ("namespace", "vcluster")):
        found = compose(Request(plain, composite, on("west-1", *keys)))
        assert bool(found.fatal) is bool(keys)


@pytest.mark.parametrize("found", ["south-1", ""], ids=["several", "none"])
def test_releases_that_do_not_say_one_host(found: str) -> None:
    """Whichever host was chosen for them, some of them would move there."""
    seen = replace(on("north-1", "namespace"), vcluster=on(found, "vcluster").vcluster)
    told = answer(seen)
    assert told.resources == {}
    assert told.fatal.startswith(
        "spec.providerConfigRef of Release vcluster-system/kunde1-namespace, "
        "vcluster-system/kunde1-vcluster: must be the one ClusterProviderConfig"
    )


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"host": "north-1"}, "spec.host: stays on host south-1 instead of north-1"),
        (
            {"hostSelector": selecting(region="north")},
            "spec.hostSelector: stays on host south-1 instead of one with region=north",
        ),
    ],
)
def test_a_namespace_does_not_move(fields: dict[str, Any], sentence: str) -> None:
    """Before there is a virtual cluster, the namespace alone holds it where it is."""
    found = answer(on("south-1", "namespace"), **fields)
    refs = [
        at(each.resource, "spec.providerConfigRef.name")
        for each in found.resources.values()
        if each.resource["kind"] == "Release"
    ]
    assert {*refs} == {"south-1"}
    assert found.conditions[0].reason == "ChangeRefused"
    assert sentence in found.conditions[0].message


def composed(observed: Observed, uid: str = UID, **fields: Any) -> set[str]:
    """Return the ClusterProviderConfigs of all that is composed."""
    plain = changed(INPUT, {"hosts": HOSTS})
    composite = {"metadata": {"name": "kunde1", "uid": uid}, "spec": fields}
    answer = compose(Request(plain, composite, observed))
    assert answer.fatal == ""
    return {
        each.resource["spec"]["providerConfigRef"]["name"]
        for key, each in answer.resources.items()
        if key in ("namespace", "vcluster", "rancher")
    }


def test_all_of_it_is_on_one_host() -> None:
    """The namespace decides: what follows goes where it is, whatever was changed in between."""
    release = deployed(name="kunde1-namespace", external_name="kunde1-namespace")
    for runs_on in ("north-1", "south-2"):
        seen = Observed(namespace=replace(release, provider_config=runs_on))
        assert composed(seen, hostSelector=selecting(region="north")) == {runs_on}


def test_two_hosts_with_one_provider_config() -> None:
    """They could not be told apart by what runs."""
    with pytest.raises(InvalidError) as error:
        config({"hosts": {"a": {}, "b": {}}})
    assert str(error.value) == (
        "input: hosts must each have a providerConfig of their own, which identifies the host. "
        "Correct it."
    )
