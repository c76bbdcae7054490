"""Decide when status fields and looks stay as observed, and follow one call later.

In each call Crossplane applies the status fields together with the conditions of its cache, and
writes the new conditions afterwards. The event of the first write starts the next call at once,
maybe before the cache has the second, and that call applies the old conditions again. So a call
that changes a condition writes nothing else of the VCluster: the fields and the intervals of looks
follow in the next one. No field is ever ahead of the conditions, and READY True never stands
beside the generation of a spec that it does not describe.
https://github.com/crossplane/crossplane/blob/v2.4.0/internal/controller/apiextensions/composite/composition_functions.go#L732-L755
https://github.com/crossplane/crossplane/blob/v2.4.0/internal/controller/apiextensions/composite/reconciler.go#L929-L930
"""

from collections.abc import Iterable

from function.decision.decision import Decision
from function.observed.state import Condition, Observed


def is_due(
    conditions: Iterable[Condition], decision: Decision, observed: Observed, *, ready: bool
) -> bool:
    """Return whether this call changes a condition, or what READY is about.

    A condition of a new type does not count: a Crossplane that keeps it for itself never shows it.
    Where the Release of the namespace has the record of another spec, this call changes it, and
    NamespaceReady knows of that only in the next.
    """
    before, record = decision.composite.conditions, decision.effective.record
    release = observed.namespace
    is_falling = not ready and before.get("Ready", ("", ""))[0] == "True"
    is_new_spec = release is not None and record not in ("", release.record)
    return (
        is_falling
        or is_new_spec
        or any(
            before.get(each.type, (each.status, each.reason)) != (each.status, each.reason)
            for each in conditions
        )
    )
