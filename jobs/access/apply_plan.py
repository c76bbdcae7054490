"""The next action towards the access that the spec describes: a pure function of what is there."""

from collections.abc import Iterator

from jobs.access import login
from jobs.access.actions import (
    Action,
    Bind,
    ChangeLogin,
    CreateLogin,
    Inside,
    OnHost,
    RemoveLogin,
    Report,
    SetSubjects,
    Superseded,
    Unbind,
    Wait,
)
from jobs.access.model import Binding, Connection, Goal, Obstacle, Obstacles, Place, Sight

REPORTED_OBSTACLES = 3
"""Number of obstacles that a report describes."""


def plan(goal: Goal, sight: Sight) -> Action:
    """Return the next action. Rights are taken before others are given."""
    if sight.desired_inputs != goal.inputs:
        return Superseded()
    if sight.connection is None:
        return Wait("WaitingForKubeconfig", "The virtual cluster has written no kubeconfig yet.")
    inside = _inside(goal, sight)
    if inside:
        return inside
    on_host = _on_host(goal, sight, sight.connection)
    if on_host:
        return on_host
    if sight.bindings is None:
        return _wait(sight, sight.connection)
    in_force = (
        len(subjects)
        for grant, subjects in goal.grants.items()
        if grant.place not in sight.obstacles
    )
    return Report(sum(in_force), sight.obstacles)


def describe(obstacles: Obstacles) -> Obstacle:
    """Return the reason of the first obstacle, and the messages of a few."""
    first, *_ = messages = [obstacles[place] for place in sorted(obstacles)]
    text = " ".join(each.message for each in messages[:REPORTED_OBSTACLES])
    more = len(messages) - REPORTED_OBSTACLES
    return Obstacle(first.reason, f"{text} And {more} more." if more > 0 else text)


def _inside(goal: Goal, sight: Sight) -> Inside | None:
    """Return what is to be done in the virtual cluster, None where nothing is or can be."""
    actions = _changes(goal, sight.bindings) if sight.bindings is not None else ()
    open_actions = (each for place, each in actions if place not in sight.obstacles)
    return next(open_actions, None)


def _changes(goal: Goal, bindings: tuple[Binding, ...]) -> Iterator[tuple[Place, Inside]]:
    """Yield all changes in the virtual cluster with their places, in their order."""
    grants = {grant.place: grant for grant in goal.grants}
    stays = []
    for binding in bindings:
        grant = grants.get(binding.place)
        if grant is None or binding.cluster_role != grant.cluster_role:
            yield from _end(binding)
        else:
            stays.append((binding, goal.grants[grant]))
    # Those that lose a subject come first.
    for binding, subjects in sorted(stays, key=lambda each: each[0].subjects <= each[1]):
        if binding.subjects != subjects:
            yield binding.place, SetSubjects(binding, subjects)
    for place in sorted(grants.keys() - {binding.place for binding, _ in stays}):
        yield place, Bind(grants[place], goal.grants[grants[place]])


def _end(binding: Binding) -> Iterator[tuple[Place, Inside]]:
    """Yield the end of a binding. One that a finalizer keeps is in force, so it is emptied."""
    if not binding.is_ending:
        yield binding.place, Unbind(binding)
    elif binding.subjects:
        yield binding.place, SetSubjects(binding, frozenset())


def _on_host(goal: Goal, sight: Sight, connection: Connection) -> OnHost | None:
    """Return what is to be done with the Secret for people.

    Its name is the platform's, so what others wrote under it is overwritten: people run what a
    kubeconfig says.
    """
    secret = sight.login_secret
    if not goal.login.issuers:
        return RemoveLogin() if secret and secret.is_ours else None
    text = login.kubeconfig(goal.login, connection)
    if secret is None:
        return CreateLogin(text)
    if secret.text == text and secret.is_ours:
        return None
    return RemoveLogin() if secret.is_fixed else ChangeLogin(text)


def _wait(sight: Sight, connection: Connection) -> Wait:
    """Return why the virtual cluster does not answer."""
    for what, until in (
        ("certificate of its CA", connection.ca_until),
        ("client certificate of the kubeconfig", connection.client_until),
    ):
        if until is not None and until <= sight.now:
            message = (
                f"The {what} expired at {until:%Y-%m-%dT%H:%M:%SZ}, and the virtual cluster does "
                "not answer: raise spec.access.rotate, which renews the certificates."
            )
            return Wait("CertificateExpired", message)
    return Wait("WaitingForApi", f"The API of the virtual cluster does not answer. {sight.problem}")
