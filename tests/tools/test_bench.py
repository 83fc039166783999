"""The measuring tools run: what they tell is for people to judge, not for tests."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
from llama_cpp import Llama

from funland_cli.bench_statistics import Percentiles, Summary
from tools.bench.prompts import chat_prompt, messages
from tools.bench.report import Cell, medians, ratios, text
from tools.bench.step import SAMPLINGS
from tools.bench.synthetic_model import make
from tools.bench.vocabulary import LEAST, vocabulary

ROOT = Path(__file__).parents[2]
ENGINES = ("engine", "OpenVINO engine", "CTranslate2 engine")
ROWS = ("bare loop", *ENGINES, "gRPC", "OpenAI", "least gRPC server", "examples-server")
WAIT = Percentiles(0.1, 0.1, 0.1)


def summary(streams: int, rate: float) -> Summary:
    return Summary(streams, streams, 64, 1.0, rate, rate, WAIT, WAIT)


def test_every_row_is_measured(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tools.bench", "--shape", "micro", "--threads", "1"]
    command += ["--streams", "2", "--rounds", "1", "--seconds", "0", "--tokens", "8"]
    command += ["--patience", "0", "--cache", str(tmp_path), "--out", str(tmp_path)]
    command += ["--python-server", str(Path(__file__).with_name("examples_server.py"))]
    command += ["--python-server-python", sys.executable]

    result = subprocess.run(
        [*command, "--rows", *ROWS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    document = json.loads((tmp_path / "bench.json").read_bytes())
    assert [cell["row"] for cell in document["cells"]] == list(ROWS)
    assert {cell["tokens"] for cell in document["cells"]} == {16}
    for row, against in (("gRPC", "engine"), ("gRPC", "least gRPC server"),
                         ("CTranslate2 engine", "engine"), ("OpenVINO engine", "engine"),
                         ("OpenAI", "examples-server")):  # fmt: skip
        assert f"{row} / {against}, total" in result.stdout
    assert (tmp_path / "bench.svg").read_text(encoding="utf-8").startswith("<svg")


def test_a_step_is_measured_beside_another_checkouts(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tools.bench.step", "--shape", "micro", "--threads", "2"]
    command += ["--streams", "1,32", "--rounds", "2", "--tokens", "4", "--patience", "0"]

    result = subprocess.run(
        [*command, "--out", str(tmp_path), "--against", str(ROOT)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    figures = json.loads((tmp_path / "step.json").read_bytes())["figures"]
    assert {(one["sampling"], one["streams"]) for one in figures} == {
        (sampling, streams) for sampling in SAMPLINGS for streams in (1, 32)
    }
    for figure in figures:
        this, before = figure["microseconds"]["this"], figure["microseconds"]["before"]
        assert this.keys() == before.keys()
        assert all(time > 0 for time in (*this.values(), *before.values()))
    assert "wanted 0.5" in result.stdout


def test_ratios_are_of_the_same_round_and_judged_by_their_median() -> None:
    rates = [(0, "engine", 10.0), (0, "gRPC", 9.9), (1, "engine", 5.0), (1, "gRPC", 4.0)]
    rates += [(2, "engine", 8.0), (2, "gRPC", 7.84)]
    cells = [Cell(number, row, 0.0, 1.0, summary(4, rate)) for number, row, rate in rates]

    (generation, _) = ratios(cells)

    assert (generation.bar.row, generation.bar.against) == ("gRPC", "engine")
    assert generation.value == pytest.approx(0.98)
    assert (generation.lowest, generation.highest) == pytest.approx((0.8, 0.99))
    assert generation.met
    assert medians(cells)["engine"][0].tokens_per_second == 8.0
    assert "met" in text(cells)


def test_a_synthetic_model_is_the_same_each_time(tmp_path: Path) -> None:
    first = make(tmp_path / "one", "micro").read_bytes()
    second = make(tmp_path / "two", "micro").read_bytes()
    other = make(tmp_path / "one", "micro", seed=1).read_bytes()

    assert first == second
    assert len(other) == len(first)
    assert other != first


@pytest.mark.parametrize("size", [LEAST, 512, 2048, 151_936])
def test_a_vocabulary_has_no_token_twice(size: int) -> None:
    words = vocabulary(size)

    assert len(words.tokens) == len(set(words.tokens)) == size
    assert len(words.merges) == len(set(words.merges))


def test_prompts_are_as_long_as_they_say(tmp_path: Path) -> None:
    model = Llama(str(make(tmp_path, "micro")), vocab_only=True, verbose=False)

    for tokens in (28, 100):
        prompts = map(chat_prompt, islice(messages(512, tokens, seed=1), 20))
        lengths = {len(model.tokenize(each.encode(), False, True)) for each in prompts}
        assert lengths == {tokens}


def test_prompts_differ_from_their_first_words_on() -> None:
    texts = messages(2048, 28, seed=1)

    heads = {chat_prompt(next(texts))[:40] for _ in range(50)}

    assert len(heads) == 50
