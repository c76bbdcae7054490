"""The tables."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from dev.bench.records import Steady
from dev.bench.scale.measure import OTHERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from dev.bench.scale.measure import Memory, Phase, Sample

PROGRAMS = {
    "function": ("function",),
    "Crossplane": ("crossplane",),
    "provider-helm": ("provider-helm",),
    "API server": ("control-plane kube-apiserver",),
    "API server of the host": ("host kube-apiserver",),
    "etcd of both": ("control-plane etcd", "host etcd"),
}
"""Programs of the model, and the processes of the platform that are one."""

HOST_REQUESTS = "provider-helm to host"

MOST_SERVED = 12
"""Number of kinds of requests in the table."""


def times(rows: Mapping[str, Sequence[float]]) -> Iterator[str]:
    """Yield the times of the first, the middle and the last VCluster at each mark."""
    lines: list[Sequence[str]] = [("SECONDS SINCE THE FIRST REQUEST", "FIRST", "MEDIAN", "LAST")]
    for what, seconds in rows.items():
        ordered = sorted(seconds)
        if ordered:
            three = (ordered[0], ordered[len(ordered) // 2], ordered[-1])
            lines.append((what, *(f"{each:.0f}" for each in three)))
    yield from _table(lines)


def used(
    phases: Sequence[Phase], when_ready: Mapping[str, Memory], at_the_end: Mapping[str, Memory]
) -> Iterator[str]:
    """Yield the processor time of each program per phase, and its memory."""
    names = (phase.name for phase in phases)
    lines: list[Sequence[str]] = [("PROCESSOR SECONDS", *names, "RSS WHEN READY", "PEAK")]
    for program in phases[0].before.processor:
        spent = _row(phases, "{:.1f}", _of("processor", program))
        held = ("", "")
        if program in at_the_end:
            held = (f"{when_ready[program].now:.0f} MB", f"{at_the_end[program].most:.0f} MB")
        lines.append((program, *spent, *held))
    cores = (f"{_own(phase) / phase.seconds:.2f}" for phase in phases)
    lines.append(("all but everything else, in cores", *cores, "", ""))
    lines.append(("duration in seconds", *(f"{phase.seconds:.0f}" for phase in phases), "", ""))
    yield from _table(lines)


def steady(phases: Sequence[Phase]) -> Steady | None:
    """Return the use of a minute while all are READY, None if it was not measured."""
    start, phase = phases[0], next((phase for phase in phases if phase.per_minute), None)
    if phase is None:
        return None
    return Steady(
        processor_seconds={
            program: sum(phase.growth(_of("processor", name)) for name in names)
            for program, names in PROGRAMS.items()
        },
        host_requests=phase.growth(_of("requests", HOST_REQUESTS)),
        call_seconds=start.growth(_of("processor", "function")) / start.growth(_calls),
    )


def requests(phases: Sequence[Phase]) -> Iterator[str]:
    """Yield the number of requests by client, and the most frequent requests."""
    lines: list[Sequence[str]] = [("CALLS AND REQUESTS", *(phase.name for phase in phases))]
    lines.append(("calls of the function", *_row(phases, "{:.0f}", _calls)))
    lines.append(("circuit breakers opened", *_row(phases, "{:.0f}", lambda seen: seen.breakers)))
    for name in sorted(phases[-1].after.requests):
        row = _row(phases, "{:.0f}", _of("requests", name))
        lines.append((name, *row))
    served: Counter[tuple[str, str, str]] = Counter()
    for phase in phases:
        for key, value in phase.after.served.items():
            served[key] += int(value - phase.before.served.get(key, 0))
    for key, _ in served.most_common(MOST_SERVED):
        row = _row(phases, "{:.0f}", _of("served", key))
        lines.append((f"  {' '.join(key)}", *row))
    yield from _table(lines)


def _row(phases: Sequence[Phase], form: str, counter: Callable[[Sample], float]) -> list[str]:
    return [form.format(phase.growth(counter)) for phase in phases]


def _calls(seen: Sample) -> float:
    return seen.calls


def _of(counters: str, key: object) -> Callable[[Sample], float]:
    """Return a reader of one of several counters; a missing counter is 0."""
    return lambda seen: getattr(seen, counters).get(key, 0)


def _own(phase: Phase) -> float:
    """Return the processor seconds of all measured programs."""
    spent = {
        name: phase.after.processor[name] - before
        for name, before in phase.before.processor.items()
    }
    return sum(seconds for name, seconds in spent.items() if name != OTHERS)


def _table(lines: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for what, *figures in lines:
        cells = [figure.rjust(width) for figure, width in zip(figures, widths[1:], strict=True)]
        yield "  ".join((what.ljust(widths[0]), *cells)).rstrip()
    yield ""
