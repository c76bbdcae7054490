"""The state ConfigMap, which several programs write."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from lightkube.config.kubeconfig import KubeConfig

from jobs.errors import ConflictError, TransientError
from jobs.kubernetes import client as kubernetes_client
from jobs.state import ATTEMPTS, StateConfigMap, Stored

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dev.apiserver.client import Client
    from jobs.bounded_api import Api

NAMESPACE, NAME = "default", "tried-state"


@pytest.fixture
def api(apiserver: Client) -> Iterator[Api]:
    """Yield a client of an API server with a state."""
    config = KubeConfig.from_dict(apiserver.kubeconfig).get()
    assert config
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME}}
    assert apiserver.apply({**body, "data": {"report": "{}", "other": "x"}}).status in (200, 201)
    with closing(kubernetes_client(config)) as found:
        yield found
    apiserver.delete("v1", "ConfigMap", NAME)


class Rival(StateConfigMap[Stored]):
    """A state that others change after each read."""

    def __init__(self, api: Api, apiserver: Client, changes: int) -> None:
        """Hold the number of changes to come."""
        super().__init__(api, NAMESPACE, NAME, Stored)
        self._apiserver = apiserver
        self._changes = changes

    def read(self) -> Stored:
        """Return the state, and change it if changes are left."""
        stored = super().read()
        if self._changes:
            self._changes -= 1
            patch = {"data": {"other": f"{self._changes} left"}}
            assert self._apiserver.patch("v1", "ConfigMap", NAME, patch).status == 200
        return stored


def data(apiserver: Client) -> Mapping[str, str]:
    """Return the keys of the state."""
    found: Mapping[str, str] = apiserver.get("v1", "ConfigMap", NAME).body["data"]
    return found


def test_it_is_tried_again(apiserver: Client, api: Api) -> None:
    """A few changes by others do not fail a report, and endless ones do not block a program."""
    Rival(api, apiserver, ATTEMPTS - 1).report(lambda report: {**report, "phase": "März"})
    assert data(apiserver) == {"report": '{"phase":"März"}', "other": "0 left"}
    with pytest.raises(ConflictError):
        Rival(api, apiserver, ATTEMPTS).report(lambda report: {**report, "phase": "Late"})
    assert data(apiserver)["report"] == '{"phase":"März"}'


def test_a_run_goes_on_without_a_report(
    apiserver: Client, api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    """A report that is refused, or for which there is no state, is logged, and fails no run."""
    state = StateConfigMap(api, NAMESPACE, NAME, Stored)
    state.try_report(lambda report: {**report, "phase": "Written"})
    assert data(apiserver)["report"] == '{"phase":"Written"}'
    Rival(api, apiserver, ATTEMPTS).try_report(lambda report: {**report, "phase": "Late"})
    assert data(apiserver)["report"] == '{"phase":"Written"}'
    apiserver.delete("v1", "ConfigMap", NAME)
    state.try_report(lambda report: {**report, "phase": "Lost"})
    assert capsys.readouterr().out.count("cannot write the state") == 2


def test_nothing_is_written_where_nothing_changes(apiserver: Client, api: Api) -> None:
    """A report that is as it was costs no write."""
    before = apiserver.get("v1", "ConfigMap", NAME).body["metadata"]["resourceVersion"]
    StateConfigMap(api, NAMESPACE, NAME, Stored).report(lambda report: report)
    assert apiserver.get("v1", "ConfigMap", NAME).body["metadata"]["resourceVersion"] == before


@pytest.mark.parametrize("text", ["", "{", "[]", "1"])
def test_an_unreadable_report(text: str) -> None:
    """What a person has broken counts as no report."""
    assert Stored({"report": text}, "1").report == {}


def test_no_state(apiserver: Client, api: Api) -> None:
    """A state that is missing may still come."""
    apiserver.delete("v1", "ConfigMap", NAME)
    with pytest.raises(TransientError, match=f"ConfigMap {NAMESPACE}/{NAME}"):
        StateConfigMap(api, NAMESPACE, NAME, Stored).read()
