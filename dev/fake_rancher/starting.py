"""A starting Rancher, which serves before it knows its types (startup-window.txt).

`/ping` and `/healthz` are 200 and tokens are accepted, while Steve answers 404 without a body for
every type but management clusters, of which it shows its own. One 500 ends it.
"""

import time

from .kinds import MANAGEMENT
from .messages import INVISIBLE, Answer, Refusal, Request, json_answer
from .shapes import management
from .state import Cluster, State
from .steve import with_headers
from .steve_shapes import wrapped

LOCAL = "local"


class Start:
    """The time since the last start, and Steve's answers in it."""

    def __init__(self, state: State) -> None:
        """Start now."""
        self._state = state
        self.begin()

    def begin(self) -> None:
        """Start anew."""
        self._began = time.monotonic()
        self._answered = 0
        self._over = False

    def answer(self, request: Request) -> Answer | None:
        """Return Steve's answer during the start, None after it."""
        if self._over or not request.path.startswith("/v1/"):
            return None
        lag = self._state.behaviour.starting
        elapsed = time.monotonic() - self._began
        if elapsed < lag.seconds or self._answered < lag.requests:
            self._answered += 1
            return with_headers(request, self._without_types(request))
        self._over = True
        if self._answered:
            refused = Refusal(500, "InternalError", "failed to list: schemas are not ready")
            return with_headers(request, refused.steve())
        return None

    def _without_types(self, request: Request) -> Answer:
        _, collection, *place = request.segments
        if collection != MANAGEMENT.collection or request.method != "GET":
            return INVISIBLE
        if place and place != [LOCAL]:
            return MANAGEMENT.not_found(place[0]).steve()
        me = f"{request.base}/v1/{collection}"
        administrator = next(user for user in self._state.users.values() if user.admin)
        cluster = Cluster(LOCAL, id=LOCAL, namespace="fleet-local", mgmt_exists=True)
        made = wrapped(MANAGEMENT, management(cluster), request.base, administrator, cluster)
        if place:
            return json_answer(200, made)
        listed = {"type": "collection", "links": {"self": me}, "actions": {}, "count": 1}
        listed |= {"resourceType": MANAGEMENT.type, "revision": "1", "data": [made]}
        return json_answer(200, listed)
