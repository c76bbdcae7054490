"""The way to Rancher by a proxy: for the import, and for Rancher's agent."""

import json
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from jobs.errors import RefusedError
from jobs.rancher import proxies, tls
from jobs.rancher.actions import Done, SetAgent
from jobs.rancher.import_plan import plan
from jobs.rancher.model import Agent, Marker
from jobs.rancher.options import Environment, RancherOptions
from tests.jobs.rancher.test_import_plan import CONNECTED, GOAL, STARTING, cluster, with_state
from tests.jobs.rancher.world import GOAL as IMPORT
from tests.jobs.rancher.world import World

VARIABLES = {"HTTPS_PROXY": "http://proxy.example.org:3128", "NO_PROXY": "10.0.0.0/8,.svc"}
LISTED = (
    {"name": "HTTPS_PROXY", "value": "http://proxy.example.org:3128"},
    {"name": "NO_PROXY", "value": "10.0.0.0/8,.svc"},
)
OTHERS = {"name": "LANG", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
BEHIND = replace(GOAL, agent_variables=VARIABLES)


def test_the_agent_gets_the_proxy() -> None:
    """An import that exists gets it too; what a person set in Rancher beside it stays."""
    stale = ({"name": "NO_PROXY", "value": "old"}, OTHERS)
    found = cluster(CONNECTED, agent_variables=stale)
    assert plan(BEHIND, found) == SetAgent((OTHERS, *LISTED), {}, anew=False)


def test_an_agent_that_has_the_proxy() -> None:
    """What is as wished is left alone."""
    assert plan(BEHIND, cluster(CONNECTED, agent_variables=(OTHERS, *LISTED))) == Done("c-m-1")


def test_no_proxy() -> None:
    """A platform without a proxy leaves to Rancher what a person set there."""
    assert plan(GOAL, cluster(CONNECTED, agent_variables=LISTED)) == Done("c-m-1")


@pytest.mark.parametrize(
    ("changes", "anew"),
    [
        pytest.param({}, True, id="ours"),
        pytest.param({"agent": None}, False, id="none-yet"),
        pytest.param({"marker": Marker("xr-9", "c-m-9", applied=True)}, False, id="foreign"),
        pytest.param({"marker": None}, False, id="unknown"),
    ],
)
def test_an_agent_that_cannot_reach_rancher(changes: dict[str, Any], *, anew: bool) -> None:
    """Rancher cannot change an agent that it does not reach, so ours is deployed again."""
    assert STARTING.virtual_cluster
    found = with_state(STARTING, **{"agent": Agent(running=True), **changes})
    assert plan(BEHIND, found) == SetAgent(LISTED, {}, anew=anew)


def test_an_import_by_a_proxy(world: World) -> None:
    """The cluster in Rancher has the proxy from its creation, and a changed one later."""
    assert world.run(replace(IMPORT, agent_variables=VARIABLES))
    (found,) = world.fake.state.clusters
    assert found.spec["agentEnvVars"] == [*LISTED]

    changed = {**VARIABLES, "NO_PROXY": ".svc"}
    assert world.run(replace(IMPORT, agent_variables=changed))
    (found,) = world.fake.state.clusters
    assert found.spec["agentEnvVars"] == [LISTED[0], {"name": "NO_PROXY", "value": ".svc"}]
    assert world.state()["phase"] == "Connected"


@pytest.mark.parametrize("text", ["[]", "[1]", "1", "x", '{"A": 1}', '{"A": null}'])
def test_bad_variables(text: str) -> None:
    """Variables are a map of texts, and anything else says so."""
    with pytest.raises(RefusedError, match="AGENT_VARIABLES must be a JSON map of texts"):
        Environment({"AGENT_VARIABLES": text}).variables("AGENT_VARIABLES")


def test_variables() -> None:
    """They come as the chart writes them."""
    env = Environment({"AGENT_VARIABLES": json.dumps(VARIABLES)})
    assert env.variables("AGENT_VARIABLES") == VARIABLES
    assert env.variables("NONE") == {}


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("rancher.example.org", "http://proxy.example.org:3128"),
        ("rancher.example.net", None),
        ("10.1.2.3", None),
        ("[fd00::1]", None),
        ("192.0.2.1", "http://proxy.example.org:3128"),
    ],
)
def test_what_goes_by_the_proxy(
    monkeypatch: pytest.MonkeyPatch, host: str, expected: str | None
) -> None:
    """Names, domains and ranges of NO_PROXY are reached directly, as the agent reaches them."""
    for name in ("https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.org:3128")
    monkeypatch.setenv("NO_PROXY", "localhost,10.0.0.0/8,fc00::/7,.example.net")
    assert proxies.proxy(f"https://{host}/sub") == expected


def test_a_pinned_ca_is_asked_by_the_proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """A CA that is known by its checksum comes the way that all else goes."""
    asked: list[object] = []

    def transport(_: object, *, proxy: str | None) -> httpx2.BaseTransport:
        asked.append(proxy)

        def refuse(request: httpx2.Request) -> httpx2.Response:
            raise httpx2.ConnectError(str(request.url))

        return httpx2.MockTransport(refuse)

    monkeypatch.setattr(tls, "Transport", transport)
    options = RancherOptions("https://rancher.example.org", tmp_path, None, "a" * 64)
    with pytest.raises(Exception, match="no CA certificate"):
        tls.context(options, "http://proxy.example.org:3128")
    assert asked == ["http://proxy.example.org:3128"]
