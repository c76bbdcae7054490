"""The life of the examples, as Crossplane observes it state by state.

`tests/fixtures/observed/<name>/<state>.yaml` holds the composed resources as the API server would
show them, `tests/fixtures/secrets` the Secrets with their connection details. `make generate`
writes both from the function's own answers, and adds to each resource a status recorded from
provider-helm.
"""

import base64
import copy
import functools
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from crossplane.function import resource
from crossplane.function.proto.v1 import run_function_pb2 as fnv1
from google.protobuf import json_format

from dev.scripts import generate
from function import protobuf
from function.api import xr
from function.commands.plan.requests import RESOURCE_NAME
from function.commands.plan.simulated_host import (
    CLOCK,
    HEALTHY,
    STARTING,
    Report,
    backed_up,
    connection_details,
    importing,
    logged_in,
    release_status,
    remembered,
    usage_status,
)
from function.compose import compose
from function.observed import backup, usages
from function.observed.release import KIND as RELEASE

Object = dict[str, Any]

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "example"
FIXTURES = ROOT / "tests" / "fixtures"
COMPOSITION = generate.CONFIGURATION / "composition.yaml"

HELM_FAILURE = (
    "create failed: failed to install release: values don't meet the specifications of the "
    "schema(s) in the following chart(s):\nvcluster:\n- at '/controlPlane': additional properties "
    "'statefullSet' not allowed\n"
)
"""Recorded from provider-helm 1.3.0 and chart 0.36.1."""

_USAGES = dict.fromkeys(usages.KEYS, HEALTHY)

_FIRST = {"last": "", "size": None, "location": "", "count": None}
"""Parts of a report on backups before the first one."""

LIFE: dict[str, dict[str, Report]] = {
    "nothing": {},
    "deploying": {"namespace": HEALTHY, "vcluster": STARTING},
    "failed": {"namespace": HEALTHY, "vcluster": Report(state="", error=HELM_FAILURE)},
    "up": {
        "namespace": HEALTHY,
        "vcluster": HEALTHY,
        "rancher": importing("Pending"),
        "backup": backed_up(**_FIRST, phase="Pending", reason="JobStarting"),
        "access": logged_in(phase="Pending", reason="JobStarting", observedInputs="", expiry={}),
        **_USAGES,
    },
    "imported": {
        "namespace": HEALTHY,
        "vcluster": HEALTHY,
        "rancher": importing("Registered", "c-m-x7k2p"),
        "backup": backed_up(**_FIRST, phase="Restoring", reason="Restoring"),
        "access": logged_in(phase="Rotating", reason="Rotating"),
        **_USAGES,
    },
    "ready": {
        "namespace": HEALTHY,
        "vcluster": HEALTHY,
        "rancher": importing("Connected", "c-m-x7k2p"),
        "backup": HEALTHY,
        "access": HEALTHY,
        **_USAGES,
    },
}
"""Reports in each state of a virtual cluster's life, by resource key."""


def names() -> list[str]:
    """Return the examples."""
    return sorted(path.parent.name for path in EXAMPLES.glob("*/xr.yaml"))


def composite(example: str) -> Object:
    """Return the example's VCluster with the uid that `crossplane composition render` gives it."""
    loaded: Object = yaml.safe_load((EXAMPLES / example / "xr.yaml").read_text())
    group, version = xr.API_VERSION.split("/")
    metadata = loaded["metadata"]
    seed = f"{group}/{version}, Kind={xr.KIND}\0{metadata.get('namespace', '')}\0{metadata['name']}"
    loaded["metadata"]["uid"] = str(uuid.uuid5(uuid.UUID(int=0), seed))
    return loaded


def configuration(vcluster: Object) -> Path:
    """Return the folder of the API that a VCluster is of, by its scope."""
    is_namespaced = "namespace" in vcluster["metadata"]
    return generate.NAMESPACED if is_namespaced else generate.CONFIGURATION


def platform_input() -> Object:
    """Return the Input of our Compositions, which is one and the same."""
    return copy.deepcopy(_platform_input())


@functools.cache
def _platform_input() -> Object:
    loaded: Object = yaml.safe_load(COMPOSITION.read_text())
    return dict(loaded["spec"]["pipeline"][0]["input"])


def observed(example: str, state: str) -> tuple[list[Object], list[Object]]:
    """Return the composed resources and connection Secrets of a state, from its files."""
    return _load("observed", example, state), _load("secrets", example, state)


def fixture(kind: str, example: str, state: str) -> Path:
    """Return the file of what is observed in a state: of kind `observed` or `secrets`."""
    return FIXTURES / kind / example / f"{state}.yaml"


