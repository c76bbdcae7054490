"""The plan of the access, without any API."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.access import login
from jobs.access.actions import (
    Bind,
    ChangeLogin,
    CreateLogin,
    RemoveLogin,
    Report,
    SetSubjects,
    Superseded,
    Unbind,
    Wait,
)
from jobs.access.apply_plan import describe, plan
from jobs.access.model import (
    Binding,
    Connection,
    Goal,
    Grant,
    Issuer,
    Login,
    LoginSecret,
    Obstacle,
    Place,
    Sight,
    Subject,
    Subjects,
)

NOW = dt.datetime(2026, 1, 10, tzinfo=dt.UTC)
ADMIN, VIEW, EDIT = Grant("cluster-admin"), Grant("view"), Grant("edit", "shop")
ANNA, BEN = Subject("User", "corp:anna"), Subject("Group", "corp:ben")
CONNECTION = Connection("https://10.0.0.1", "Q0E=")
LOGIN = Login("kunde1", (Issuer("corp", "https://login.example.org", "vcluster-kunde1"),))
TEXT = login.kubeconfig(LOGIN, CONNECTION)
GOAL = Goal("in-1", {ADMIN: frozenset([ANNA]), EDIT: frozenset([BEN])}, LOGIN)
REACHED = LoginSecret(TEXT, is_ours=True)


def binding(grant: Grant, *subjects: Subject, role: str = "", **more: bool) -> Binding:
    """Return a binding of ours as it was read."""
    name = role or grant.cluster_role
    return Binding(grant.place, name, frozenset(subjects), "uid", "1", **more)


def sight(*bindings: Binding) -> Sight:
    """Return a sight of a virtual cluster that answers, and of a login as it should be."""
    return Sight("in-1", NOW, CONNECTION, REACHED, bindings)


def test_superseded() -> None:
    """A Job of former inputs ends before it looks at anything else."""
    assert plan(GOAL, Sight("in-2", NOW)) == Superseded()


def test_no_kubeconfig() -> None:
    """Without a kubeconfig there is nothing to do yet."""
    action = plan(GOAL, Sight("in-1", NOW))
    assert isinstance(action, Wait)
    assert action.reason == "WaitingForKubeconfig"


def test_rights_are_taken_first() -> None:
    """A right that is to go goes before any other is given."""
    more = binding(EDIT, BEN, ANNA)
    old = binding(VIEW, ANNA)
    assert plan(GOAL, sight(more, old)) == Unbind(old)
    assert plan(GOAL, sight(more)) == SetSubjects(more, frozenset([BEN]))
    assert plan(GOAL, sight(binding(EDIT, BEN))) == Bind(ADMIN, frozenset([ANNA]))


def test_who_loses_a_right_comes_before_who_gets_one() -> None:
    """Of two bindings to change, the one with a subject too many is first."""
    less, more = binding(ADMIN), binding(EDIT, BEN, ANNA)
    assert plan(GOAL, sight(less, more)) == SetSubjects(more, frozenset([BEN]))


def test_another_role() -> None:
    """A roleRef cannot be changed, so such a binding is removed, and made again."""
    changed = binding(ADMIN, ANNA, role="view")
    assert plan(GOAL, sight(changed, binding(EDIT, BEN))) == Unbind(changed)


def test_a_binding_that_a_finalizer_keeps() -> None:
    """It has no subject any more, and nothing waits for it."""
    ending = binding(VIEW, ANNA, is_ending=True)
    reached = (binding(ADMIN, ANNA), binding(EDIT, BEN))
    assert plan(GOAL, sight(*reached, ending)) == SetSubjects(ending, frozenset())
    emptied = binding(VIEW, is_ending=True)
    assert plan(GOAL, sight(*reached, emptied)) == Report(2, {})


def test_an_obstacle_stops_nothing_else() -> None:
    """What was refused is left out of this run and of the number of rights."""
    obstacles = {ADMIN.place: Obstacle("NameTaken", "It is.")}
    blocked = replace(sight(), obstacles=obstacles)
    assert plan(GOAL, blocked) == Bind(EDIT, frozenset([BEN]))
    assert plan(GOAL, replace(blocked, bindings=(binding(EDIT, BEN),))) == Report(1, obstacles)


def test_login() -> None:
    """The kubeconfig for people is made, changed, and removed where there is no issuer."""
    reached = sight(binding(ADMIN, ANNA), binding(EDIT, BEN))
    foreign = LoginSecret(TEXT, is_ours=False)
    other = LoginSecret("x", is_ours=True)
    assert plan(GOAL, reached) == Report(2, {})
    assert plan(GOAL, replace(reached, login_secret=None)) == CreateLogin(TEXT)
    assert plan(GOAL, replace(reached, login_secret=other)) == ChangeLogin(TEXT)
    assert plan(GOAL, replace(reached, login_secret=foreign)) == ChangeLogin(TEXT)
    fixed = replace(other, is_fixed=True)
    assert plan(GOAL, replace(reached, login_secret=fixed)) == RemoveLogin()
    without = replace(GOAL, login=replace(LOGIN, issuers=()))
    assert plan(without, reached) == RemoveLogin()
    assert plan(without, replace(reached, login_secret=foreign)) == Report(2, {})
    assert plan(without, replace(reached, login_secret=None)) == Report(2, {})


def test_people_get_their_kubeconfig_before_the_api_answers() -> None:
    """It needs nothing of the virtual cluster."""
    silent = replace(sight(), bindings=None, problem="Connection refused", login_secret=None)
    assert plan(GOAL, silent) == CreateLogin(TEXT)
    action = plan(GOAL, replace(silent, login_secret=REACHED))
    assert isinstance(action, Wait)
    assert (action.reason, "Connection refused" in action.message) == ("WaitingForApi", True)


@pytest.mark.parametrize("what", ["ca_until", "client_until"])
def test_expired(what: str) -> None:
    """An API that does not answer after a certificate's end is no passing failure."""
    waits = []
    for seconds in (1, 0):
        changes: dict[str, Any] = {what: NOW + dt.timedelta(seconds=seconds)}
        connection = replace(CONNECTION, **changes)
        action = plan(GOAL, replace(sight(), connection=connection, bindings=None))
        assert isinstance(action, Wait)
        waits.append(action)
    assert [each.reason for each in waits] == ["WaitingForApi", "CertificateExpired"]
    assert "2026-01-10T00:00:00Z" in waits[1].message
    assert "spec.access.rotate" in waits[1].message


