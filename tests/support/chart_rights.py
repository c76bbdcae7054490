"""The rights that a chart gives an account, and a client that has no others."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from lightkube.config.kubeconfig import KubeConfig

from dev.apiserver.client import Client
from jobs.bounded_api import Api
from jobs.kubernetes import FIELD_MANAGER
from jobs.kubernetes import client as kubernetes_client

Right = tuple[str, str, str, str]
"""Verb, namespace, resource and name, which is empty where a right is for all names."""

VERBS = {"GET": "get", "POST": "create", "PATCH": "patch", "DELETE": "delete"}
"""Verbs of rights by the method of a request for one object."""


def granted(objects: Iterable[Mapping[str, Any]], role_name: str) -> set[Right]:
    """Return the rights by the Roles of a name."""
    return {
        (verb, role["metadata"]["namespace"], resource, name)
        for role in objects
        if role["kind"] == "Role" and role["metadata"]["name"] == role_name
        for rule in role["rules"]
        for resource in rule["resources"]
        for name in rule.get("resourceNames", [""])
        for verb in rule["verbs"]
    }


def account_token(api: Client, namespace: str, account: str) -> str:
    """Return a token of a ServiceAccount."""
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token: str = api.request("POST", path, request).body["status"]["token"]
    return token


def account_kubeconfig(api: Client, namespace: str, account: str) -> dict[str, Any]:
    """Return a kubeconfig with the token of a ServiceAccount."""
    return replace(api, token=account_token(api, namespace, account)).kubeconfig


def account_client(
    api: Client, namespace: str, account: str, field_manager: str = FIELD_MANAGER
) -> Api:
    """Return a client with the token of a ServiceAccount."""
    config = KubeConfig.from_dict(account_kubeconfig(api, namespace, account)).get()
    assert config
    return kubernetes_client(config, field_manager=field_manager)
