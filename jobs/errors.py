"""Errors, by the action that they need.

    RancherImportError
    ├── RefusedError     needs a change by a person: the attempt ends at once
    └── TransientError   may pass by itself: the attempt continues until the deadline
        └── ConflictError    an object was changed since it was read

Messages name things, never contents: no token, no manifest URL, no kubeconfig.
"""


def one_line(text: str) -> str:
    """Return a text with escaped control characters, so that it starts no new line of a log."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text
    )


class RancherImportError(Exception):
    """An error with a `reason` for conditions and a message for people.

    The message quotes Rancher and Kubernetes, so control characters are escaped.
    """

    def __init__(self, reason: str, message: str) -> None:
        """Hold reason and message."""
        self.reason = reason
        self.message = one_line(message)
        super().__init__(f"{reason}: {self.message}")


class RefusedError(RancherImportError):
    """An error that needs a change by a person."""


class TransientError(RancherImportError):
    """An error that may pass by itself."""


class ConflictError(TransientError):
    """An object that was changed since it was read."""
