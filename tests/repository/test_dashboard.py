"""The dashboard's queries are evaluated over a recorded run, and its picture is of them."""

import html
import json
import re
from pathlib import Path

import pytest

from dev.dashboard import __main__ as program
from dev.dashboard import evaluate, plot, record
from dev.dashboard.evaluate import DashboardError, Panel, Series

DASHBOARD = json.loads(evaluate.DASHBOARD.read_text())
TARGET = {"expr": "sum by (phase) (x)", "legendFormat": "{{phase}} of {{nothing}}"}


def answer(*values: str) -> dict[str, object]:
    """Return what Prometheus answers with these values of one series."""
    points = [[15.0 * number, value] for number, value in enumerate(values)]
    result = [{"metric": {"phase": "ready"}, "values": points}] if points else []
    return {"status": "success", "data": {"result": result}}


def test_a_line_has_its_legend_and_its_numbers() -> None:
    """Labels stand in the legend as in Grafana; a rate of nothing is no point."""
    found = evaluate.series("x", TARGET, answer("1", "NaN", "2.5"))
    assert found == [Series("ready of ", ((0.0, 1.0), (30.0, 2.5)))]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"status": "error", "error": "parse error: unexpected"}, "parse error: unexpected"),
        (answer(), "no data in the recorded run"),
        (answer("NaN"), "no data in the recorded run"),
    ],
)
def test_an_empty_panel_is_an_error(given: dict[str, object], words: str) -> None:
    """A query on a metric that has another name by now is found, with its panel."""
    with pytest.raises(DashboardError, match=f"panel 'x', query .*: {words}"):
        evaluate.series("x", TARGET, given)


def test_samples_are_those_of_the_dashboard() -> None:
    """They get the pod's label and the time; what no panel shows is not recorded."""
    text = (
        "# TYPE process_cpu_seconds_total counter\n"
        "process_cpu_seconds_total 1.5\n"
        'function_vcluster_calls_total{result="ok"} 2.0\n'
        'function_vcluster_calls_created{result="ok"} 1.7e+09\n'
        "process_open_fds 9.0\n"
    )
    assert list(record.samples(text, 12.5)) == [
        'process_cpu_seconds_total{pod="function-vcluster-0"} 1.5 12.500',
        'function_vcluster_calls_total{result="ok",pod="function-vcluster-0"} 2.0 12.500',
    ]


def test_every_metric_of_the_dashboard_is_recorded() -> None:
    """A panel on a new metric needs a new recording: `make record-dashboard`."""
    recording = record.RECORDING.read_text()
    named = {
        name
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
        for name in re.findall(r"\b(?:function_vcluster|process)_\w+", target["expr"])
    }
    assert {name for name in named if f"\n{name}{{" not in f"\n{recording}"} == set()
    assert recording.endswith("\n# EOF\n")


def test_the_picture_is_of_the_dashboard() -> None:
    """docs/images/dashboard.svg is not stale; `make picture-dashboard` draws it anew."""
    svg = program.PICTURE.read_text()
    shown = html.unescape(svg)
    for panel in DASHBOARD["panels"]:
        assert f">{panel['title']}</text>" in shown
        for target in panel["targets"]:
            assert f"{panel['title']}: {target['expr']}\n" in shown.replace("</desc>", "\n")
    assert {*re.findall(r"https?://([\w.]+)", svg)} == {"www.w3.org"}
    assert len(svg) < 100_000


def test_the_picture_has_lines_units_and_queries() -> None:
    """Each panel has its title, unit and legend; bytes are told in MB."""
    panels = [
        Panel("Memory", "bytes", ("a > 1",), (Series("pod-0", ((0.0, 6e7), (60.0, 8e7))),)),
        Panel("Calls", "reqps", ("b",), (Series("ok", ((0.0, 1.0), (60.0, 2.0))),)),
        Panel("Time", "s", ("c",), (Series("p50", ((0.0, 0.1), (60.0, 0.2))),)),
    ]
    svg = plot.draw(panels)
    texts = re.findall("<text[^>]*>([^<]*)</text>", svg)
    assert {"Memory", "MB", "pod-0", "Calls", "calls per second", "ok", "Time", "s", "p50"} <= set(
        texts
    )
    assert "minutes of the run of 1970-01-01" in texts
    assert "<desc>Memory: a &gt; 1\nCalls: b\nTime: c</desc>" in svg
    assert svg == plot.draw(panels)


def test_every_unit_of_the_dashboard_has_words() -> None:
    """A panel in a new unit would not be drawn."""
    units = {panel["fieldConfig"]["defaults"]["unit"] for panel in DASHBOARD["panels"]}
    assert units <= set(plot.UNITS)


def test_an_empty_panel_fails_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make lint-monitoring` says which panel shows nothing."""

    def fail(_: Path) -> list[Panel]:
        msg = "panel 'x', query y: no data in the recorded run"
        raise DashboardError(msg)

    monkeypatch.setattr(program, "panels", fail)
    assert program.main(["--check"]) == "dashboard: panel 'x', query y: no data in the recorded run"
