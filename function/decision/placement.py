"""Which host a virtual cluster lives on, and what is different there.

A new one goes where its spec says: to a host by name, or to one that has the labels, of several
to the one that a hash of its UID chooses, so that they spread without anybody keeping count. From
then on what runs decides: hosts that come, go or are labelled anew move nothing.
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
    """A host cluster."""

    name: str
    provider_config: str
    cidrs: tuple[str, ...]
    labels: tuple[tuple[str, str], ...] = ()

    def has(self, labels: Mapping[str, str]) -> bool:
        """Tell whether it has all of these labels."""
        return {*labels.items()} <= {*self.labels}


def host(name: str, config: platform.Host) -> Host:
    """Return a host as the Input describes it."""
    labels = tuple(sorted(config.labels.items()))
    return Host(name, config.providerConfig, tuple(config.cidrs), labels)


def place(spec: xr.Spec, uid: str, config: platform.Input, runs_on: str) -> Host:
    """Return the host that the spec asks for.

    `runs_on` is the ClusterProviderConfig of what exists already, empty if nothing does. What
    exists stays where it is, whatever the spec names: the guard refuses the rest.
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
    """Return the Input as it is on the host where the VCluster runs, or will run."""
    own = config.hosts[place(spec, uid, config, runs_on).name]
    changes: dict[str, object] = {}
    if own.domain is not None:
        changes["expose"] = config.expose.model_copy(update={"domain": own.domain})
    if own.rancher is not None and config.rancher is not None:
        named = {key: getattr(own.rancher, key) for key in own.rancher.model_fields_set}
        different = {key: value for key, value in named.items() if value is not None}
        changes["rancher"] = config.rancher.model_copy(update=different)
    return config.model_copy(update=changes) if changes else config


def provider_config(observed: Observed) -> str:
    """Return the ClusterProviderConfig of what exists, empty if nothing does.

    Raise `InvalidError` where the Releases name none, or several: each choice would move some.
    """
    found = {seen.provider_config for seen in observed.releases}
    if len(found) > 1 or "" in found:
        names = ", ".join(f"{seen.namespace}/{seen.name}" for seen in observed.releases)
        raise InvalidError(
            Problem(
                f"spec.providerConfigRef of Release {names}",
                "must be the one ClusterProviderConfig under which all of this VCluster runs",
                "Correct it in the Release: nothing is changed before.",
            ),
            reason="InvalidInput",
        )
    return next(iter(found), "")


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
    """Return the host with a ClusterProviderConfig. No other host's record stands in for it."""
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
    found = [each for each in hosts if each.has(labels)]
    if not found:
        known = sorted({f"{key}={value}" for each in hosts for key, value in each.labels})
        raise InvalidError(
            Problem(
                "spec.hostSelector",
                "matches no host that takes new virtual clusters",
                f"Known labels: {', '.join(known) or 'none'}.",
            )
        )
    return max(found, key=lambda each: hashlib.sha256(f"{uid}/{each.name}".encode()).digest())
