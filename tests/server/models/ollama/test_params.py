"""Parameters of Ollama's models are taken where they are right, and passed over where not."""

from __future__ import annotations

from typing import Any

import pytest

from funland.v1.inference_pb2 import SamplingParameters
from funland_server.models.ollama.params import read_params


@pytest.mark.parametrize(
    ("values", "sampling"),
    [
        ({"temperature": 0.6, "top_p": 0.95, "min_p": 0},
         {"temperature": 0.6, "top_p": 0.95, "min_p": 0}),
        ({"top_k": 20, "repeat_last_n": 32}, {"top_k": 20, "penalty_window": 32}),
        ({"repeat_penalty": 1.1, "presence_penalty": 1.5, "frequency_penalty": -0.5},
         {"repetition_penalty": 1.1, "presence_penalty": 1.5, "frequency_penalty": -0.5}),
        ({"seed": 7, "num_predict": 128}, {"seed": 7, "max_tokens": 128}),
        ({"seed": -1, "num_predict": -2}, {}),
        ({"repeat_last_n": -1}, {"penalty_window": 1_000_000}),
        ({"temperature": "0.5", "top_k": "40", "top_p": 1},
         {"temperature": 0.5, "top_k": 40, "top_p": 1}),
        ({"stop": ["<a>", "<b>", "<a>"]}, {"stop": ["<a>", "<b>"]}),
        ({"stop": "<a>"}, {"stop": ["<a>"]}),
        ({"stop": [f"<{number}>" for number in range(20)]},
         {"stop": [f"<{number}>" for number in range(16)]}),
        ({}, {}),
    ],
)  # fmt: skip
def test_what_is_right_is_taken(values: dict[str, Any], sampling: dict[str, Any]) -> None:
    params = read_params(values)

    assert params.sampling == SamplingParameters(**sampling)
    assert params.passed_over == ()


@pytest.mark.parametrize(
    "values",
    [
        {"temperature": 3}, {"temperature": "warm"}, {"temperature": None}, {"temperature": True},
        {"temperature": float("nan")}, {"temperature": [0.5]}, {"top_p": -1}, {"top_k": 1.5},
        {"top_k": 2**40}, {"seed": 2**63}, {"num_predict": 2**40}, {"repeat_penalty": 0},
        {"stop": [""]}, {"stop": [1]}, {"stop": {"a": 1}}, {"stop": ["x" * 300]},
        {"num_ctx": 0}, {"num_ctx": "long"}, {"num_ctx": 2**40}, {"mirostat": 2}, {"num_gpu": 99},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_unknown_or_wrong_is_passed_over_by_name(values: dict[str, Any]) -> None:
    params = read_params({"top_k": 5} | values if "top_k" not in values else values)

    assert params.passed_over == tuple(values)
    assert params.context_length is None
    assert params.sampling == SamplingParameters(top_k=None if "top_k" in values else 5)


def test_the_context_is_told() -> None:
    assert read_params({"num_ctx": 4096}).context_length == 4096
