"""`funland bench`: its figures, its plot, and what it says when it can't measure."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from funland_cli.bench_plot import charts, svg
from funland_cli.bench_statistics import Call, Percentiles, steady, summary, to_json

if TYPE_CHECKING:
    from tests.cli.conftest import Command
    from tests.conftest import Stack

SVG = "{http://www.w3.org/2000/svg}"
SMALL = ("--concurrency", "1,2", "--requests", "2", "--max-tokens", "8", "--prompt-tokens", "16")


def test_every_level_is_measured_and_drawn(funland: Command, stack: Stack, tmp_path: Path) -> None:
    plot = tmp_path / "bench.svg"

    result = funland("bench", *SMALL, "--plot", str(plot), "--json", "--server", stack.grpc_address)

    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    document = json.loads(result.stdout)
    assert document["model"] == "funland-tiny"
    assert [level["streams"] for level in document["levels"]] == [1, 2]
    for level in document["levels"]:
        assert level["calls"] == 2
        assert level["tokens"] == 16
        assert level["tokens_per_second"] == pytest.approx(level["tokens"] / level["seconds"])
        assert 0 < level["first_token_seconds"]["p50"] <= level["seconds"]
    drawing = ET.parse(plot).getroot()  # noqa: S314 - our own file
    assert drawing.tag == f"{SVG}svg"
    assert "funland-tiny" in {text.text for text in drawing.iter(f"{SVG}text")}


def test_a_person_gets_a_table(funland: Command, stack: Stack) -> None:
    result = funland("bench", *SMALL, "--server", stack.grpc_address)

    head, *rows = result.stdout.splitlines()
    assert head.split()[:3] == ["STREAMS", "CALLS", "TOKENS/S"]
    assert [row.split()[:2] for row in rows] == [["1", "2"], ["2", "2"]]


@pytest.mark.parametrize("levels", ["", "0", "four", "1,,2", "4000", "-1"])
def test_a_concurrency_that_is_none_is_wrong_usage(funland: Command, levels: str) -> None:
    result = funland("bench", f"--concurrency={levels}", "--server", "127.0.0.1:1")

    assert result.returncode == 2
    assert "--concurrency" in result.stderr


def test_a_plot_that_is_no_svg_is_refused_before_anything_is_measured(funland: Command) -> None:
    result = funland("bench", "--plot", "bench.png", "--server", "127.0.0.1:1")

    assert result.returncode == 2
    assert "--plot bench.svg" in result.stderr


def test_without_a_server_it_says_how_to_start_one(funland: Command) -> None:
    result = funland("bench", "--server", "127.0.0.1:1")

    assert result.returncode == 3
    assert "funland serve" in result.stderr


def test_what_the_server_refuses_ends_the_measurement(funland: Command, stack: Stack) -> None:
    result = funland("bench", "--prompt-tokens", "5000", "--json", "--server", stack.grpc_address)

    assert result.returncode == 1
    assert json.loads(result.stderr)["error"]["reason"] == "PROMPT_TOO_LONG"


def test_throughput_counts_all_tokens_over_all_the_time() -> None:
    found = summary([Call(0, (1, 2, 3), 3), Call(0, (2, 3, 4), 3)], streams=2)

    assert found.tokens_per_second == pytest.approx(6 / 4)
    assert found.first_token_seconds == Percentiles(1, 2, 2)
    assert found.gap_seconds == Percentiles(1, 1, 1)


def test_generation_counts_only_while_all_streams_write() -> None:
    # Both write from 2 to 3: the first one's third piece and the second one's second.
    calls = [Call(0, (1, 2, 3), 3), Call(0, (2, 3, 4), 3)]

    assert steady(calls, streams=2) == (2, 1)
    assert steady(calls, streams=1) == (5, 3)
    assert math.isnan(summary(calls, streams=3).generation_tokens_per_second)


def test_joined_pieces_count_for_all_their_tokens() -> None:
    tokens, seconds = steady([Call(0, (1, 2, 3), 6)], streams=1)

    assert (tokens, seconds) == (4, 2)


def test_waves_one_after_another_are_each_counted() -> None:
    calls = [Call(0, (1, 2), 2), Call(0, (1, 2), 2), Call(10, (11, 12), 2), Call(10, (11, 13), 2)]

    assert steady(calls, streams=2) == (3, 2)


def test_percentiles_are_values_that_occurred() -> None:
    assert Percentiles.of(range(1, 101)) == Percentiles(50, 95, 99)
    assert Percentiles.of([7]) == Percentiles(7, 7, 7)
    assert math.isnan(Percentiles.of([]).p50)


def test_json_has_null_for_what_is_not_a_number() -> None:
    document = to_json(summary([Call(0, (1,), 1)], streams=2))

    assert document["generation_tokens_per_second"] is None
    assert document["gap_seconds"] == {"p50": None, "p95": None, "p99": None}
    json.dumps(document, allow_nan=False)


def test_a_plot_leaves_out_what_is_not_a_number_and_escapes_names() -> None:
    one = summary([Call(0, (1, 2), 2)], streams=1)
    two = summary([Call(0, (1, 2), 2)], streams=2)  # never two at once: NaN

    drawing = ET.fromstring(svg(charts({"<a & b>": [one, two]})))  # noqa: S314 - our own text

    assert "<a & b>" in {text.text for text in drawing.iter(f"{SVG}text")}
    assert "nan" not in ET.tostring(drawing, encoding="unicode")