def test_obstacles_are_described() -> None:
    """A report names a few, and how many more there are."""
    obstacles = {Place("", f"n{number}"): Obstacle("NameTaken", f"M{number}.") for number in "12"}
    assert describe(obstacles) == Obstacle("NameTaken", "M1. M2.")
    many = {Place("", f"n{number}"): Obstacle("R", f"M{number}.") for number in range(5)}
    assert describe(many).message == "M0. M1. M2. And 2 more."


def test_names_of_bindings() -> None:
    """A name never changes: the binding of before would be left behind."""
    assert ADMIN.place == Place("", "caas-access-aef1a6927b362a8e")
    assert EDIT.place == Place("shop", "caas-access-8eba6562994a8bb1")
    assert Grant("a", "b").place.name != Grant("ab").place.name


GRANTS = st.sampled_from([ADMIN, VIEW, EDIT, Grant("view", "shop")])
SUBJECTS = st.frozensets(st.sampled_from([ANNA, BEN, Subject("User", "x")]))


@settings(deadline=None)
@given(
    wanted=st.dictionaries(GRANTS, SUBJECTS.filter(bool)),
    present=st.dictionaries(GRANTS, st.tuples(SUBJECTS, st.sampled_from(["", "other"]))),
)
def test_every_state_ends_as_wanted(
    wanted: Mapping[Grant, Subjects], present: Mapping[Grant, tuple[Subjects, str]]
) -> None:
    """From any bindings the actions lead to the wanted ones, and give nothing before all is taken.

    No action adds a right that the goal does not have.
    """
    goal = replace(GOAL, grants=wanted)
    bindings = {
        grant.place: binding(grant, *subjects, role=role)
        for grant, (subjects, role) in present.items()
    }
    is_giving = False
    for _ in range(20):
        action = plan(goal, sight(*bindings.values()))
        match action:
            case Unbind():
                assert not is_giving
                del bindings[action.binding.place]
            case SetSubjects():
                is_loss = not action.binding.subjects <= action.subjects
                assert not (is_giving and is_loss)
                is_giving |= not is_loss
                place = action.binding.place
                bindings[place] = replace(action.binding, subjects=action.subjects)
            case Bind():
                is_giving = True
                bindings[action.grant.place] = binding(action.grant, *action.subjects)
            case _:
                break
    assert isinstance(action, Report)
    assert action.bindings == sum(len(each) for each in wanted.values())
    reached = {place: (each.cluster_role, each.subjects) for place, each in bindings.items()}
    assert reached == {
        grant.place: (grant.cluster_role, subjects) for grant, subjects in wanted.items()
    }
