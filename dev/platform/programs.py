"""The programs of the node, in the order in which they start."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dev.platform import kubeconfigs
from dev.platform.place import (
    API_PORT,
    BIN,
    CHARTS_PORT,
    NODE,
    NODE_ADDRESS,
    POD_NETWORK,
    REGISTRY,
    SERVICE_NETWORK,
    TOOLS,
    Place,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

CNI_PLUGINS = "/usr/lib/cni"
PAUSE = "registry.k8s.io/pause:3.10"

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


def node(place: Place) -> tuple[Program, ...]:
    """Return the programs that run pods."""
    return (_containerd(place), _kubelet(place), _kube_proxy(place))


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
    url, peer = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
    return Program(
        "etcd",
        (
            str(BIN / "etcd"),
            "--data-dir=/var/lib/etcd",
            f"--listen-client-urls={url}",
            f"--advertise-client-urls={url}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            # A crash of the whole machine may lose everything, which can be made again.
            "--unsafe-no-fsync",
            "--auto-compaction-retention=5m",
        ),
    )


def _apiserver(place: Place) -> Program:
    folder = place.certificates
    return Program(
        "kube-apiserver",
        (
            str(BIN / "kube-apiserver"),
            "--etcd-servers=http://127.0.0.1:2379",
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


def _containerd(place: Place) -> Program:
    cri = "io.containerd.grpc.v1.cri"
    config = f"""\
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs"]
[grpc]
address = "/run/containerd/containerd.sock"
[plugins."{cri}"]
sandbox_image = "{PAUSE}"
# Without the capability to lower a score, runc would fail to start anything.
restrict_oom_score_adj = true
disable_apparmor = true
disable_hugetlb_controller = true
[plugins."{cri}".cni]
bin_dir = "{CNI_PLUGINS}"
conf_dir = "{place.folder / "cni"}"
[plugins."{cri}".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."{cri}".containerd.runtimes.runc.options]
SystemdCgroup = false
[plugins."{cri}".registry.mirrors."{REGISTRY}"]
endpoint = ["http://{REGISTRY}"]
"""
    network = {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [
            {
                "type": "bridge",
                "bridge": "cni0",
                "isGateway": True,
                "hairpinMode": True,
                "ipMasq": False,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": POD_NETWORK}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }
    loopback = {"cniVersion": "1.0.0", "name": "lo", "plugins": [{"type": "loopback"}]}
    return Program(
        "containerd",
        ("containerd", "--config", str(place.folder / "containerd.toml")),
        {
            "containerd.toml": config,
            "cni/10-pods.conflist": json.dumps(network),
            "cni/99-loopback.conflist": json.dumps(loopback),
        },
    )


def _kubelet(place: Place) -> Program:
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(place.certificates / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(place.certificates / "kubelet.crt"),
        "tlsPrivateKeyFile": str(place.certificates / "kubelet.key"),
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{place.cgroup}",
        "enforceNodeAllocatable": ["pods"],
        "failCgroupV1": False,
        "failSwapOn": False,
        "clusterDNS": ["10.96.0.10"],
        "clusterDomain": "cluster.local",
        "resolvConf": str(place.folder / "resolv.conf"),
        "maxPods": 250,
        "serializeImagePulls": False,
        # The machine's disk is not ours to judge, and nothing could be pulled again.
        "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%",
                         "imagefs.available": "1%", "nodefs.inodesFree": "1%"},
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "syncFrequency": "10s",
        "shutdownGracePeriod": "0s",
    }  # fmt: skip
    return Program(
        "kubelet",
        (
            str(BIN / "kubelet"),
            f"--config={place.folder / 'kubelet.yaml'}",
            f"--kubeconfig={kubeconfigs.path(place, 'kubelet')}",
            f"--hostname-override={NODE}",
            f"--node-ip={NODE_ADDRESS}",
        ),
        {"kubelet.yaml": json.dumps(config)},
    )


def _kube_proxy(place: Place) -> Program:
    config = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(kubeconfigs.path(place, "kube-proxy"))},
        "clusterCIDR": POD_NETWORK,
        "mode": "iptables",
        # These belong to the machine, not to the namespace.
        "conntrack": {"maxPerCore": 0, "min": 0},
        "hostnameOverride": NODE,
    }
    return Program(
        "kube-proxy",
        (str(BIN / "kube-proxy"), f"--config={place.folder / 'kube-proxy.yaml'}"),
        {"kube-proxy.yaml": json.dumps(config)},
    )


def network_policies(place: Place) -> Program:
    """Enforce NetworkPolicies, as the bridge plugin does not; the node must be known before."""
    return Program(
        "kube-router",
        (
            str(BIN / "kube-router"),
            f"--kubeconfig={kubeconfigs.path(place, 'kube-router')}",
            "--run-firewall=true",
            "--run-router=false",
            "--run-service-proxy=false",
            f"--hostname-override={NODE}",
            f"--service-cluster-ip-range={SERVICE_NETWORK}",
            "--metrics-port=0",
            "--health-port=20244",
        ),
    )
