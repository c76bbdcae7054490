"""The platform: the programs together, with everything that VClusters need installed."""

from __future__ import annotations

import base64
import contextlib
import http
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from dev.bench.scale import programs as start
from dev.bench.scale.programs import TOOLS, Cluster, Crossplane, Programs
from dev.platform.command import PlatformError
from dev.platform.function_certificates import write_certificates
from function.k8s.helm_values import merge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dev.apiserver.client import Client

FUNCTION = "function-vcluster"
PLATFORM = "vcluster-system"
SYSTEM = "crossplane-system"

CONTROL_PLANE_CONTROLLERS = ("namespace-controller", "garbage-collector-controller")
HOST_CONTROLLERS = ("namespace-controller", "garbage-collector-controller")


@dataclass(frozen=True)
class Options:
    """Options of a run."""

    root: Path
    """The checkout whose function, charts and API are measured."""
    poll_seconds: int
    crossplane_flags: Sequence[str]
    provider_flags: Sequence[str]


@dataclass(frozen=True)
class Platform:
    """A running one."""

    control_plane: Cluster
    host: Cluster
    crossplane: Crossplane
    programs: Programs


@contextlib.contextmanager
def running(folder: Path, options: Options) -> Iterator[Platform]:
    """Run everything until the block ends, with logs in a folder."""
    with contextlib.ExitStack() as stack:
        programs = Programs(folder, stack)
        write_certificates(folder)
        control_plane = start.cluster(programs, "control-plane", CONTROL_PLANE_CONTROLLERS)
        host = start.cluster(programs, "host", HOST_CONTROLLERS)
        repository = start.charts(programs, options.root)
        endpoint = start.function(programs, options.root, folder)
        for crd in sorted((TOOLS / "crds").glob("*.yaml")):
            _made(control_plane.admin, yaml.safe_load(crd.read_text()))
        _prepare(control_plane.admin, host, options.root)
        documented = yaml.safe_load((options.root / "install" / "crossplane.yaml").read_text())
        core_flags = (*documented["args"], *options.crossplane_flags)
        core = start.crossplane(programs, control_plane, folder, core_flags)
        flags = (f"--poll={options.poll_seconds}s", *options.provider_flags)
        start.provider_helm(programs, control_plane, flags)
        _install(control_plane.admin, endpoint, options.root, repository)
        _protect(control_plane.admin, core, folder)
        programs.wait("the XRD is established", lambda: _is_established(control_plane.admin))
        yield Platform(control_plane, host, core, programs)


def _prepare(control_plane: Client, host: Cluster, root: Path) -> None:
    """Create the namespaces, the rights, and the kubeconfig of the host."""
    for namespace in (SYSTEM, PLATFORM):
        _made(control_plane, _object("v1", "Namespace", namespace))
    users = (start.CROSSPLANE, start.PROVIDER, start.CONTROLLERS)
    _made(control_plane, _binding("platform", "cluster-admin", *users))
    for manifest in yaml.safe_load_all((root / "install" / "host.yaml").read_text()):
        _made(host.admin, manifest)
    _made(host.admin, _binding("vcluster-provider-helm", "vcluster-provider-helm", start.PROVIDER))
    _made(host.admin, _binding("controllers", "cluster-admin", start.CONTROLLERS))
    kubeconfig = base64.b64encode(host.kubeconfig(start.PROVIDER).encode()).decode()
    _made(control_plane, _object("v1", "Secret", "host", SYSTEM) | {"data": {"config": kubeconfig}})
    secret = {"namespace": SYSTEM, "name": "host", "key": "config"}
    config = _object("helm.m.crossplane.io/v1beta1", "ClusterProviderConfig", "default")
    _made(
        control_plane, config | {"spec": {"credentials": {"source": "Secret", "secretRef": secret}}}
    )


def _install(client: Client, endpoint: str, root: Path, repository: str) -> None:
    """Install the API, and the function's address for Crossplane, like its package manager."""
    revision = _object("pkg.crossplane.io/v1", "FunctionRevision", f"{FUNCTION}-scale")
    revision["metadata"] |= {
        "labels": {"pkg.crossplane.io/package": FUNCTION},
        "annotations": {"crossplane.io/paused": "true"},
    }
    spec = {"desiredState": "Active", "image": "example.org/scale:v0.0.0", "revision": 1}
    _made(client, revision | {"spec": spec})
    where = (revision["apiVersion"], revision["kind"], revision["metadata"]["name"])
    status = {"status": {"endpoint": endpoint, "capabilities": ["composition"]}}
    client.patch(*where, status, subresource="status")
    configuration = root / "apis" / "cluster"
    _made(client, yaml.safe_load((configuration / "definition.yaml").read_text()))
    composition = yaml.safe_load((configuration / "composition.yaml").read_text())
    [step] = composition["spec"]["pipeline"]
    own = {
        "vcluster": {
            "chart": {"repository": repository, "versions": ["0.36.1"]},
            "kubernetes": {
                "versions": ["1.36.3"],
                "default": "1.36.3",
                "compatibility": {"0.36": ["1.36"]},
            },
        },
        "charts": {"repository": repository},
        "polling": {"watchesRequired": True},
    }
    step["input"] = merge(step["input"], own)
    _made(client, composition)


def _protect(client: Client, core: Crossplane, folder: Path) -> None:
    """Register the webhook that refuses to delete the objects of a Usage."""
    configuration = _object(
        "admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "crossplane-no-usages"
    )
    every = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["DELETE"], "resources": ["*"]}
    webhook = {
        "name": "nousages.protection.crossplane.io",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {
            "url": f"https://127.0.0.1:{core.webhook_port}/validate-no-usages",
            "caBundle": base64.b64encode((folder / "ca.crt").read_bytes()).decode(),
        },
        "failurePolicy": "Fail",
        "objectSelector": {"matchLabels": {"crossplane.io/in-use": "true"}},
        "rules": [every],
        "sideEffects": "None",
    }
    _made(client, configuration | {"webhooks": [webhook]})


def _binding(name: str, role: str, *users: str) -> dict[str, Any]:
    group = "rbac.authorization.k8s.io"
    return _object(f"{group}/v1", "ClusterRoleBinding", name) | {
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": group, "kind": "User", "name": user} for user in users],
    }


def _object(api_version: str, kind: str, name: str, namespace: str = "") -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _made(client: Client, manifest: dict[str, Any]) -> None:
    answer = client.apply(manifest)
    if answer.status not in (http.HTTPStatus.OK, http.HTTPStatus.CREATED):
        msg = f"{manifest['kind']} {manifest['metadata']['name']}: {answer.body.get('message')}"
        raise PlatformError(msg)


def _is_established(client: Client) -> bool:
    path = "/apis/apiextensions.crossplane.io/v2/compositeresourcedefinitions"
    xrd = client.request("GET", f"{path}/vclusters.caas.telekom.de").body
    conditions = xrd.get("status", {}).get("conditions", [])
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)
