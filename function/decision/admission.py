"""Refuse single fields of the spec of a VCluster that exists, and apply the rest.

A wrong field must not keep a VCluster from the platform's changes. A refused field takes the value
that was granted last (from `record`, or from the Releases), or the platform's default if that value
is beyond the limits too. The spec of a new VCluster is refused as a whole, so that no default
decides an immutable field.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from function.api import validate
from function.api.errors import InvalidError, Problem, Replacement
from function.api.input import Input
from function.api.names import adopted_key
from function.api.validate import Composite
from function.decision import adoption, placement, resolve, tenancy, tenant_limits
from function.decision.draft import Draft
from function.decision.resolve import ResolvedSpec
from function.k8s.fieldpath import get, text
from function.k8s.helm_values import overlaid
from function.observed import current, record, usages
from function.observed.current import Current
from function.observed.record import Record
from function.observed.state import Observed, Request

MOST_ROUNDS = 50
"""Upper bound. Each round takes back all wrong fields, and a field is wrong at most twice."""


@dataclass(frozen=True)
class Admission:
    """The requested spec, as far as it is valid and within the limits."""

    composite: Composite
    config: Input
    """The Input with the settings of the VCluster's host."""
    requested: ResolvedSpec
    now: Current | None
    problems: tuple[Problem, ...]
    """Fields beyond the limits."""
    refusals: tuple[Replacement, ...] = ()


def admit(request: Request, config: Input) -> Admission:
    """Return the requested spec; raise `InvalidError` if nothing may be touched."""
    observed = request.observed
    try:
        admission = _resolve(request.composite, config, observed)
        problems = admission.problems
    except InvalidError as error:
        if not _exists(observed) or error.reason != "InvalidSpec":
            raise
        problems = error.problems
    else:
        if not problems:
            return admission
        if not _exists(observed):
            raise InvalidError(*problems)
    return _settled(_draft(request, config), problems, config, observed)


def _exists(observed: Observed) -> bool:
    """Return whether a virtual cluster, an import or a record of a granted spec exists."""
    has_record = observed.namespace is not None and bool(observed.namespace.record)
    return has_record or observed.vcluster is not None or observed.rancher is not None


def _resolve(plain: Mapping[str, object], config: Input, observed: Observed) -> Admission:
    """Return the requested spec; an adoption that is impossible does not hide other problems."""
    composite = validate.vcluster(plain)
    if composite.namespace:
        tenancy.refuse_chart_secrets(config)
    unfit = adoption.problems(composite, config, observed)
    try:
        admission = _limited(composite, config, observed)
    except InvalidError as error:
        raise error.after(unfit) from None
    if unfit:
        raise InvalidError.by_field(*unfit, *admission.problems)
    return admission


def _limited(composite: Composite, config: Input, observed: Observed) -> Admission:
    now = _now(composite.adopted_key, config, observed)
    runs_on = placement.provider_config(observed)
    config = placement.on(composite.spec, composite.uid, config, runs_on)
    requested = resolve.resolve_spec(composite, config, now, observed)
    problems = tenant_limits.problems(composite.spec, requested, config, new=now is None)
    return Admission(composite, config, requested, now, tuple(problems))


def _now(key: str, config: Input, observed: Observed) -> Current | None:
    """Return the current state, from the Releases or from the values of an adopted cluster."""
    entry = config.adopted.get(key)
    frozen = adoption.installed(entry, observed) if entry else None
    return frozen or current.read(observed)


def _settled(
    draft: Draft, problems: tuple[Problem, ...], config: Input, observed: Observed
) -> Admission:
    """Return the admission of the spec without its refused fields."""
    for _ in range(MOST_ROUNDS):
        admission, moved = None, draft.take_back(problems)
        try:
            admission = _resolve(draft.composite, draft.offer(config), observed)
            problems = admission.problems
        except InvalidError as error:
            if error.reason != "InvalidSpec" or not moved:
                raise
            problems = error.problems
        if admission and (not problems or (not moved and admission.now is not None)):
            # A problem that no field of the spec can resolve is reported only.
            return replace(admission, refusals=(*draft.refusals, *map(Replacement, problems)))
        if not moved:
            break
    raise InvalidError(*problems)


def _draft(request: Request, config: Input) -> Draft:
    """Return a draft of the spec, with the granted values that may replace its fields."""
    observed = request.observed
    last = record.read(observed.namespace.record) if observed.namespace else None
    metadata = request.composite.get("metadata")
    key = adopted_key(text(get(metadata, "name")), text(get(metadata, "namespace")))
    now = _now(key, config, observed)
    fallback = overlaid(last.spec if last else _shown(now, observed), _fixed(now))
    return Draft(request.composite, fallback, last or Record(spec={}))


def _fixed(now: Current | None) -> dict[str, object]:
    """Return the current values of immutable fields, which override record and defaults."""
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
    """Return the fields of the granted spec that Releases without a record show."""
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
