"""Problems: field, rule and remedy as one sentence for people."""

from function.api.errors import InvalidError, Problem

CPU = Problem("spec.quota.cpu", "must be at most 10", "Ask for less.")
HOST = Problem("spec.host", "is not a host of the platform", "Known: local.")


def test_a_problem_is_a_sentence() -> None:
    """Somebody reads where it is, what is wrong and what to do."""
    assert str(CPU) == "spec.quota.cpu: must be at most 10. Ask for less."


def test_all_problems_in_one_message() -> None:
    """All that is wrong is said at once."""
    error = InvalidError(CPU, HOST)
    assert str(error) == (
        "spec.quota.cpu: must be at most 10. Ask for less. | "
        "spec.host: is not a host of the platform. Known: local."
    )
    assert error.problems == (CPU, HOST)


def test_reason() -> None:
    """The customer's mistake and the platform's are told apart."""
    assert InvalidError(CPU).reason == "InvalidSpec"
    assert InvalidError(CPU, reason="InvalidInput").reason == "InvalidInput"
