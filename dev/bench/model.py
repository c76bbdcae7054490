"""A model of the cost of many VClusters: `python -m dev.bench.model`.

It draws a line through two runs of `make bench-scale` that differ in their number of VClusters
only: what programs take by themselves, and what each VCluster adds.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from dev.bench import records
from dev.bench.records import Run
from function.api.fields import duration_seconds
from function.api.input import SettledPolling
from function.response import pause

COUNTS = (100, 1_000, 10_000, 100_000, 1_000_000)

PROGRAMS = (
    "function",
    "Crossplane",
    "provider-helm",
    "API server",
    "API server of the host",
    "etcd of both",
)

SETTLED = SettledPolling()

LOOKS = sum(
    60 / duration_seconds(each) for each in (SETTLED.namespace, SETTLED.vcluster, SETTLED.rancher)
)
"""Looks of provider-helm in a minute at the three Releases of a VCluster that is READY."""

PROVIDER_RATE = 100
"""Looks in a second that provider-helm makes at most, unless `--max-reconcile-rate` says more:
https://github.com/crossplane-contrib/provider-helm/blob/v1.3.0/cmd/provider/main.go."""

RANCHER_CLUSTERS = 500
"""Clusters of a Rancher of size Large:
https://ranchermanager.docs.rancher.com/getting-started/installation-and-upgrade/installation-requirements."""

CORES = 16
"""Assumed capacity of one machine for each of these programs."""


@dataclass(frozen=True)
class Model:
    """Cost of a number of VClusters in the steady state."""

    smaller: Run
    larger: Run

    def cores(self, program: str, count: int) -> float:
        """Return the processors of a program; those of the function are by its calls."""
        if program == "function":
            return calls_per_second(count) * self.larger["call_seconds"]
        return self._per_minute(lambda run: run["processor_seconds"][program], count) / 60

    def host_requests_per_second(self, count: int) -> float:
        """Return the requests of provider-helm to the API server of the host."""
        return self._per_minute(lambda run: run["host_requests"], count) / 60

    def _per_minute(self, figure: Callable[[Run], float], count: int) -> float:
        """Return a figure on the line through both runs; of no VCluster none is less than 0."""
        few, many, total = self.smaller["count"], self.larger["count"], figure(self.larger)
        each = min((total - figure(self.smaller)) / (many - few), total / many)
        return total + each * (count - many)

    def exceeded(self, count: int) -> tuple[str, ...]:
        """Return the limits that one instance of each exceeds."""
        limits = [
            *(["Rancher"] if ranchers(count) > 1 else []),
            *(["provider-helm's rate"] if looks_per_second(count) > PROVIDER_RATE else []),
            *(program for program in PROGRAMS if self.cores(program, count) > CORES),
        ]
        return tuple(limits)


def of_largest(runs: Sequence[Run]) -> Model:
    """Return the model of the two largest of some runs."""
    return Model(*sorted(runs, key=lambda run: run["count"])[-2:])


def measured() -> Model:
    """Return the model of the two largest recorded runs."""
    return of_largest(records.scale()["runs"])


def calls_per_second(count: int) -> float:
    """Return the calls of the function by a number of VClusters that are READY."""
    return count / (pause.READY * pause.WATCHED)


def looks_per_second(count: int) -> float:
    """Return the looks of provider-helm at the Releases of a number of VClusters."""
    return count * LOOKS / 60


def ranchers(count: int) -> int:
    """Return the number of Ranchers."""
    return -(-count // RANCHER_CLUSTERS)


def largest() -> int:
    """Return the number of VClusters for one provider-helm at its default rate."""
    return int(PROVIDER_RATE * 60 / LOOKS)


def rows(model: Model) -> Iterator[list[str]]:
    """Yield the rows of the table, the header first."""
    yield ["VClusters", *(f"{count:,}" for count in COUNTS)]
    figures: tuple[tuple[str, Callable[[int], float], str], ...] = (
        ("calls of the function, 1/s", calls_per_second, ",.1f"),
        ("looks of provider-helm, 1/s", looks_per_second, ",.0f"),
        ("requests to the host, 1/s", model.host_requests_per_second, ",.0f"),
    )
    for name, figure, form in figures:
        yield [name, *(format(figure(count), form) for count in COUNTS)]
    for program in PROGRAMS:
        yield [f"cores: {program}", *(f"{model.cores(program, count):,.2f}" for count in COUNTS)]
    yield ["Ranchers", *(f"{ranchers(count):,}" for count in COUNTS)]
    exceeded = (", ".join(model.exceeded(count)) for count in COUNTS)
    yield ["what one of each does not carry", *exceeded]


def main() -> None:
    """Print the table."""
    header, *lines = rows(measured())
    for row in (header, ["---"] * len(header), *lines):
        print(f"| {' | '.join(row)} |")
    print(f"\nOne provider-helm looks after {largest():,} VClusters at its default rate.")


if __name__ == "__main__":
    main()
