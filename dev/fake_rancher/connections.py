"""Reports of running agents, once a second.

The real agent keeps a websocket at the same path, with the same header. This one posts instead:
both show Rancher that an agent with a token of the cluster is alive.
"""

import time

from .messages import Answer, Request, text_answer
from .state import State

PATH = "/v3/connect"
TOKEN_HEADER = "X-API-Tunnel-Token"
SILENCE_SECONDS = 3.0
"""Time without a report after which an agent counts as gone."""


def answer(state: State, request: Request) -> Answer:
    """Accept a report of an agent; refuse a token of no cluster."""
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
    """Return whether the cluster's agent has reported lately."""
    return time.monotonic() - state.heard.get(cluster_id, -SILENCE_SECONDS) < SILENCE_SECONDS
