"""A host and a virtual cluster in which the program can be run, killed and run again.

Both are one real API server: the program has two clients, and its objects other kinds in each.
"""

import base64
import copy
import datetime as dt
import json
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import yaml
from lightkube.config.kubeconfig import KubeConfig

from dev.apiserver.client import Client
from jobs.access.apply_loop import Apply
from jobs.access.host import Host
from jobs.access.model import OWNED_BY
from jobs.access.options import Environment
from jobs.backoff import Clock
from jobs.bounded_api import Api
from jobs.kubernetes import client as kubernetes_client
from jobs.state import StateConfigMap, Stored
from tests.support.kills import Wire, tapped

PLATFORM, TENANT, SHOP = "access-platform", "access-kunde1", "access-shop"
STATE, KUBECONFIG, LOGIN = "kunde1-access", "vc-kunde1-vcluster", "kunde1-vcluster-login"
RBAC = "rbac.authorization.k8s.io/v1"
START = dt.datetime(2026, 1, 10, 2, 0, tzinfo=dt.UTC)
LABELS = dict([OWNED_BY])

ADMINS = {"kind": "Group", "name": "corp:admins", "clusterRole": "cluster-admin"}
ANNA = {"kind": "User", "name": "corp:anna@example.org", "clusterRole": "cluster-admin"}
VIEWERS = {"kind": "Group", "name": "corp:viewers", "clusterRole": "view"}
DEVELOPERS = {"kind": "Group", "name": "corp:dev", "clusterRole": "edit", "namespace": SHOP}
CORP = {
    "name": "corp",
    "url": "https://login.example.org/corp",
    "clientId": "vcluster-kunde1",
    "scopes": ["email", "groups"],
}


