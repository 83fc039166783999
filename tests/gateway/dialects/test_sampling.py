"""Sampling parameters come under many names, and errors go back under the same."""

from __future__ import annotations

from typing import Any

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import SamplingParameters
from funland_gateway.dialects.openai.parameters import SAMPLING, read_openai_sampling
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.dialects.sampling import EVERY_PARAMETER, read_sampling
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
        ({"seed": 4294967295}, SamplingParameters(seed=4294967295)),
        ({"seed": 4294967296}, SamplingParameters(seed=0)),
        ({"seed": -1}, SamplingParameters(seed=4294967295)),
        ({"seed": -(2**63)}, SamplingParameters(seed=0)),
    ],
)
def test_openai_parameters_become_the_contracts(
    body: dict[str, Any], expected: SamplingParameters
) -> None:
    assert read_openai_sampling(JsonObject(body)).parameters == expected


@pytest.mark.parametrize(
    ("body", "path", "name"),
    [
        ({"temperature": 3}, "sampling.temperature", "temperature"),
        ({"max_tokens": 0}, "sampling.max_tokens", "max_tokens"),
        ({"max_completion_tokens": 0}, "sampling.max_tokens", "max_completion_tokens"),
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
    assert read_openai_sampling(JsonObject(body)).field_name(path) == name


@pytest.mark.parametrize(
    ("body", "reason", "field"),
    [
        ({"temperature": "hot"}, ErrorReason.BODY_MALFORMED, "temperature"),
        ({"max_tokens": 1.5}, ErrorReason.BODY_MALFORMED, "max_tokens"),
        ({"top_k": 2**40}, ErrorReason.FIELD_INVALID, "top_k"),
        ({"seed": 2**64}, ErrorReason.FIELD_INVALID, "seed"),
        ({"stop": ["a", 1]}, ErrorReason.BODY_MALFORMED, "stop[1]"),
        ({"logit_bias": [1]}, ErrorReason.BODY_MALFORMED, "logit_bias"),
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
        read_openai_sampling(JsonObject(body))

    assert raised.value.error.reason == reason
    assert [each.field for each in raised.value.error.field_violations] == [field]


def test_a_number_too_large_for_the_wire_reaches_the_contracts_rule() -> None:
    parameters = read_sampling(JsonObject({"temperature": 1e39}), EVERY_PARAMETER).parameters

    assert parameters.temperature == float("inf")


def test_the_names_cover_every_parameter_of_the_contract() -> None:
    fields = set(SamplingParameters.DESCRIPTOR.fields_by_name)

    assert set(EVERY_PARAMETER) == fields
    assert set(SAMPLING.values()) == fields
