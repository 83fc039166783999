"""Sampling parameters come under many names, and errors go back under the same."""

from __future__ import annotations

from typing import Any

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import SamplingParameters
from funland_gateway.dialects.openai.parameter_table import SAMPLING
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.dialects.sampling import (
    EVERY_PARAMETER,
    MINUS_ONE,
    read_sampling,
    sampling_schemas,
)
from funland_gateway.failures import CallFailed


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, SamplingParameters()),
        ({"temperature": None, "stop": None}, SamplingParameters()),
        ({"temperature": 0}, SamplingParameters(temperature=0)),
        ({"top_p": 0.5, "min_p": 0}, SamplingParameters(top_p=0.5, min_p=0)),
        ({"stop": "a"}, SamplingParameters(stop=["a"])),
        ({"stop": ["a", "b"]}, SamplingParameters(stop=["a", "b"])),
        ({"max_tokens": 7}, SamplingParameters(max_tokens=7)),
        ({"max_completion_tokens": 7}, SamplingParameters(max_tokens=7)),
        ({"max_completion_tokens": 7, "max_tokens": 9}, SamplingParameters(max_tokens=7)),
        ({"repeat_penalty": 1.5}, SamplingParameters(repetition_penalty=1.5)),
        ({"repetition_penalty": 1.5}, SamplingParameters(repetition_penalty=1.5)),
        ({"repeat_last_n": 8}, SamplingParameters(penalty_window=8)),
        ({"ignore_eos": True, "top_k": 3}, SamplingParameters(ignore_end=True, top_k=3)),
        ({"logit_bias": {"12": -100, "3": 0.5}}, SamplingParameters(logit_bias={12: -100, 3: 0.5})),
        (
            {"logit_bias": [[12, False], [3, 0.5]]},
            SamplingParameters(logit_bias={12: -100, 3: 0.5}),
        ),
        ({"logit_bias": {"12": False}}, SamplingParameters(logit_bias={12: -100})),
        ({"logit_bias": []}, SamplingParameters()),
        ({"top_p": 0}, SamplingParameters(top_p=0)),
        ({"n_predict": 7}, SamplingParameters(max_tokens=7)),
        ({"max_tokens": 9, "n_predict": 7}, SamplingParameters(max_tokens=9)),
        ({"max_tokens": 0}, SamplingParameters(max_tokens=0)),
        ({"min_tokens": 3}, SamplingParameters(min_tokens=3)),
        ({"stop_token_ids": [2, 7]}, SamplingParameters(stop_tokens=[2, 7])),
        ({"stop_token_ids": []}, SamplingParameters()),
        ({"allowed_token_ids": [5]}, SamplingParameters(allowed_tokens=[5])),
        ({"bad_words": ["a", "b"]}, SamplingParameters(banned_texts=["a", "b"])),
        ({"include_stop_str_in_output": True}, SamplingParameters(include_stop=True)),
        ({"top_k": -1}, SamplingParameters(top_k=0)),
        ({"repeat_last_n": -1}, SamplingParameters(penalty_window=1_000_000)),
        ({"max_tokens": -1}, SamplingParameters()),
        ({"n_predict": -1}, SamplingParameters()),
        ({"max_completion_tokens": -1, "max_tokens": 9}, SamplingParameters()),
        ({"seed": -1}, SamplingParameters()),
        ({"seed": 4294967295}, SamplingParameters(seed=4294967295)),
        ({"seed": 4294967296}, SamplingParameters(seed=0)),
        ({"seed": -2}, SamplingParameters(seed=4294967294)),
        ({"seed": -(2**63)}, SamplingParameters(seed=0)),
    ],
)
def test_openai_parameters_become_the_contracts(
    body: dict[str, Any], expected: SamplingParameters
) -> None:
    assert read_sampling(JsonObject(body), SAMPLING).parameters == expected


@pytest.mark.parametrize(
    ("body", "path", "name"),
    [
        ({"temperature": 3}, "sampling.temperature", "temperature"),
        ({"max_tokens": -2}, "sampling.max_tokens", "max_tokens"),
        ({"max_completion_tokens": -2}, "sampling.max_tokens", "max_completion_tokens"),
        ({"n_predict": -2}, "sampling.max_tokens", "n_predict"),
        ({"stop_token_ids": [2**30]}, "sampling.stop_tokens[0]", "stop_token_ids[0]"),
        ({"bad_words": [""]}, "sampling.banned_texts[0]", "bad_words[0]"),
        ({"repeat_penalty": 9}, "sampling.repetition_penalty", "repeat_penalty"),
        ({"stop": ["a", ""]}, "sampling.stop[1]", "stop[1]"),
        ({"logit_bias": {"7": 101}}, "sampling.logit_bias[7]", "logit_bias[7]"),
        ({}, "messages[0].role", "messages[0].role"),
        ({}, "model", "model"),
    ],
)
def test_a_field_of_the_contract_is_called_as_the_request_called_it(
    body: dict[str, Any], path: str, name: str
) -> None:
    assert read_sampling(JsonObject(body), SAMPLING).field_name(path) == name


