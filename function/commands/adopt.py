"""The dry run of an adoption: hindrances, the entry of the Input, commands and later changes.

It reads the output of `helm status`, and changes nothing. It prints paths of values, never the
values, which may be secret.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import yaml

from function.api import validate
from function.api.errors import InvalidError, Problem
from function.api.input import Input
from function.api.names import Names, adopted_key
from function.commands.plan import dry_run
from function.commands.plan.requests import NO_UID
from function.decision import adoption
from function.decision.decision import Decision, decide
from function.desired import namespace
from function.desired.chart_values import build_chart_values
from function.k8s.fieldpath import get, leaves, mapping, text
from function.observed import stamp
from function.observed.state import Request

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
    composite: Mapping[str, object], platform: Mapping[str, object], installation: HelmRelease
) -> Proposal:
    """Return the proposal to adopt a Helm release under a VCluster.

    `composite` is the existing or future VCluster; `platform` is the Input, in which an existing
    entry is replaced.
    """
    metadata = {"uid": NO_UID, **mapping(composite.get("metadata"))}
    key = adopted_key(text(metadata.get("name")), text(metadata.get("namespace")))
    entry = {
        "namespace": installation.namespace,
        "release": installation.name,
        "chart": installation.chart.removeprefix("vcluster-"),
        "values": dict(installation.values),
    }
    unusual = [*_unusual(installation, platform)]
    request = Request(_claiming(platform, key, entry), {**composite, "metadata": metadata})
    try:
        decision = decide(request, _input(request, key, installation), build_chart_values)
        later = _later(request, key, entry)
    except InvalidError as error:
        return _hindered(key, entry, [*unusual, *error.problems])
    if unusual:
        return _hindered(key, entry, unusual)
    return Proposal(
        key,
        entry,
        (),
        commands=_commands(decision.effective.names),
        at_once=(*_at_once(decision), *map(str, decision.refusals)),
        later=later,
    )


def _hindered(key: str, entry: Mapping[str, object], problems: list[Problem]) -> Proposal:
    return Proposal(key, entry, tuple(dict.fromkeys(map(str, problems))))


def _claiming(
    platform: Mapping[str, object], key: str, entry: Mapping[str, object]
) -> dict[str, object]:
    """Return the Input with this entry."""
    return {**platform, "adopted": {**mapping(platform.get("adopted")), key: entry}}


def _input(request: Request, key: str, installation: HelmRelease) -> Input:
    """Return the Input; raise `InvalidError` with the problems of the values beside its own."""
    try:
        return validate.platform_input(request.input)
    except InvalidError as error:
        raise error.after([*adoption.unfit(key, installation.values)]) from None


def lines(proposal: Proposal) -> Iterator[str]:
    """Yield the lines of a proposal for people."""
    where = f"Helm release {proposal.entry['namespace']}/{proposal.entry['release']}"
    if proposal.hindrances:
        yield f"{where} cannot be adopted by VCluster {proposal.key}:"
        yield from (f"- {hindrance}" for hindrance in proposal.hindrances)
        return
    yield f"{where} can be adopted by VCluster {proposal.key}."
    yield "\n1. Run on the host:\n"
    yield from proposal.commands
    yield "\n2. Put into the Input, after a look for secrets, which do not belong there:\n"
    yield yaml.safe_dump({"adopted": {proposal.key: proposal.entry}}, sort_keys=False)
    yield "3. Create the VCluster. At once, and without a restart:\n"
    yield from (f"- {line}" for line in proposal.at_once)
    yield "\nOnce `values` leave the entry the control plane restarts, with other values at:\n"
    for what, paths in proposal.later.items():
        yield from (f"- {path} ({what})" for path in paths)


def _unusual(installation: HelmRelease, platform: Mapping[str, object]) -> Iterator[Problem]:
    label = f"release {installation.namespace}/{installation.name}"
    name = get(platform, "vcluster", "chart", "name") or "vcluster"
    if name != "vcluster" or not installation.chart.startswith("vcluster-"):
        yield Problem(
            label,
            "is not an installation of the chart vcluster from 0.20 on, or the Input's chart is "
            "called otherwise, which Helm would upgrade to",
            "Name a release of that chart, and the chart vcluster in the Input.",
        )
    if installation.status != "deployed":
        yield Problem(
            label,
            "is not deployed, which Helm would repair by an upgrade",
            "Bring it to deployed first: helm upgrade, or helm rollback.",
        )


def _commands(names: Names) -> tuple[str, ...]:
    """Return the commands that make Helm treat the namespace as part of its future Release."""
    owner = "app.kubernetes.io/managed-by=Helm"
    name = f"meta.helm.sh/release-name={names.namespace_release}"
    where = f"meta.helm.sh/release-namespace={names.platform_namespace}"
    return (
        f"kubectl label namespace {names.namespace} {owner} --overwrite",
        f"kubectl annotate namespace {names.namespace} {name} {where} --overwrite",
    )


def _at_once(decision: Decision) -> Iterator[str]:
    effective = decision.effective
    names = effective.names
    releases = [names.namespace_release, names.vcluster_release]
    if effective.rancher:
        releases.append(names.rancher_release)
    for name in releases:
        yield f"Release {names.home}/{name} is created."
    yield (
        f"Namespace {names.namespace} belongs to the VCluster, and is deleted with it. Pod "
        f"security {namespace.HOST_LEVEL} is enforced for new pods."
    )
    limited = ", ".join(f"{k} {v}" for k, v in sorted(decision.quota.hard.items()))
    yield f"Its quota, for new pods: {limited or 'none'}."
    yield f"Its network policies are switched {'on' if effective.network_policy else 'off'}."


def _later(
    request: Request, key: str, entry: Mapping[str, object]
) -> Mapping[str, tuple[str, ...]]:
    """Return the paths of the values that change, with a restart, once the entry has no values."""
    *_, (adopted, _) = dry_run.steps(request)
    thawed = {name: value for name, value in entry.items() if name != "values"}
    config = validate.platform_input(_claiming(mapping(request.input), key, thawed))
    decision = decide(_with_version(adopted, config), config, build_chart_values)
    before, after = _by_path(mapping(entry["values"])), _by_path(decision.values)
    both = before.keys() & after.keys()
    return {
        "set": tuple(sorted(after.keys() - before.keys())),
        "changed": tuple(sorted(path for path in both if before[path] != after[path])),
        "taken away": tuple(sorted(before.keys() - after.keys())),
    }


def _with_version(request: Request, config: Input) -> Request:
    """Return the request with a running version of Kubernetes.

    The platform's default stands for that of the chart if the values name none.
    """
    vcluster = request.observed.vcluster
    if vcluster is None or stamp.kubernetes_tag(vcluster.details):
        return request
    image = f"kubernetes:v{config.vcluster.kubernetes.default}"
    details = {stamp.CONTAINERS_DETAIL: f"[map[image:{image} name:kubernetes]]"}
    running = replace(vcluster, details={**vcluster.details, **details})
    return replace(request, observed=replace(request.observed, vcluster=running))


def _by_path(values: Mapping[str, object]) -> dict[str, object]:
    return {".".join(path): value for path, value in leaves(values) if value != {}}
