"""A test Rancher: Steve, Norman and what lies behind them, as recorded from Rancher 2.15.0.

Each rule names the recording it comes from, by its file in shared/samples/rancher; those that tests
replay are in tests/jobs/rancher/recorded.
"""

from .agent import KubeApi
from .behaviour import Behaviour, Fault, Lag
from .observed import Imported, Logged
from .server import FakeRancher
from .state import User

__all__ = ["Behaviour", "FakeRancher", "Fault", "Imported", "KubeApi", "Lag", "Logged", "User"]
