"""Steps of the story, each with the expected answer."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """A state of a VCluster's life."""

    state: str
    words: str
    desired: frozenset[str]
    """Resource keys that the answer must have."""
    ready: str = "False"


_ALL = frozenset(
    {"namespace", "vcluster", "rancher", "namespace-by-vcluster", "vcluster-by-rancher"}
)

STEPS = (
    Step(
        "nothing",
        "The VCluster was created. Nothing exists yet: the namespace comes first.",
        frozenset({"namespace"}),
    ),
    Step(
        "deploying",
        "Helm has installed the chart, but no pod of the control plane is available yet. The "
        "import into Rancher was created beside it: its Job waits by itself.",
        _ALL,
    ),
    Step("up", "The control plane is up and its kubeconfig was read. The import waits.", _ALL),
    Step("imported", "Rancher knows the cluster; its agent is starting.", _ALL),
    Step("ready", "Rancher is connected: a tenant can use the cluster.", _ALL, ready="True"),
)

FAILED = Step(
    "failed",
    "What if Helm refuses to install? The condition says it in Helm's own words, which are "
    "recorded from a real provider-helm.",
    _ALL,
)

REFUSED = """\
apiVersion: caas.telekom.de/v1alpha1
kind: VCluster
metadata: {name: kunde3}
spec: {quota: {cpu: "1000"}}
"""

AGES = {"kunde1": "24m", "kunde2": "52m"}
"""The VClusters of the story, with their ages."""
