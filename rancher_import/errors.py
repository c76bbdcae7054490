"""What can go wrong, told apart by what a person has to do.

    RancherImportError
    ├── RefusedError     nothing helps but a change by somebody: the attempt ends at once
    └── TransientError   may pass by itself: tried again until the deadline

Messages name things, never contents: no token, no manifest URL, no kubeconfig.
"""


class RancherImportError(Exception):
    """Something went wrong; `reason` is for conditions, the text for people."""

    def __init__(self, reason: str, message: str) -> None:
        """Describe it."""
        self.reason = reason
        self.message = message
        super().__init__(f"{reason}: {message}")


class RefusedError(RancherImportError):
    """Somebody has to change something."""


class TransientError(RancherImportError):
    """It may pass by itself."""
