"""What bounds the end-to-end tests, and what fails their run."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from dev.scripts import e2e, probe_kills
from tests.e2e import starts
from tests.e2e.kube import Kube

NOW = dt.datetime(2026, 11, 28, 12, tzinfo=dt.UTC)


def pod(*, ready: str, created: str = "2026-11-28T11:59:00Z", **metadata: Any) -> dict[str, Any]:
    """Return the pod of a control plane."""
    return {
        "metadata": {"creationTimestamp": created, **metadata},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        pytest.param(pod(ready="False"), 1, id="starts"),
        pytest.param({**pod(ready="False"), "status": {}}, 1, id="is-not-scheduled"),
        pytest.param(pod(ready="True"), 0, id="runs"),
        pytest.param(pod(ready="False", deletionTimestamp="now"), 0, id="ends"),
        pytest.param(pod(ready="False", created="2026-11-28T11:50:00Z"), 0, id="fails"),
    ],
)
def test_starting(one: dict[str, Any], expected: int) -> None:
    """A pod that never gets ready takes no place after three minutes."""
    assert starts.starting([one], NOW) == expected


def test_a_start_waits_for_a_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ones are admitted at once, the next when a pod is ready."""
    looks = [[], [pod(ready="False", created="2999-01-01T00:00:00Z")], [pod(ready="True")]]
    pauses: list[float] = []
    monkeypatch.setattr(starts, "LIMIT", 1)
    monkeypatch.setattr(starts, "CREATION_SECONDS", 0)
    monkeypatch.setattr("tests.e2e.starts.time.sleep", pauses.append)
    monkeypatch.setattr(Kube, "list", lambda *_, **__: looks.pop(0))
    kube = Kube(tmp_path / "kubeconfig")
    starts.admit(kube)
    assert pauses == []
    starts.admit(kube)
    assert pauses == [1]


def test_kills_by_probes() -> None:
    """A container that was stopped in order is none."""
    lines = (
        "kunde1/kunde1-vcluster-0: Container syncer failed startup probe, will be restarted\n",
        "kunde1/kunde1-vcluster-0: Container syncer failed liveness probe, will be restarted\n",
        "kunde1/kunde1-vcluster-0: Stopping container syncer\n",
    )
    assert [*probe_kills.kills(iter(lines))] == [line.strip() for line in lines[:2]]


@pytest.mark.parametrize(
    ("codes", "killed", "expected"),
    [
        pytest.param([0, 0, 0], [], 0, id="green"),
        pytest.param([0, 5, 5], [], 0, id="phases-without-tests"),
        pytest.param([5, 5, 5], [], 5, id="no-tests"),
        pytest.param([0, 1, 0], [], 1, id="a-failure"),
        pytest.param([0, 0, 0], ["a restart"], 1, id="a-restart-by-a-probe"),
    ],
)
def test_exit_code(
    codes: list[int], killed: list[str], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is green if its tests are, and the machine could carry them."""

    class Watched:
        """The kills of this run."""

        def __enter__(self) -> list[str]:
            return killed

        def __exit__(self, *_: object) -> None:
            pass

    left = iter(codes)
    monkeypatch.setenv("E2E", "dev")
    monkeypatch.setattr(e2e, "_run", lambda *_: next(left))
    monkeypatch.setattr(probe_kills, "watched", lambda _: Watched())
    assert e2e.main(["smoke"]) == expected
