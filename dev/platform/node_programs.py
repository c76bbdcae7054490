"""The programs that run pods, in the order in which they start."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dev.platform import kubeconfigs
from dev.platform.place import (
    BIN,
    NODE,
    NODE_ADDRESS,
    POD_NETWORK,
    REGISTRY,
    SERVICE_NETWORK,
    Place,
)
from dev.platform.programs import Program

if TYPE_CHECKING:
    from collections.abc import Mapping

CNI_PLUGINS = "/usr/lib/cni"
PAUSE = "registry.k8s.io/pause:3.10"

LOOPBACK: Mapping[str, object] = {
    "cniVersion": "1.0.0",
    "name": "lo",
    "plugins": [{"type": "loopback"}],
}
POD_NETWORKING: Mapping[str, object] = {
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


def node(place: Place) -> tuple[Program, ...]:
    """Return the programs that run pods."""
    return (_containerd(place), _kubelet(place), _kube_proxy(place))


def _containerd(place: Place) -> Program:
    return Program(
        "containerd",
        ("containerd", "--config", str(place.folder / "containerd.toml")),
        {
            "containerd.toml": _containerd_config(place),
            "cni/10-pods.conflist": json.dumps(POD_NETWORKING),
            "cni/99-loopback.conflist": json.dumps(LOOPBACK),
        },
    )


def _containerd_config(place: Place) -> str:
    cri = "io.containerd.grpc.v1.cri"
    return f"""\
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


def _kubelet(place: Place) -> Program:
    return Program(
        "kubelet",
        (
            str(BIN / "kubelet"),
            f"--config={place.folder / 'kubelet.yaml'}",
            f"--kubeconfig={kubeconfigs.path(place, 'kubelet')}",
            f"--hostname-override={NODE}",
            f"--node-ip={NODE_ADDRESS}",
        ),
        {"kubelet.yaml": json.dumps(_kubelet_config(place))},
    )


def _kubelet_config(place: Place) -> dict[str, object]:
    return {
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
