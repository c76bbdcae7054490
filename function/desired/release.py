"""Build a provider-helm Release, with the settings that all Releases share.

The kind: https://marketplace.upbound.io/providers/crossplane-contrib/provider-helm.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from function.observed.release import API_VERSION, EXTERNAL_NAME, KIND

MAX_HISTORY = 3


class Chart(NamedTuple):
    """A chart in a repository."""

    repository: str
    name: str
    version: str
    digest: str | None = None
    pull_secret: str | None = None


class Detail(NamedTuple):
    """A field of an object on the host that is reported as a connection detail.

    One missing object or field fails the provider's whole observation, so a detail may only name
    what exists.
    """

    key: str
    api_version: str
    kind: str
    name: str
    field_path: str


def inputs(release: Mapping[str, Any]) -> str:
    """Return the digest of the inputs of a Release whose program reports it."""
    return str(release["spec"]["forProvider"]["values"]["inputs"])


def build_release(  # noqa: PLR0913  # a Release has these parts
    *,
    name: str,
    namespace: str,
    target_namespace: str,
    provider_config: str,
    chart: Chart,
    values: Mapping[str, object],
    rollback_limit: int,
    details: Sequence[Detail] = (),
    connection_secret: str | None = None,
    external_name: str = "",
    annotations: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return a Release in `namespace` that installs into `target_namespace` on the host.

    `external_name` is the name of the Helm release, if it is not `name`.
    """
    spec: dict[str, object] = {
        "providerConfigRef": {"kind": "ClusterProviderConfig", "name": provider_config},
        "rollbackLimit": rollback_limit,
        "forProvider": _for_provider(chart, target_namespace, values),
    }
    if details:
        spec["connectionDetails"] = [_detail(detail, target_namespace) for detail in details]
        spec["writeConnectionSecretToRef"] = {"name": connection_secret}
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": {EXTERNAL_NAME: external_name or name, **annotations},
        },
        "spec": spec,
    }


def _for_provider(chart: Chart, namespace: str, values: Mapping[str, object]) -> dict[str, Any]:
    """Return what Helm installs.

    `skipCreateNamespace` because the namespace has its own Release. No `wait`: it blocks a worker
    of the provider, and readiness is read from the connection details. No `wait: false` either:
    the provider drops false fields whenever it writes a Release, and Crossplane restores them, in
    a loop for as long as an installation fails.
    """
    return {
        "chart": _chart(chart),
        "namespace": namespace,
        "skipCreateNamespace": True,
        "maxHistory": MAX_HISTORY,
        "values": values,
    }


def _chart(chart: Chart) -> dict[str, Any]:
    reference: dict[str, object] = {
        "repository": chart.repository,
        "name": chart.name,
        "version": chart.version,
    }
    if chart.digest:
        reference["digest"] = chart.digest
    if chart.pull_secret:
        reference["pullSecretRef"] = {"name": chart.pull_secret}
    return reference


def _detail(detail: Detail, namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": detail.api_version,
        "kind": detail.kind,
        "name": detail.name,
        "namespace": namespace,
        "fieldPath": detail.field_path,
        "toConnectionSecretKey": detail.key,
        "skipPartOfReleaseCheck": True,
    }
