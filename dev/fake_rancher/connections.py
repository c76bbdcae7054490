"""Agents that really run: they report here, once a second, as long as they live.

The real agent keeps a websocket at the same path, with the same header. This one posts instead:
what Rancher learns from it is the same, that an agent with a token of this cluster is alive.
"""

import time

from .messages import Answer, Request, text_answer
from .state import State

PATH = "/v3/connect"
TOKEN_HEADER = "X-API-Tunnel-Token"
SILENCE_SECONDS = 3.0
"""After which an agent counts as gone."""


def answer(state: State, request: Request) -> Answer:
    """Take a report of an agent; a token that belongs to no cluster is refused."""
    token = request.headers.get(TOKEN_HEADER, "")
    for cluster in state.clusters:
        accepted = any(crt.accepts(token) for crt in cluster.tokens.values())
        if accepted and cluster.name in state.cut_off:
            return text_answer(502, "bad gateway")
        if accepted and cluster.mgmt_exists and not cluster.deleting:
            state.heard[cluster.id] = time.monotonic()
            return text_answer(200, "heard")
    return text_answer(401, "failed authentication")


def is_heard(state: State, cluster_id: str) -> bool:
    """Tell whether the cluster's agent has reported lately."""
    return time.monotonic() - state.heard.get(cluster_id, -SILENCE_SECONDS) < SILENCE_SECONDS
