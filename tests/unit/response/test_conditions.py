"""Conditions and events: what the user is told, and when."""

import pytest

from function.api.errors import InvalidError, Problem, Refusal
from function.observed.state import Condition, Truth
from function.response import conditions
from function.response.response import Event

SIZE = Refusal("spec.storage.size", "5Gi", "10Gi", "the volume cannot be changed")
CLASS = Refusal("spec.storage.storageClassName", "", "fast", "the volume cannot be changed")


@pytest.mark.parametrize(
    ("refusals", "expected"),
    [
        pytest.param([], Condition("Accepted", "True", "Accepted"), id="all-granted"),
        pytest.param(
            [SIZE],
            Condition(
                "Accepted",
                "False",
                "ChangeRefused",
                "spec.storage.size: stays 5Gi instead of 10Gi: the volume cannot be changed",
            ),
            id="one-refused",
        ),
        pytest.param(
            [SIZE, CLASS],
            Condition(
                "Accepted",
                "False",
                "ChangeRefused",
                "spec.storage.size: stays 5Gi instead of 10Gi: the volume cannot be changed | "
                "spec.storage.storageClassName: stays unset instead of fast: the volume cannot be "
                "changed",
            ),
            id="two-refused",
        ),
    ],
)
def test_accepted(refusals: list[Refusal], expected: Condition) -> None:
    """Every refused change is named with from, to and rule."""
    assert conditions.accepted(refusals) == expected


@pytest.mark.parametrize("reason", ["InvalidSpec", "InvalidInput"])
def test_invalid(reason: str) -> None:
    """A request that cannot be composed says why."""
    error = InvalidError(Problem("spec.plan", "is not a plan", "Known: small."), reason=reason)
    assert conditions.invalid(error) == Condition(
        "Accepted", "False", reason, "spec.plan: is not a plan. Known: small."
    )


GOOD = Condition("NamespaceReady", "True", "Available")


@pytest.mark.parametrize(
    ("phases", "expected"),
    [
        pytest.param([], "", id="nothing-to-wait-for"),
        pytest.param([GOOD, GOOD], "", id="all-ready"),
        pytest.param(
            [GOOD, Condition("ControlPlaneReady", "False", "Progressing", "It is installed.")],
            "ControlPlaneReady: It is installed.",
            id="message",
        ),
        pytest.param(
            [Condition("ControlPlaneReady", "Unknown", "NotCreated"), GOOD],
            "ControlPlaneReady: NotCreated",
            id="reason-without-a-message",
        ),
        pytest.param(
            [Condition("A", "Unknown", "First"), Condition("B", "False", "Second")],
            "A: First",
            id="the-first-of-two",
        ),
    ],
)
def test_blocked_by(phases: list[Condition], expected: str) -> None:
    """`status.blockedBy` names the first thing that is not ready, in words."""
    assert conditions.blocked_by(phases) == expected


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ({}, False),
        ({"Responsive": ("True", "WatchCircuitClosed")}, False),
        ({"Responsive": ("False", "WatchCircuitOpen")}, True),
    ],
    ids=["before 2.1", "closed", "open"],
)
def test_whether_crossplane_hears(before: dict[str, tuple[str, str]], *, expected: bool) -> None:
    """An open circuit breaker drops the user's changes too."""
    assert conditions.is_circuit_open(before) is expected


@pytest.mark.parametrize(
    ("condition", "before", "expected"),
    [
        pytest.param(
            Condition("Accepted", "True", "Accepted"),
            {},
            [Event("Accepted", warning=False, message="Accepted is True (Accepted)")],
            id="first-time",
        ),
        pytest.param(
            Condition("Accepted", "True", "Accepted"),
            {"Accepted": ("True", "Accepted")},
            [],
            id="as-before",
        ),
        pytest.param(
            Condition("NamespaceReady", "Unknown", "NotCreated", "Not created yet."),
            {},
            [],
            id="what-never-was-known-is-no-news",
        ),
        pytest.param(
            Condition(
                "NamespaceReady", "Unknown", "Progressing", "Release a/b is not deployed yet."
            ),
            {"NamespaceReady": ("Unknown", "NotCreated")},
            [],
            id="what-is-just-created-is-no-news",
        ),
        pytest.param(
            Condition("ControlPlaneReady", "False", "Unavailable", "0 of 1 are available."),
            {"ControlPlaneReady": ("True", "Available")},
            [
                Event(
                    "ControlPlaneReady",
                    warning=False,
                    message="ControlPlaneReady is False (Unavailable): 0 of 1 are available.",
                )
            ],
            id="another-status",
        ),
        pytest.param(
            Condition("ControlPlaneReady", "False", "Progressing", "x"),
            {"ControlPlaneReady": ("False", "Unavailable")},
            [
                Event(
                    "ControlPlaneReady",
                    warning=False,
                    message="ControlPlaneReady is False (Progressing): x",
                )
            ],
            id="another-reason",
        ),
        pytest.param(
            Condition("ControlPlaneReady", "False", "Unavailable", "1 of 3"),
            {"ControlPlaneReady": ("False", "Unavailable")},
            [],
            id="another-message-is-no-news",
        ),
        pytest.param(
            Condition("NamespaceReady", "Unknown", "ObservationFailed", "no host"),
            {"NamespaceReady": ("True", "Available")},
            [
                Event(
                    "NamespaceReady",
                    warning=False,
                    message="NamespaceReady is Unknown (ObservationFailed): no host",
                )
            ],
            id="no-longer-known",
        ),
    ],
)
def test_changes(
    condition: Condition, before: dict[str, tuple[str, str]], expected: list[Event]
) -> None:
    """There is an event for a change and for nothing else."""
    assert conditions.changes([condition], before) == tuple(expected)


@pytest.mark.parametrize(
    ("status", "reason", "warning"),
    [
        pytest.param("False", "ChangeRefused", True, id="change-refused"),
        pytest.param("False", "InstallFailed", True, id="install-failed"),
        pytest.param("False", "ReleaseFailed", True, id="release-failed"),
        pytest.param("False", "NameTaken", True, id="name-taken"),
        pytest.param("False", "Failed", True, id="import-failed"),
        pytest.param("Unknown", "Failed", False, id="unknown-is-no-failure"),
        pytest.param("False", "Progressing", False, id="progress"),
        pytest.param("False", "Disabled", False, id="switched-off"),
        pytest.param("True", "Available", False, id="good-news"),
    ],
)
def test_warnings(status: str, reason: str, *, warning: bool) -> None:
    """What somebody has to act on is a warning."""
    condition = Condition("X", status, reason)  # type: ignore[arg-type]  # a table of texts
    (event,) = conditions.changes([condition], {})
    assert event.warning is warning


@pytest.mark.parametrize(
    ("status", "reason", "is_shown"),
    [
        ("True", "Applied", True),
        ("Unknown", "Pending", True),
        ("False", "Rotating", True),
        ("False", "Ending", True),
        ("False", "CertificateExpires", True),
        ("False", "MissingRight", False),
        ("False", "NameTaken", False),
        ("False", "ReleaseFailed", False),
    ],
)
def test_a_tenant_reads_no_message_of_another_program(
    status: Truth, reason: str, *, is_shown: bool
) -> None:
    """In scope Namespaced the Job's messages, which quote API servers, stay with the platform."""
    own = Condition("Access", status, reason, "10.0.0.1 says no")
    (read,), withheld = conditions.for_reader([own], "team-a")
    assert ("10.0.0.1" in read.message) is is_shown
    assert withheld == (() if is_shown else (own,))
    assert conditions.for_reader([own], "") == ((own,), ())
