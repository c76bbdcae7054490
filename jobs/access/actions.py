"""Actions that the plan of the access chooses from."""

from dataclasses import dataclass

from jobs.access.model import Binding, Grant, Obstacles, Subjects


@dataclass(frozen=True)
class Superseded:
    """Leave all to the Job of newer inputs."""


@dataclass(frozen=True)
class Wait:
    """Look again after a pause."""

    reason: str
    message: str


@dataclass(frozen=True)
class Unbind:
    """Remove a binding of ours."""

    binding: Binding


@dataclass(frozen=True)
class SetSubjects:
    """Replace the subjects of a binding of ours."""

    binding: Binding
    subjects: Subjects


@dataclass(frozen=True)
class Bind:
    """Make a binding."""

    grant: Grant
    subjects: Subjects


@dataclass(frozen=True)
class CreateLogin:
    """Make the Secret with the kubeconfig for people."""

    text: str


@dataclass(frozen=True)
class ChangeLogin:
    """Write the kubeconfig for people into its Secret."""

    text: str


@dataclass(frozen=True)
class RemoveLogin:
    """Remove the Secret with the kubeconfig for people."""


@dataclass(frozen=True)
class Report:
    """Report the end: all is as the goal says, but for obstacles."""

    bindings: int
    """Number of rights in force: of subjects over all grants."""
    obstacles: Obstacles


Inside = Unbind | SetSubjects | Bind
OnHost = CreateLogin | ChangeLogin | RemoveLogin
Action = Superseded | Wait | Inside | OnHost | Report
