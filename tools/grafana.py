"""Writes the Grafana board of Funland's metrics: `python -m tools.grafana > docs/grafana.json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_WIDTH, _HEIGHT, _COLUMNS = 8, 8, 3
_DATASOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True, slots=True)
class Chart:
    """One picture: lines over time."""

    title: str
    unit: str
    """Grafana's name of it: `s`, `bytes`, `short`, `percent`."""
    queries: Mapping[str, str]
    """PromQL by what the legend says; `{{model}}` is a label's value."""


def _rate(name: str, *by: str) -> str:
    return f"sum by ({', '.join(by)}) (rate({name}[$__rate_interval]))"


def _quantile(share: float, name: str) -> str:
    buckets = f"rate({name}_bucket[$__rate_interval])"
    return f"histogram_quantile({share}, sum by (le, model) ({buckets}))"


def _mean(name: str) -> str:
    over = "[$__rate_interval]"
    return f"rate({name}_sum{over}) / rate({name}_count{over})"


ROWS: Final[Mapping[str, Sequence[Chart]]] = {
    "Calls": (
        Chart("Calls", "reqps", {"{{rpc}}": _rate("funland_calls_total", "rpc")}),
        Chart(
            "Calls that failed",
            "reqps",
            {"{{rpc}} {{code}}": _rate('funland_calls_total{code!="OK"}', "rpc", "code")},
        ),
        Chart("Being answered", "short", {"calls": "active_connections"}),
    ),
    "Language models": (
        Chart(
            "Tokens made", "short", {"{{model}}": _rate("funland_completion_tokens_total", "model")}
        ),
        Chart(
            "Wait for the first token",
            "s",
            {
                "{{model}} half": _quantile(0.5, "funland_time_to_first_token_seconds"),
                "{{model}} 95%": _quantile(0.95, "funland_time_to_first_token_seconds"),
            },
        ),
        Chart(
            "From call to end",
            "s",
            {
                "{{model}} half": _quantile(0.5, "model_inference_seconds"),
                "{{model}} 95%": _quantile(0.95, "model_inference_seconds"),
            },
        ),
        Chart("Texts in a pass", "short", {"{{model}}": _mean("funland_batch_size")}),
        Chart(
            "Slots and queue",
            "short",
            {
                "{{model}} written": "funland_active_sequences",
                "{{model}} wait": "funland_queue_depth",
            },
        ),
        Chart(
            "Prompts that the cache had",
            "percentunit",
            {
                "{{model}}": f"{_rate('funland_cached_prompt_tokens_total', 'model')}"
                f" / {_rate('funland_prompt_tokens_total', 'model')}"
            },
        ),
        Chart(
            "Workers lost", "short", {"{{model}}": "increase(funland_worker_restarts_total[1h])"}
        ),
        Chart(
            "Models that left for others",
            "short",
            {"{{model}}": "increase(funland_evictions_total[1h])"},
        ),
        Chart("Tokens kept", "short", {"{{model}}": "funland_cached_tokens"}),
    ),
    "Devices": (
        Chart("Busy", "percent", {"{{device}}": "funland_device_utilization_percent"}),
        Chart(
            "Memory",
            "bytes",
            {
                "{{device}}": "funland_device_memory_used_bytes",
                "{{device}} has": "funland_device_memory_total_bytes",
            },
        ),
        Chart("Power", "watt", {"{{device}}": "funland_device_power_watts"}),
    ),
    "Speech and pictures": (
        Chart(
            "Spoken and heard",
            "s",
            {
                "{{model}} spoken": _rate("funland_spoken_seconds_total", "model"),
                "{{model}} heard": _rate("funland_heard_seconds_total", "model"),
            },
        ),
        Chart(
            "Wait for the first sound",
            "s",
            {"{{model}} 95%": _quantile(0.95, "funland_time_to_first_sound_seconds")},
        ),
        Chart("A step of a picture", "s", {"{{model}}": _mean("funland_image_step_seconds")}),
    ),
    "Work in the background": (
        Chart(
            "Tasks",
            "short",
            {"{{lane}} run": "funland_tasks_running", "{{lane}} wait": "funland_tasks_waiting"},
        ),
        Chart(
            "Tasks that failed",
            "short",
            {"{{lane}}": 'increase(funland_tasks_ended_total{state="FAILED"}[1h])'},
        ),
        Chart(
            "Downloads",
            "Bps",
            {"bytes": "rate(funland_download_bytes_total[$__rate_interval])"},
        ),
        Chart("Deployments", "short", {"{{state}}": "funland_deployments"}),
    ),
}


def board() -> dict[str, Any]:
    """The whole board, as Grafana imports it."""
    panels: list[dict[str, Any]] = []
    top = 0
    for row, charts in ROWS.items():
        panels.append(_panel(len(panels), row, "row", {"x": 0, "y": top, "w": 24, "h": 1}))
        top += 1
        for place, chart in enumerate(charts):
            x, y = place % _COLUMNS * _WIDTH, top + place // _COLUMNS * _HEIGHT
            where = {"x": x, "y": y, "w": _WIDTH, "h": _HEIGHT}
            panels.append(_panel(len(panels), chart.title, "timeseries", where) | _content(chart))
        top += -(-len(charts) // _COLUMNS) * _HEIGHT
    variable = {"name": "datasource", "type": "datasource", "query": "prometheus"}
    return {
        "uid": "funland",
        "title": "Funland",
        "schemaVersion": 39,
        "editable": True,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [variable]},
        "panels": panels,
    }


def _panel(number: int, title: str, kind: str, where: dict[str, int]) -> dict[str, Any]:
    return {"id": number + 1, "title": title, "type": kind, "gridPos": where}


def _content(chart: Chart) -> dict[str, Any]:
    return {
        "datasource": _DATASOURCE,
        "fieldConfig": {"defaults": {"unit": chart.unit, "min": 0}, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + place),
                "datasource": _DATASOURCE,
                "expr": query,
                "legendFormat": legend,
            }
            for place, (legend, query) in enumerate(chart.queries.items())
        ],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(board(), indent=2) + "\n")
