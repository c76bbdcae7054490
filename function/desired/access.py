"""The Release of the login, and its connection detail, the report of the Job on the host."""

from collections.abc import Mapping
from typing import Any

from function.api.input import Input, OwnChart
from function.api.names import connection_secret
from function.decision import deletion, exposure
from function.decision.access import Grant, ResolvedAccess, ResolvedIssuer
from function.decision.resolve import ResolvedSpec
from function.desired.namespace import own_chart, program_image
from function.desired.rancher import vcluster_values
from function.desired.release import Detail, build_release
from function.k8s.fieldpath import digest, mapping
from function.observed.access import REPORT, is_emptied, report_of
from function.observed.rancher import SLEEPING
from function.observed.state import Observed, ObservedRelease
from function.observed.vcluster import was_healthy

CHART: OwnChart = "vcluster-access"


def desired(
    spec: ResolvedSpec, config: Input, observed: Observed, *, is_asleep: bool
) -> dict[str, Any] | None:
    """Return the Release of the login, or None if there is to be none.

    It begins once the control plane was healthy. A spec without a login ends it in two steps: the
    rights inside are removed, then the Release is left out.
    """
    before = observed.access
    if spec.access:
        if before is None and not was_healthy(observed.vcluster):
            return None
        work = _work(spec, spec.access)
        return _release(spec, config, before, _values(work, config, is_asleep=is_asleep))
    if before is None or before.terminating or is_emptied(before):
        return None
    kubeconfig = {**mapping(before.values.get("kubeconfig")), "issuers": []}
    work = {
        **{key: before.values[key] for key in _WORK if key in before.values},
        "bindings": [],
        "kubeconfig": kubeconfig,
    }
    return _release(spec, config, before, _values(work, config, is_asleep=is_asleep))


def _release(
    spec: ResolvedSpec,
    config: Input,
    observed: ObservedRelease | None,
    values: Mapping[str, object],
) -> dict[str, Any]:
    names = spec.names
    is_proven = bool(report_of(observed).phase)
    return build_release(
        name=names.access_release,
        namespace=names.home,
        target_namespace=names.platform_namespace,
        provider_config=spec.host.provider_config,
        chart=own_chart(CHART, config),
        values=values,
        rollback_limit=deletion.rollback_limit(observed, is_proven=is_proven),
        details=[Detail(REPORT, "v1", "ConfigMap", names.access_config_map, "data.report")],
        connection_secret=connection_secret(names.access_release),
    )


def _values(work: dict[str, object], config: Input, *, is_asleep: bool) -> dict[str, Any]:
    """Return the values of the chart; sleep and image are no inputs of the Job."""
    return {
        **work,
        "inputs": digest(work),
        "power": SLEEPING if is_asleep else "",
        **program_image(config),
    }


_WORK = ("owner", "vcluster", "stateConfigMap", "bindings", "kubeconfig", "rotate")
"""Values that the Job works on."""


def _work(spec: ResolvedSpec, access: ResolvedAccess) -> dict[str, object]:
    names = spec.names
    return {
        "owner": {"name": names.namespace, "uid": spec.uid},
        "vcluster": vcluster_values(names),
        "stateConfigMap": names.access_config_map,
        "bindings": [_binding(grant) for grant in access.grants],
        "kubeconfig": _kubeconfig(spec, access),
        "rotate": access.rotate,
    }


def _binding(grant: Grant) -> dict[str, str]:
    where = {"namespace": grant.namespace} if grant.namespace else {}
    return {"kind": grant.kind, "name": grant.name, "clusterRole": grant.cluster_role, **where}


def _kubeconfig(spec: ResolvedSpec, access: ResolvedAccess) -> dict[str, object]:
    names = spec.names
    return {
        "secret": names.login_secret,
        "server": exposure.endpoint(spec.exposure, names),
        "context": names.xr,
        "issuers": [_issuer(each) for each in access.issuers],
    }


def _issuer(resolved: ResolvedIssuer) -> dict[str, object]:
    issuer = resolved.issuer
    return {
        "name": resolved.name,
        "url": issuer.url,
        "clientId": resolved.audience,
        "scopes": issuer.scopes,
        "certificateAuthority": issuer.certificateAuthority or "",
    }
