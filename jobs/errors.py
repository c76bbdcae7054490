"""What can go wrong, told apart by what a person has to do.

    RancherImportError
    ├── RefusedError     nothing helps but a change by somebody: the attempt ends at once
    └── TransientError   may pass by itself: tried again until the deadline

Messages name things, never contents: no token, no manifest URL, no kubeconfig.
"""


def one_line(text: str) -> str:
    """Return a text whose control characters are written out: it begins no line of a log."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text
    )


class RancherImportError(Exception):
    """Something went wrong; `reason` is for conditions, the text for people.

    Rancher and Kubernetes wrote parts of it, so it is one line whatever they say.
    """

    def __init__(self, reason: str, message: str) -> None:
        """Describe it."""
        self.reason = reason
        self.message = one_line(message)
        super().__init__(f"{reason}: {self.message}")


class RefusedError(RancherImportError):
    """Somebody has to change something."""


class TransientError(RancherImportError):
    """It may pass by itself."""
