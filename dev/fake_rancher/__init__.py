"""A test Rancher: Steve, Norman and Rancher's controllers, as recorded from Rancher 2.15.0.

Each rule names its recording, by the file in shared/samples/rancher; tests replay those in
tests/jobs/rancher/recorded.
"""

from .agent import KubeApi
from .behaviour import Behaviour, Fault, Lag
from .observed import Imported, Logged
from .server import FakeRancher
from .state import User

__all__ = ["Behaviour", "FakeRancher", "Fault", "Imported", "KubeApi", "Lag", "Logged", "User"]
