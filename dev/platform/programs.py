"""The programs of the control plane, and the servers of packages and charts, in their order."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dev.apiserver.server import etcd_command
from dev.platform import kubeconfigs
from dev.platform.place import (
    API_PORT,
    BIN,
    CHARTS_PORT,
    NODE_ADDRESS,
    POD_NETWORK,
    REGISTRY,
    SERVICE_NETWORK,
    TOOLS,
    Place,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

ETCD_PORT, ETCD_PEER_PORT = 2379, 2380

GO = {"GOGC": "200"}
"""Environment of programs in Go: they all start at once on few cores, with enough memory."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program that keeps running."""

    name: str
    command: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    """Files that it reads, by path below the platform's folder."""
    env: Mapping[str, str] = field(default_factory=lambda: GO)


def control_plane(place: Place) -> tuple[Program, ...]:
    """Return the programs of an API server with its controllers."""
    return (_etcd(), _apiserver(place), _controller_manager(place), _scheduler(place))


def sources(place: Place) -> tuple[Program, ...]:
    """Return the servers of packages and charts."""
    registry = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": "/var/lib/registry"}},
        "http": {"addr": REGISTRY},
        "log": {"accesslog": {"disabled": True}},
    }
    config = place.folder / "registry.yaml"
    serve = (sys.executable, "-m", "http.server", "--bind", NODE_ADDRESS, str(CHARTS_PORT))
    return (
        Program(
            "registry",
            ("docker-registry", "serve", str(config)),
            {"registry.yaml": json.dumps(registry)},
        ),
        Program("charts", (*serve, "--directory", str(TOOLS / "repository"))),
    )


def _etcd() -> Program:
    command = etcd_command(BIN / "etcd", Path("/var/lib/etcd"), ETCD_PORT, ETCD_PEER_PORT)
    return Program("etcd", (*command, "--auto-compaction-retention=5m"))


def _apiserver(place: Place) -> Program:
    folder = place.certificates
    return Program(
        "kube-apiserver",
        (
            str(BIN / "kube-apiserver"),
            f"--etcd-servers=http://127.0.0.1:{ETCD_PORT}",
            "--bind-address=0.0.0.0",
            f"--secure-port={API_PORT}",
            f"--advertise-address={NODE_ADDRESS}",
            f"--service-cluster-ip-range={SERVICE_NETWORK}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged=true",
            f"--client-ca-file={folder / 'ca.crt'}",
            f"--tls-cert-file={folder / 'kube-apiserver.crt'}",
            f"--tls-private-key-file={folder / 'kube-apiserver.key'}",
            f"--kubelet-certificate-authority={folder / 'ca.crt'}",
            f"--kubelet-client-certificate={folder / 'kubelet-client.crt'}",
            f"--kubelet-client-key={folder / 'kubelet-client.key'}",
            "--kubelet-preferred-address-types=InternalIP",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={folder / 'service-accounts.key'}",
            f"--service-account-signing-key-file={folder / 'service-accounts.key'}",
            f"--audit-policy-file={place.folder / 'audit-policy.yaml'}",
            "--audit-log-path=/var/log/audit.log",
            "--audit-log-maxsize=200",
            "--audit-log-maxbackup=2",
        ),
        {"audit-policy.yaml": json.dumps(_audit_policy())},
    )


def _audit_policy() -> dict[str, object]:
    """Return an audit policy of used rights, which end-to-end tests compare with granted ones."""
    namespaces = ("crossplane-system", "vcluster-system")
    accounts = [f"system:serviceaccounts:{each}" for each in namespaces]
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata", "userGroups": accounts}, {"level": "None"}],
    }


def _controller_manager(place: Place) -> Program:
    folder = place.certificates
    return Program(
        "kube-controller-manager",
        (
            str(BIN / "kube-controller-manager"),
            f"--kubeconfig={kubeconfigs.path(place, 'kube-controller-manager')}",
            "--leader-elect=false",
            "--use-service-account-credentials",
            "--allocate-node-cidrs=true",
            f"--cluster-cidr={POD_NETWORK}",
            f"--node-cidr-mask-size={POD_NETWORK.rpartition('/')[2]}",
            # Volumes are folders below the node's /tmp.
            "--enable-hostpath-provisioner",
            f"--root-ca-file={folder / 'ca.crt'}",
            f"--service-account-private-key-file={folder / 'service-accounts.key'}",
            f"--cluster-signing-cert-file={folder / 'ca.crt'}",
            f"--cluster-signing-key-file={folder / 'ca.key'}",
        ),
    )


def _scheduler(place: Place) -> Program:
    return Program(
        "kube-scheduler",
        (
            str(BIN / "kube-scheduler"),
            f"--kubeconfig={kubeconfigs.path(place, 'kube-scheduler')}",
            "--leader-elect=false",
        ),
    )
