"""Refuse single fields of the spec of a VCluster that exists, and apply the rest.

A refusal must not be a shelter: a VCluster whose spec is wrong in one field gets all that the
platform changes. A refused field takes the value that was granted last (`record`, or what the
Releases show), and the platform's default where that is beyond the limits too. The spec of a
VCluster that does not exist yet is refused as a whole: no default may decide what never changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from function.api import validate
from function.api.errors import InvalidError, Problem, Replacement
from function.api.input import Input
from function.api.validate import Composite
from function.decision import adoption, placement, resolve, tenancy, tenant_limits
from function.decision.draft import Draft
from function.decision.resolve import ResolvedSpec, adopted_key
from function.k8s.fieldpath import get, text
from function.k8s.helm_values import overlaid
from function.observed import current, record, usages
from function.observed.current import Current
from function.observed.record import Record
from function.observed.state import Observed, Request

MOST_ROUNDS = 50
"""Each takes back all fields that are found wrong at once, and no field comes up
more than twice."""


@dataclass(frozen=True)
class Admission:
    """What a spec asks for, as far as it is well-formed and within the limits."""

    requested: Composite
    config: Input
    """The Input as it is on the host of the VCluster."""
    asked: ResolvedSpec
    now: Current | None
    problems: tuple[Problem, ...]
    """What is beyond the limits."""
    refusals: tuple[Replacement, ...] = ()


def admit(request: Request, config: Input) -> Admission:
    """Return what the spec asks for; raise `InvalidError` where nothing may be touched."""
    observed = request.observed
    try:
        found = _resolve(request.composite, config, observed)
        problems = found.problems
    except InvalidError as error:
        if not _exists(observed) or error.reason != "InvalidSpec":
            raise
        problems = error.problems
    else:
        if not problems:
            return found
        if not _exists(observed):
            raise InvalidError(*problems)
    return _settled(_draft(request, config), problems, config, observed)


def _exists(observed: Observed) -> bool:
    """Return whether there is a virtual cluster, or a record of what was granted to it."""
    has_record = observed.namespace is not None and bool(observed.namespace.record)
    return has_record or observed.vcluster is not None or observed.rancher is not None


def _resolve(composite: Mapping[str, object], config: Input, observed: Observed) -> Admission:
    requested = validate.vcluster(composite)
    if requested.namespace:
        tenancy.refuse_chart_secrets(config)
    adoption.check(requested, config, observed)
    now = _now(adopted_key(requested.name, requested.namespace), config, observed)
    runs_on = placement.provider_config(observed)
    config = placement.on(requested.spec, requested.uid, config, runs_on)
    imported = observed.rancher is not None
    asked = resolve.resolve(requested, config, now, imported=imported, runs_on=runs_on)
    problems = tenant_limits.problems(requested.spec, asked, config, new=now is None)
    return Admission(requested, config, asked, now, tuple(problems))


def _now(key: str, config: Input, observed: Observed) -> Current | None:
    """Return what runs: by the Release, or as an adopted cluster was installed."""
    entry = config.adopted.get(key)
    frozen = adoption.installed(entry, observed) if entry else None
    return frozen or current.read(observed)


def _settled(
    draft: Draft, problems: tuple[Problem, ...], config: Input, observed: Observed
) -> Admission:
    """Return the admission of the spec without what is refused of it."""
    for _ in range(MOST_ROUNDS):
        found, moved = None, draft.take_back(problems)
        try:
            found = _resolve(draft.composite, draft.offer(config), observed)
            problems = found.problems
        except InvalidError as error:
            if error.reason != "InvalidSpec" or not moved:
                raise
            problems = error.problems
        if found and (not problems or (not moved and found.now is not None)):
            # What no field of the spec decides is said, and holds nothing up.
            return replace(found, refusals=(*draft.refusals, *map(Replacement, problems)))
        if not moved:
            break
    raise InvalidError(*problems)


def _draft(request: Request, config: Input) -> Draft:
    """Return the spec as it is, with what may take the place of its fields."""
    observed = request.observed
    found = record.read(observed.namespace.record) if observed.namespace else None
    metadata = request.composite.get("metadata")
    key = adopted_key(text(get(metadata, "name")), text(get(metadata, "namespace")))
    now = _now(key, config, observed)
    granted = overlaid(found.spec if found else _shown(now, observed), _fixed(now))
    return Draft(request.composite, granted, found or Record(spec={}))


def _fixed(now: Current | None) -> dict[str, object]:
    """Return what runs of that which never changes: no record and no default wins over it."""
    if now is None:
        return {}
    size, storage_class = now.storage.size, now.storage.storage_class
    storage = {"size": size, "storageClassName": storage_class}
    fixed: dict[str, object] = {
        "availability": now.availability,
        "storage": {key: value for key, value in storage.items() if value},
    }
    return {**fixed, "rancher": {"clusterName": now.cluster_name}} if now.cluster_name else fixed


def _shown(now: Current | None, observed: Observed) -> dict[str, object]:
    """Return what Releases without a record show of the spec that they were made for."""
    shown: dict[str, object] = {}
    if usages.DELETION_PROTECTION in observed.usages:
        shown["deletionProtection"] = True
    if now is None:
        return shown
    has_name = now.exposure.type not in ("ClusterIP", "NodePort")
    hostname = {"hostname": now.exposure.hostname} if has_name else {}
    port = {"port": now.exposure.port} if now.exposure.type == "NodePort" else {}
    values = observed.vcluster.values if observed.vcluster else {}
    if adoption.keeps_service(values):
        shown["storage"] = {"onDelete": "Retain"}
    return {**shown, "expose": {"type": now.exposure.type, **hostname, **port}}