def request(example: str, state: str) -> fnv1.RunFunctionRequest:
    """Return the request that Crossplane would send in a state."""
    return fnv1.RunFunctionRequest.FromString(_request(example, state))


@functools.cache
def _request(example: str, state: str) -> bytes:
    return request_of(composite(example), *observed(example, state)).SerializeToString()


def request_of(
    vcluster: Object, resources: list[Object], secrets: list[Object], tag: str = "example"
) -> fnv1.RunFunctionRequest:
    """Return a request with our Input for observed objects."""
    req = fnv1.RunFunctionRequest(meta=fnv1.RequestMeta(tag=tag))
    json_format.ParseDict(platform_input(), req.input)
    resource.update(req.observed.composite, vcluster)
    details = {secret["metadata"]["name"]: secret["data"] for secret in secrets}
    for composed in resources:
        entry = req.observed.resources[_key(composed)]
        resource.update(entry, composed)
        secret = composed["spec"].get("writeConnectionSecretToRef", {}).get("name")
        for key, data in details.get(secret, {}).items():
            entry.connection_details[key] = base64.b64decode(data)
    return req


def _key(composed: Object) -> str:
    return str(composed["metadata"]["annotations"][RESOURCE_NAME])


def write() -> None:
    """Write the observed states of all examples."""
    for example in names():
        for state in LIFE:
            resources, secrets = live(example, state)
            _dump(fixture("observed", example, state), resources)
            _dump(fixture("secrets", example, state), secrets)


def live(example: str, state: str) -> tuple[list[Object], list[Object]]:
    """Return the observed objects of an example, once the function changes nothing more."""
    return live_of(composite(example), state)


def live_of(vcluster: Object, state: str) -> tuple[list[Object], list[Object]]:
    """Return the observed objects of a state, once the function changes nothing more in it."""
    resources: list[Object] = []
    secrets: list[Object] = []
    while True:
        answer = compose(protobuf.decode(request_of(vcluster, resources, secrets)))
        reports = LIFE[state]
        current = [
            _as_observed(key, composed.resource, reports[key], vcluster)
            for key, composed in answer.resources.items()
            if key in reports
        ]
        new_secrets = [
            secret
            for composed in current
            for secret in _secret(composed, _remembering(reports[_key(composed)], secrets))
        ]
        if (current, new_secrets) == (resources, secrets):
            return resources, secrets
        resources, secrets = current, new_secrets


def _as_observed(key: str, desired: Object, report: Report, owner: Object) -> Object:
    """Return a desired resource as observed, with the report of the provider."""
    seen = copy.deepcopy(desired)
    metadata = seen["metadata"]
    metadata["annotations"] = {**metadata.get("annotations", {}), RESOURCE_NAME: key}
    metadata["labels"] = {"crossplane.io/composite": owner["metadata"]["name"]}
    metadata["uid"] = str(uuid.uuid5(uuid.UUID(owner["metadata"]["uid"]), key))
    metadata["generation"] = 1
    metadata["creationTimestamp"] = CLOCK
    metadata["ownerReferences"] = [
        {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]
    is_release = seen["kind"] == RELEASE
    seen["status"] = release_status(seen, report) if is_release else usage_status()
    return seen


def _remembering(report: Report, secrets: list[Object]) -> Report:
    """Return the report, with what was restored before if the Secrets have it."""
    if report is not HEALTHY:
        return report
    known = (base64.b64decode(each["data"].get(backup.REPORT, "")).decode() for each in secrets)
    reports = (remembered({backup.REPORT: each}) for each in known)
    return next((each for each in reports if each is not HEALTHY), report)


def _secret(release: Object, report: Report) -> Iterator[Object]:
    """Yield the Secret of connection details that provider-helm writes for a Release."""
    if "writeConnectionSecretToRef" not in release["spec"]:
        return
    details = connection_details(release, report)
    if details:
        yield {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "connection.crossplane.io/v1alpha1",
            "metadata": {
                "name": release["spec"]["writeConnectionSecretToRef"]["name"],
                "namespace": release["metadata"]["namespace"],
            },
            "data": {k: base64.b64encode(v.encode()).decode() for k, v in details.items()},
        }


def _load(kind: str, example: str, state: str) -> list[Object]:
    text = fixture(kind, example, state).read_text()
    return [document for document in yaml.safe_load_all(text) if document]


def _dump(path: Path, documents: list[Object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump_all(documents, sort_keys=False, width=100) if documents else ""
    path.write_text(f"# Written by `make generate`.\n{text}")


if __name__ == "__main__":
    write()
