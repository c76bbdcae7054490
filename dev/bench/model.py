"""A model of the cost of many VClusters: `python -m dev.bench.model`.

It scales the steady state of `make bench-scale COUNT=100`. The cost of provider-helm's polls is
proportional to their rate; the other costs are not.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

COUNTS = (100, 1_000, 10_000, 100_000, 1_000_000)

MEASURED_COUNT = 100
MEASURED_POLL = 10
"""Seconds between two looks of provider-helm at a Release in that run."""

CALLS = 46
"""Calls of the function in a minute."""
HOST_REQUESTS = 11_529
"""Requests of provider-helm to the host in a minute."""

SECONDS = {
    "function": (0.4, False),
    "Crossplane": (3.2, False),
    "provider-helm": (41.8, True),
    "API server": (32.4, True),
    "API server of the host": (20.0, True),
    "etcd of both": (6.9, True),
}
"""Processor seconds in a minute, and True if provider-helm's polls cause them."""

RELEASES = 3
"""Of each VCluster."""

PROVIDER_RATE = 100
"""Looks in a second that provider-helm makes at most, unless `--max-reconcile-rate` says more:
https://github.com/crossplane-contrib/provider-helm/blob/v1.3.0/cmd/provider/main.go."""

RANCHER_CLUSTERS = 500
"""Clusters of a Rancher of size Large:
https://ranchermanager.docs.rancher.com/getting-started/installation-and-upgrade/installation-requirements."""

CORES = 16
"""Assumed capacity of one machine for each of these programs."""


@dataclass(frozen=True)
class Cost:
    """Cost of a number of VClusters in the steady state."""

    count: int
    poll: int
    """Seconds between two looks of provider-helm."""

    @property
    def calls_per_second(self) -> float:
        """Of the function."""
        return CALLS / 60 * self._times

    @property
    def looks_per_second(self) -> float:
        """Of provider-helm."""
        return self.count * RELEASES / self.poll

    @property
    def host_requests_per_second(self) -> float:
        """Of provider-helm to the host's API server."""
        return HOST_REQUESTS / 60 * self._times * MEASURED_POLL / self.poll

    @property
    def ranchers(self) -> int:
        """Number of Ranchers."""
        return -(-self.count // RANCHER_CLUSTERS)

    @property
    def _times(self) -> float:
        return self.count / MEASURED_COUNT

    def cores(self, program: str) -> float:
        """Return the processors of a program."""
        seconds, by_poll = SECONDS[program]
        return seconds / 60 * self._times * (MEASURED_POLL / self.poll if by_poll else 1)

    @property
    def breaks(self) -> tuple[str, ...]:
        """Limits that one instance of each exceeds."""
        limits = [
            *(["Rancher"] if self.ranchers > 1 else []),
            *(["provider-helm's rate"] if self.looks_per_second > PROVIDER_RATE else []),
            *(program for program in SECONDS if self.cores(program) > CORES),
        ]
        return tuple(limits)


def largest(poll: int, rate: int = PROVIDER_RATE) -> int:
    """Return the number of VClusters for one provider-helm, by poll interval and rate."""
    return rate * poll // RELEASES


def lines(poll: int) -> Iterator[str]:
    """Yield the table."""
    costs = [Cost(count, poll) for count in COUNTS]
    head = ("at a poll of " + f"{poll} s", *(f"{count:,}" for count in COUNTS))
    rows = [
        ("calls of the function, 1/s", *(f"{cost.calls_per_second:,.1f}" for cost in costs)),
        ("looks of provider-helm, 1/s", *(f"{cost.looks_per_second:,.0f}" for cost in costs)),
        ("requests to the host, 1/s", *(f"{cost.host_requests_per_second:,.0f}" for cost in costs)),
        *(
            (f"cores: {program}", *(f"{cost.cores(program):,.2f}" for cost in costs))
            for program in SECONDS
        ),
        ("Ranchers", *(f"{cost.ranchers:,}" for cost in costs)),
        ("what one of each does not carry", *(", ".join(cost.breaks) or "" for cost in costs)),
    ]
    for row in (head, ("---",) * len(head), *rows):
        yield f"| {' | '.join(row)} |"


def main(arguments: Sequence[str] = tuple(sys.argv[1:])) -> None:
    """Print the table, by default at the poll of install/control-plane.yaml."""
    poll = int(arguments[0]) if arguments else 30
    print(*lines(poll), sep="\n")
    print(f"\nOne provider-helm looks after {largest(poll):,} VClusters at that poll.")


if __name__ == "__main__":
    main()
