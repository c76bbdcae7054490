"""The dry run of an adoption: hindrances, the entry of the Input, commands and later changes.

It reads the output of `helm status`, and changes nothing. It prints paths of values, never the
values, which may be secret.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from function.api import validate
from function.api.errors import InvalidError, Problem, Refusal
from function.api.input import Input
from function.api.names import Names
from function.api.validate import Composite
from function.decision import (
    adoption,
    decision,
    placement,
    resolve,
    tenancy,
    tenant_limits,
)
from function.decision.resolve import ResolvedSpec, adopted_key
from function.desired import namespace
from function.desired.chart_values import chart_values
from function.k8s.fieldpath import get, leaves, mapping, text
from function.observed.current import Current
from function.observed.state import Observed

T = TypeVar("T")

NO_UID = "00000000-0000-0000-0000-000000000000"
"""Stands for the UID of a VCluster that does not exist yet."""

HELM_STATUS = "helm status RELEASE -n NAMESPACE -o json"


@dataclass(frozen=True)
class HelmRelease:
    """A Helm release as printed by `helm status`."""

    name: str
    namespace: str
    status: str
    chart: str
    """Label `chart` of the workload, such as `vcluster-0.36.1`."""
    values: Mapping[str, object]
    """Values of the installation."""


@dataclass(frozen=True)
class Proposal:
    """The result of the dry run."""

    key: str
    entry: Mapping[str, object]
    """Entry for `adopted` of the Input."""
    hindrances: tuple[str, ...]
    commands: tuple[str, ...] = ()
    at_once: tuple[str, ...] = ()
    later: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Paths of the values set, changed and removed once the entry has no values."""


def helm_release(status: object, objects: Iterable[object]) -> HelmRelease:
    """Return the release that `helm status` printed. `objects` are those of its manifest.

    The status lacks the chart, so it is read from the label of the workload.
    """
    name, where = text(get(status, "name")), text(get(status, "namespace"))
    charts = {
        text(get(one, "metadata", "labels", "chart"))
        for one in objects
        if get(one, "kind") in ("StatefulSet", "Deployment")
        and get(one, "metadata", "name") == name
    }
    if not name or not where or get(status, "info", "status") is None:
        problem = Problem("--release", f"is not what `{HELM_STATUS}` prints", "Run that.")
        raise InvalidError(problem)
    return HelmRelease(
        name=name,
        namespace=where,
        status=text(get(status, "info", "status")),
        chart="".join(charts) if len(charts) == 1 else "",
        values=mapping(get(status, "config")),
    )


def propose(
    composite: Mapping[str, object], platform: Mapping[str, object], found: HelmRelease
) -> Proposal:
    """Return the proposal to adopt a Helm release under a VCluster.

    `composite` is the existing or future VCluster; `platform` is the Input, in which an existing
    entry is replaced.
    """
    metadata = {"uid": NO_UID, **mapping(composite.get("metadata"))}
    key = adopted_key(text(metadata.get("name")), text(metadata.get("namespace")))
    entry = {
        "namespace": found.namespace,
        "release": found.name,
        "chart": found.chart.removeprefix("vcluster-"),
        "values": dict(found.values),
    }
    problems = [*_unusual(found, platform), *adoption.unfit(key, found.values)]
    proposed = {**platform, "adopted": {**mapping(platform.get("adopted")), key: entry}}
    config = _tried(lambda: validate.platform_input(proposed), problems)
    requested = _tried(lambda: validate.vcluster({**composite, "metadata": metadata}), problems)
    if requested is not None:
        problems += adoption.availability(requested.spec.availability, found.values)
    granted = None
    if requested is not None and config is not None:
        granted = _tried(lambda: _granted(requested, config), problems)
    if problems or requested is None or config is None or granted is None:
        return Proposal(key, entry, tuple(dict.fromkeys(map(str, problems))))
    effective, refusals = granted
    return Proposal(
        key,
        entry,
        (),
        commands=_commands(effective.names),
        at_once=(*_at_once(effective, config), *map(str, refusals)),
        later=_later(requested, proposed, key),
    )


def _tried(action: Callable[[], T], problems: list[Problem]) -> T | None:
    """Return the result of an action, or None after adding its problems to `problems`."""
    try:
        return action()
    except InvalidError as error:
        problems.extend(error.problems)
        return None