@dataclass
class World:
    """Everything around the program."""

    api: Client
    wire: Wire
    seconds: float = 0
    env: dict[str, str] = field(default_factory=dict)

    def reset(self) -> None:
        """Remove all that the program or a test has made."""
        for place in self.bindings(LABELS):
            self.remove(*place)
        for name in (LOGIN, KUBECONFIG):
            self.api.delete("v1", "Secret", name, namespace=TENANT)
        self.write_kubeconfig()
        self.write_state()
        self.seconds = 0
        self.env = {
            "INPUTS": "in-1",
            "STATE_NAMESPACE": PLATFORM,
            "STATE_CONFIG_MAP": STATE,
            "KUBECONFIG_NAMESPACE": TENANT,
            "KUBECONFIG_SECRET": KUBECONFIG,
            "KUBECONFIG_KEY": "config",
            "LOGIN_SECRET": LOGIN,
            "LOGIN_SERVER": "https://kunde1.example.org",
            "LOGIN_CONTEXT": "kunde1",
            "TIMEOUT": "60s",
        }
        self.want([ADMINS, ANNA, VIEWERS, DEVELOPERS], [CORP])
        self.wire.reset()

    def want(
        self, bindings: list[dict[str, str]], issuers: list[dict[str, Any]] | None = None
    ) -> None:
        """Give the program other bindings and issuers."""
        self.env["BINDINGS"] = json.dumps(bindings)
        if issuers is not None:
            self.env["LOGIN_ISSUERS"] = json.dumps(issuers)

    def make_namespaces(self) -> None:
        """Make the namespaces of platform and virtual cluster, and one inside."""
        for name in (PLATFORM, TENANT, SHOP):
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            assert self.api.apply(body).status in (200, 201)

    def write_kubeconfig(self, **user: str) -> None:
        """Write the Secret with the certificate's kubeconfig, as the virtual cluster does."""
        kubeconfig = copy.deepcopy(self.api.kubeconfig)
        kubeconfig["users"][0]["user"] |= user
        self.write_secret(KUBECONFIG, {"config": yaml.safe_dump(kubeconfig)})

    def write_secret(self, name: str, data: Mapping[str, str], **more: object) -> None:
        """Write a Secret beside the virtual cluster."""
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
        metadata = {"name": name, "namespace": TENANT}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": encoded, **more}
        assert self.api.apply(body).status in (200, 201)

    def write_state(self, inputs: str = "in-1", report: Mapping[str, object] | None = None) -> None:
        """Write the state as the chart does."""
        self.api.delete("v1", "ConfigMap", STATE, namespace=PLATFORM)
        first = report or {"phase": "Pending", "reason": "JobStarting", "message": ""}
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": STATE, "namespace": PLATFORM},
            "data": {"desiredInputs": inputs, "report": json.dumps(first)},
        }
        assert self.api.apply(body).status in (200, 201)

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds

    def apply(self) -> bool:
        """Run the command `apply` once."""
        env = Environment(self.env)
        with closing(self.lightkube()) as client:
            places = env.places()
            return Apply(
                env.goal(),
                Host(client, places),
                StateConfigMap(client, places.state_namespace, places.state, Stored),
                clock=Clock(now=lambda: self.seconds, sleep=self.sleep, jitter=lambda: 0.5),
                now=lambda: START + dt.timedelta(seconds=self.seconds),
            ).run(env.seconds("TIMEOUT"))

    def lightkube(self) -> Api:
        """Return a client of the host."""
        config = KubeConfig.from_dict(self.api.kubeconfig).get()
        assert config
        return kubernetes_client(config)

    def report(self) -> dict[str, Any]:
        """Return the report."""
        found = self.api.get("v1", "ConfigMap", STATE, namespace=PLATFORM).body
        return dict(json.loads(found["data"]["report"]))

    def login(self) -> dict[str, Any] | None:
        """Return the kubeconfig for people."""
        answer = self.api.get("v1", "Secret", LOGIN, namespace=TENANT)
        if answer.status == 404:
            return None
        return dict(yaml.safe_load(base64.b64decode(answer.body["data"]["config"])))

    def bindings(self, labels: Mapping[str, str]) -> list[tuple[str, str | None, str]]:
        """Return kind, namespace and name of the bindings with labels."""
        selector = ",".join(f"{key}%3D{value}" for key, value in labels.items())
        return [
            (kind, each["metadata"].get("namespace"), each["metadata"]["name"])
            for kind in ("ClusterRoleBinding", "RoleBinding")
            for each in self.api.request(
                "GET", f"/apis/{RBAC}/{kind.lower()}s?labelSelector={selector}"
            ).body["items"]
        ]

    def rights(self) -> set[tuple[str, str, str, str]]:
        """Return all rights by our bindings: kind, subject, ClusterRole and namespace."""
        return {
            (each["kind"], each["name"], body["roleRef"]["name"], namespace or "")
            for kind, namespace, name in self.bindings(LABELS)
            for body in [self.api.get(RBAC, kind, name, namespace=namespace).body]
            for each in body.get("subjects", [])
        }

    def may(self, verb: str, resource: str, namespace: str, *, group: str) -> bool:
        """Return whether a group of people has a right in a namespace."""
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": "corp:anybody",
                "groups": [group],
                "resourceAttributes": {"verb": verb, "resource": resource, "namespace": namespace},
            },
        }
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        return bool(self.api.request("POST", path, review).body["status"]["allowed"])

    def bind(self, name: str, *, labels: Mapping[str, str], **more: object) -> None:
        """Make a ClusterRoleBinding of the tenant's."""
        body = {
            "apiVersion": RBAC,
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name, "labels": dict(labels)},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "view",
            },
            "subjects": [{"kind": "User", "name": "eve", "apiGroup": "rbac.authorization.k8s.io"}],
            **more,
        }
        assert self.api.apply(body).status in (200, 201)

    def remove(self, kind: str, namespace: str | None, name: str) -> None:
        """Remove a binding."""
        self.api.delete(RBAC, kind, name, namespace=namespace)


def rights(*bindings: Mapping[str, str]) -> set[tuple[str, str, str, str]]:
    """Return the rights that bindings of the values mean."""
    return {
        (each["kind"], each["name"], each["clusterRole"], each.get("namespace", ""))
        for each in bindings
    }


@contextmanager
def opened(api: Client) -> Iterator[World]:
    """Open a world on an API server."""
    wire = Wire()
    with tapped(wire):
        world = World(api, wire)
        world.make_namespaces()
        world.reset()
        yield world