@pytest.mark.parametrize(
    ("body", "reason", "field"),
    [
        ({"temperature": "hot"}, ErrorReason.BODY_MALFORMED, "temperature"),
        ({"max_tokens": 1.5}, ErrorReason.BODY_MALFORMED, "max_tokens"),
        ({"top_k": 2**40}, ErrorReason.FIELD_INVALID, "top_k"),
        ({"seed": 2**64}, ErrorReason.FIELD_INVALID, "seed"),
        ({"stop": ["a", 1]}, ErrorReason.BODY_MALFORMED, "stop[1]"),
        ({"logit_bias": 1}, ErrorReason.BODY_MALFORMED, "logit_bias"),
        ({"logit_bias": [1]}, ErrorReason.BODY_MALFORMED, "logit_bias[0]"),
        ({"logit_bias": [[1, 2], [3]]}, ErrorReason.BODY_MALFORMED, "logit_bias[1]"),
        ({"logit_bias": [["the", 2]]}, ErrorReason.BODY_MALFORMED, "logit_bias[0][0]"),
        ({"logit_bias": [[-1, 2]]}, ErrorReason.FIELD_INVALID, "logit_bias[0][0]"),
        ({"logit_bias": [[1, True]]}, ErrorReason.BODY_MALFORMED, "logit_bias[0][1]"),
        ({"stop_token_ids": 2}, ErrorReason.BODY_MALFORMED, "stop_token_ids"),
        ({"stop_token_ids": [2, "x"]}, ErrorReason.BODY_MALFORMED, "stop_token_ids[1]"),
        ({"stop_token_ids": [True]}, ErrorReason.BODY_MALFORMED, "stop_token_ids[0]"),
        ({"allowed_token_ids": [1.0]}, ErrorReason.BODY_MALFORMED, "allowed_token_ids[0]"),
        ({"allowed_token_ids": [-1]}, ErrorReason.FIELD_INVALID, "allowed_token_ids[0]"),
        ({"allowed_token_ids": [2**31]}, ErrorReason.FIELD_INVALID, "allowed_token_ids[0]"),
        ({"bad_words": [1]}, ErrorReason.BODY_MALFORMED, "bad_words[0]"),
        (
            {"include_stop_str_in_output": 1},
            ErrorReason.BODY_MALFORMED,
            "include_stop_str_in_output",
        ),
        ({"logit_bias": {"-1": 1}}, ErrorReason.BODY_MALFORMED, "logit_bias"),
        ({"logit_bias": {"1_0": 1}}, ErrorReason.BODY_MALFORMED, "logit_bias"),
        ({"logit_bias": {"٣": 1}}, ErrorReason.BODY_MALFORMED, "logit_bias"),
        ({"logit_bias": {"99999999999": 1}}, ErrorReason.BODY_MALFORMED, "logit_bias"),
        ({"logit_bias": {"5": "x"}}, ErrorReason.BODY_MALFORMED, "logit_bias[5]"),
    ],
)
def test_a_wrong_parameter_is_named(
    body: dict[str, Any], reason: ErrorReason.ValueType, field: str
) -> None:
    with pytest.raises(CallFailed) as raised:
        read_sampling(JsonObject(body), SAMPLING)

    assert raised.value.error.reason == reason
    assert [each.field for each in raised.value.error.field_violations] == [field]


@pytest.mark.parametrize("field", MINUS_ONE)
def test_minus_one_is_told_where_it_means_something(field: str) -> None:
    schema = sampling_schemas(EVERY_PARAMETER)[field]

    assert schema["minimum"] == (-(2**63) if field == "seed" else -1)
    assert read_sampling(JsonObject({field: -1}), EVERY_PARAMETER).names == {field: field}


def test_the_whole_context_is_the_longest_window_that_the_contract_allows() -> None:
    schema = sampling_schemas({"window": "penalty_window"})["window"]

    assert schema["maximum"] == MINUS_ONE["penalty_window"]


def test_a_number_too_large_for_the_wire_reaches_the_contracts_rule() -> None:
    parameters = read_sampling(JsonObject({"temperature": 1e39}), EVERY_PARAMETER).parameters

    assert parameters.temperature == float("inf")


def test_the_names_cover_every_parameter_of_the_contract() -> None:
    fields = set(SamplingParameters.DESCRIPTOR.fields_by_name)

    assert set(EVERY_PARAMETER) == fields
    assert set(SAMPLING.values()) == fields