def _unusual(found: HelmRelease, platform: Mapping[str, object]) -> Iterator[Problem]:
    label = f"release {found.namespace}/{found.name}"
    name = get(platform, "vcluster", "chart", "name") or "vcluster"
    if name != "vcluster" or not found.chart.startswith("vcluster-"):
        yield Problem(
            label,
            "is not an installation of the chart vcluster from 0.20 on, or the Input's chart is "
            "called otherwise, which Helm would upgrade to",
            "Name a release of that chart, and the chart vcluster in the Input.",
        )
    if found.status != "deployed":
        yield Problem(
            label,
            "is not deployed, which Helm would repair by an upgrade",
            "Bring it to deployed first: helm upgrade, or helm rollback.",
        )


def _granted(requested: Composite, config: Input) -> tuple[ResolvedSpec, tuple[Refusal, ...]]:
    """Return effective spec and refusals of a frozen cluster. Raises `InvalidError`."""
    if requested.namespace:
        tenancy.refuse_chart_secrets(config)
    now = _installed(requested, config)
    config = placement.on(requested.spec, requested.uid, config, "")
    spec = resolve.resolve_spec(requested, config, now, imported=False)
    tenant_limits.check(requested.spec, spec, config, new=False)
    return adoption.keep(spec, now, requested.spec, config)


def _installed(requested: Composite, config: Input) -> Current:
    entry = config.adopted[adopted_key(requested.name, requested.namespace)]
    current = adoption.installed(entry, Observed())
    if current is None:
        raise InvalidError(Problem("--release", "has no values", "Give those of an installation."))
    return current


def _commands(names: Names) -> tuple[str, ...]:
    """Return the commands that make Helm treat the namespace as part of its future Release."""
    owner = "app.kubernetes.io/managed-by=Helm"
    name = f"meta.helm.sh/release-name={names.namespace_release}"
    where = f"meta.helm.sh/release-namespace={names.platform_namespace}"
    return (
        f"kubectl label namespace {names.namespace} {owner} --overwrite",
        f"kubectl annotate namespace {names.namespace} {name} {where} --overwrite",
    )


def _at_once(granted: ResolvedSpec, config: Input) -> Iterator[str]:
    names = granted.names
    releases = [names.namespace_release, names.vcluster_release]
    if granted.rancher:
        releases.append(names.rancher_release)
    for name in releases:
        yield f"Release {names.home}/{name} is created."
    yield (
        f"Namespace {names.namespace} belongs to the VCluster, and is deleted with it. Pod "
        f"security {namespace.HOST_LEVEL} is enforced for new pods."
    )
    limited = ", ".join(f"{k} {v}" for k, v in sorted(_quota(granted, config).items()))
    yield f"Its quota, for new pods: {limited or 'none'}."
    yield f"Its network policies are switched {'on' if granted.network_policy else 'off'}."


def _quota(granted: ResolvedSpec, config: Input) -> Mapping[str, object]:
    values = adoption.with_defaults(chart_values(granted, config))
    room = namespace.desired(granted, config, values, Observed(), is_earned=False)
    return mapping(get(room, "spec", "forProvider", "values", "quota"))


def _later(
    requested: Composite, proposed: Mapping[str, object], key: str
) -> Mapping[str, tuple[str, ...]]:
    """Return the paths of the values that change, with a restart, once the entry has no values."""
    frozen = validate.platform_input(proposed)
    now = _installed(requested, frozen)
    entry = frozen.adopted[key].model_copy(update={"values": None})
    config = frozen.model_copy(update={"adopted": {**frozen.adopted, key: entry}})
    spec = resolve.resolve_spec(requested, config, now, imported=False)
    granted = decision.decide_existing(spec, now, requested, config, settled=True).effective
    before = _by_path(frozen.adopted[key].values or {})
    after = _by_path(chart_values(granted, config))
    both = before.keys() & after.keys()
    return {
        "set": tuple(sorted(after.keys() - before.keys())),
        "changed": tuple(sorted(path for path in both if before[path] != after[path])),
        "taken away": tuple(sorted(before.keys() - after.keys())),
    }


def _by_path(values: Mapping[str, object]) -> dict[str, object]:
    return {".".join(path): value for path, value in leaves(values) if value != {}}
