"""Whatever happens in whatever order, nothing is removed but by its owner's own deletion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from function.observed.current import REPLICAS
from tests.support.factories import at
from tests.support.histories import ISSUERS, PEOPLE, Histories
from tests.support.model_host import mounts

if TYPE_CHECKING:
    from collections.abc import Callable

VALUES = "spec.forProvider.values"

FROM_A_BACKUP = {"restoreFrom": {"vcluster": "00000000-0000-0000-0000-000000000001"}}

TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=200, stateful_step_count=20, deadline=None)


def refused_and_cut_off(story: Histories) -> None:
    """Let a VCluster be deleted whose refusal an outage hides."""
    story.begin("running")
    story.create(0, {}, 2)
    story.cut("north", reachable=False)
    story.delete(0)
    story.cut("north", reachable=True)


def deleted_at_once(story: Histories) -> None:
    """Let a VCluster be deleted before its namespace was refused."""
    story.begin("running")
    story.create(0, {}, 1)
    story.delete(0)


def status_lost(story: Histories) -> None:
    """Let a refusal be forgotten."""
    story.begin("running")
    story.create(0, {}, 3)
    for key in ("namespace", "namespace"):
        story.lose_status(0, key)
    story.delete(0)


def adopted_and_refused(story: Histories) -> None:
    """Let the first installation of an adopted namespace fail."""
    story.begin("by-hand")
    story.install("north", "half way")
    story.create(0, {}, 8)
    story.delete(0)


def adopted_in_rancher(story: Histories) -> None:
    """Let the first import of an adopted cluster fail."""
    story.begin("by-hand")
    story.create(0, {}, 2)
    story.give_in_rancher(0)
    story.install("north", "half way")
    story.go_on(0, 8)


def record_lost(story: Histories) -> None:
    """Let Helm forget what runs, and fail to install over it."""
    story.begin("nothing")
    story.create(0, {}, 8)
    for record in ("vcluster", "namespace", "rancher"):
        story.lose_record("north", record, admits=False)
        story.go_on(0, 8)


def interrupted(story: Histories) -> None:
    """Let Helm forget what runs, and provider-helm die while it installs over it."""
    story.begin("nothing")
    story.create(0, {}, 8)
    story.install("north", "interrupted")
    story.lose_record("north", "vcluster", admits=True)
    story.go_on(0, 8)


def restored_and_refused(story: Histories) -> None:
    """Let the first installation over restored data fail."""
    story.begin("retained")
    story.create(0, {"restores": True}, 1)
    story.install("north", "half way")
    story.go_on(0, 8)


def host_left(story: Histories) -> None:
    """Let the host leave the Input while one other is left."""
    story.begin("nothing")
    story.create(0, {}, 8)
    story.change_host("north", "leave")
    story.go_on(0, 8)


def second_control_plane(story: Histories) -> None:
    """Let a VCluster of the same name come and go on another control plane."""
    story.begin("nothing")
    story.create(0, {}, 1)
    story.create(1, {}, 8)
    story.delete(1)
    story.go_on(0, 8)


def login_of_an_earlier_one(story: Histories) -> None:
    """Let people into one that was made before the platform had issuers, and none any more."""
    story.begin("nothing")
    story.create(0, {}, 8)
    story.change_issuers(ISSUERS)
    for people in (PEOPLE, None):
        story.change_access(0, people, 8)
        assert mounts(at(story.control_planes[0].releases["vcluster"], VALUES))
        assert ("access" in story.control_planes[0].releases) is (people is not None)
    story.change_issuers(None)
    story.go_on(0, 8)


def backup_over_an_adopted_one(story: Histories) -> None:
    """Let a cluster be adopted that is to begin with a backup."""
    story.begin("by-hand")
    story.create(0, {}, 0)
    story.change_backup(0, FROM_A_BACKUP, 8)


def restored_and_record_lost(story: Histories) -> None:
    """Let Helm forget a control plane whose data was just restored, and fail to install it."""
    story.begin("nothing")
    story.create(0, {}, 0)
    story.change_backup(0, FROM_A_BACKUP, 2)
    story.lose_record("north", "vcluster", admits=False)
    story.go_on(0, 8)


STORIES = (
    refused_and_cut_off,
    deleted_at_once,
    status_lost,
    adopted_and_refused,
    adopted_in_rancher,
    record_lost,
    interrupted,
    restored_and_refused,
    host_left,
    second_control_plane,
    login_of_an_earlier_one,
    backup_over_an_adopted_one,
    restored_and_record_lost,
)


@pytest.mark.parametrize("story", STORIES)
def test_stories(story: Callable[[Histories], None]) -> None:
    """What was seen to destroy clusters does so no more, whatever the search comes upon."""
    told = Histories()
    story(told)
    told.nothing_is_removed_but_by_its_owner()
    told.each_is_on_its_own_host()
    for host in told.hosts.values():
        host.reachable = host.admits = True
    for plane in (0, 1):
        told.go_on(plane, 8)
    told.nothing_is_removed_but_by_its_owner()


def test_a_name_that_was_left_comes_up_again() -> None:
    """A VCluster that was deleted in its first seconds does not block the next one of its name."""
    told = Histories()
    told.begin("nothing")
    told.create(0, {}, 1)
    told.delete(0)
    left = told.hosts["north"].namespace
    assert left
    told.create(0, {}, 8)
    assert left.volume == left.owner == told.control_planes[0].uid
    told.delete(0)
    assert told.hosts["north"].namespace is None
    assert told.hosts["north"].helm == {}


def rolling_back() -> tuple[Histories, Callable[[str], object]]:
    """Return the history of a VCluster whose data is being replaced, and its values."""
    told = Histories()
    told.begin("nothing")
    told.create(0, {"backs_up": True}, 8)
    told.work("north", works=False)
    told.roll_back(0, "20260101T000000Z", lose=False, times=8)

    def values(path: str) -> object:
        return at(told.control_planes[0].releases["backup"], f"{VALUES}.{path}")

    return told, values


def test_a_rollback_comes_to_its_end() -> None:
    """Whatever its owner changes meanwhile, the data is whole before a control plane starts."""
    told, values = rolling_back()
    assert values("restore.inPlace")
    host = told.hosts["north"]
    assert host.half
    told.roll_back(0, None, lose=False, times=8)
    told.change_power(0, "Running", 8)
    told.change_backup(0, None, 8)
    assert values("restore.inPlace")
    assert (bool(host.half), host.violations) == (True, [])
    told.work("north", works=True)
    told.go_on(0, 8)
    assert not host.half
    assert host.namespace
    assert at(told.control_planes[0].releases["vcluster"], f"{VALUES}.{'.'.join(REPLICAS)}") == 1
    told.nothing_is_removed_but_by_its_owner()


def test_the_model_sees_a_control_plane_on_half_of_the_data() -> None:
    """The search could find what it looks for."""
    told, _ = rolling_back()
    host = told.hosts["north"]
    host.run("kunde1-vcluster", {"values": {}, "chart": {"name": "vcluster", "version": "1"}}, 2)
    assert len(host.violations) == 1
