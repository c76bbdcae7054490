"""Events on VClusters, one a day for each."""

import datetime as dt

from lightkube.core.exceptions import ApiError
from lightkube.models.core_v1 import EventSource, ObjectReference
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Event

from jobs.bounded_api import Api
from jobs.clock.sleepers import Sleeper
from jobs.kubernetes import CONFLICT

COMPONENT = "vcluster-clock"

CLUSTER_SCOPED = "default"
"""Namespace of the events of cluster-scoped objects."""


class Events:
    """The events of this day.

    An event's name has the day, so that another clock, or this one after a restart, creates no
    second one as long as the API server keeps the first, which is an hour by default.
    """

    def __init__(self, client: Api) -> None:
        """Begin without knowledge of events."""
        self._client = client
        self._day: dt.date | None = None
        self._known: set[str] = set()

    def is_known(self, sleeper: Sleeper, now: dt.datetime) -> bool:
        """Return whether this process has written today's event of a VCluster."""
        if self._day != now.date():
            self._day = now.date()
            self._known = set()
        return sleeper.uid in self._known

    def warn(self, sleeper: Sleeper, reason: str, message: str, now: dt.datetime) -> None:
        """Create a warning, unless it exists."""
        namespace = sleeper.namespace or CLUSTER_SCOPED
        event = Event(
            metadata=ObjectMeta(
                name=f"{sleeper.name}.{sleeper.uid[:8]}.{now:%Y%m%d}", namespace=namespace
            ),
            involvedObject=ObjectReference(
                apiVersion="caas.telekom.de/v1alpha1",
                kind="VCluster",
                name=sleeper.name,
                namespace=sleeper.namespace or None,
                uid=sleeper.uid,
                resourceVersion=sleeper.version,
            ),
            type="Warning",
            reason=reason,
            message=message,
            count=1,
            firstTimestamp=now,
            lastTimestamp=now,
            source=EventSource(component=COMPONENT),
            reportingComponent=COMPONENT,
        )
        try:
            self._client.create(event, namespace=namespace)
        except ApiError as error:
            if error.status.code != CONFLICT:
                raise
        self._known.add(sleeper.uid)
