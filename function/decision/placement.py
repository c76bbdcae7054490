"""Placement: choose the host of a virtual cluster, and apply the host's settings.

The spec of a new one names a host or selects it by labels. A hash of the UID chooses among several,
so that virtual clusters spread without a count. An existing one stays on its host, even if hosts
are added, removed or labelled anew.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from function.api import input as platform
from function.api import xr
from function.api.errors import InvalidError, Problem
from function.observed.state import Observed


@dataclass(frozen=True)
class Host:
    """A host."""

    name: str
    provider_config: str
    cidrs: tuple[str, ...]
    labels: tuple[tuple[str, str], ...] = ()

    def has(self, labels: Mapping[str, str]) -> bool:
        """Return whether the host has all of these labels."""
        return {*labels.items()} <= {*self.labels}


def host(name: str, config: platform.Host) -> Host:
    """Return a host with its settings of the Input."""
    labels = tuple(sorted(config.labels.items()))
    return Host(name, config.providerConfig, tuple(config.cidrs), labels)


def place(spec: xr.Spec, uid: str, config: platform.Input, runs_on: str) -> Host:
    """Return the host of a VCluster.

    `runs_on` is the ClusterProviderConfig of the existing Releases, empty if there are none. They
    stay on their host: `immutable_fields` refuses another one in the spec.
    """
    if runs_on:
        return _running(config, runs_on)
    if spec.host is not None:
        return _named(spec.host, config)
    if len(config.hosts) == 1 and spec.hostSelector is None:
        return _named(next(iter(config.hosts)), config)
    labels = config.defaultHostSelector if spec.hostSelector is None else spec.hostSelector
    if labels is None:
        raise InvalidError(
            Problem(
                "spec.host",
                "is required where the platform has several hosts",
                f"Choose one of: {', '.join(sorted(config.hosts))}.",
            )
        )
    return _chosen(labels.matchLabels, uid, config)


def on(spec: xr.Spec, uid: str, config: platform.Input, runs_on: str) -> platform.Input:
    """Return the Input with the settings of the VCluster's host."""
    own = config.hosts[place(spec, uid, config, runs_on).name]
    changes: dict[str, object] = {}
    if own.domain is not None:
        changes["expose"] = config.expose.model_copy(update={"domain": own.domain})
    if own.rancher is not None and config.rancher is not None:
        named = {key: getattr(own.rancher, key) for key in own.rancher.model_fields_set}
        different = {key: value for key, value in named.items() if value is not None}
        changes["rancher"] = config.rancher.model_copy(update=different)
    if own.backup is not None and config.backup is not None:
        update = {"defaultTarget": own.backup.defaultTarget}
        changes["backup"] = config.backup.model_copy(update=update)
    return config.model_copy(update=changes) if changes else config


def provider_config(observed: Observed) -> str:
    """Return the ClusterProviderConfig of the existing Releases, empty if there are none.

    Raise `InvalidError` if they name none or several, because any choice would move one of them.
    """
    configs = {release.provider_config for release in observed.releases}
    if len(configs) > 1 or "" in configs:
        names = ", ".join(f"{release.namespace}/{release.name}" for release in observed.releases)
        raise InvalidError(
            Problem(
                f"spec.providerConfigRef of Release {names}",
                "must be the one ClusterProviderConfig under which all of this VCluster runs",
                "Correct it in the Release: nothing is changed before.",
            ),
            reason="InvalidInput",
        )
    return next(iter(configs), "")


def _named(name: str, config: platform.Input) -> Host:
    if name not in config.hosts:
        known = ", ".join(sorted(config.hosts))
        problem = Problem("spec.host", "is not a host of the platform", f"Known: {known}.")
        raise InvalidError(problem)
    if config.hosts[name].closed:
        free = [other for other, each in sorted(config.hosts.items()) if not each.closed]
        raise InvalidError(
            Problem(
                "spec.host",
                "takes no new virtual clusters",
                f"Choose one of: {', '.join(free) or 'none'}.",
            )
        )
    return host(name, config.hosts[name])


def _running(config: platform.Input, runs_on: str) -> Host:
    """Return the host with a ClusterProviderConfig; never fall back to another host."""
    for name, each in config.hosts.items():
        if each.providerConfig == runs_on:
            return host(name, each)
    raise InvalidError(
        Problem(
            "input.hosts",
            f"has none with ClusterProviderConfig {runs_on}, where this VCluster runs",
            "Put it back for as long as VClusters run there.",
        ),
        reason="InvalidInput",
    )


def _chosen(labels: Mapping[str, str], uid: str, config: platform.Input) -> Host:
    """Return one of the hosts with these labels: https://en.wikipedia.org/wiki/Rendezvous_hashing."""
    hosts = [host(name, each) for name, each in config.hosts.items() if not each.closed]
    matches = [each for each in hosts if each.has(labels)]
    if not matches:
        known = sorted({f"{key}={value}" for each in hosts for key, value in each.labels})
        raise InvalidError(
            Problem(
                "spec.hostSelector",
                "matches no host that takes new virtual clusters",
                f"Known labels: {', '.join(known) or 'none'}.",
            )
        )
    return max(matches, key=lambda each: hashlib.sha256(f"{uid}/{each.name}".encode()).digest())
