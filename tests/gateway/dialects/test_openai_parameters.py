"""Every parameter of OpenAI, vLLM and llama-server has a fate, and meets it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland_gateway.dialects.dialect import Incoming, Streaming, Together, Unary
from funland_gateway.dialects.openai.chat import create_chat_completion
from funland_gateway.dialects.openai.completions import create_completion
from funland_gateway.dialects.openai.fates import Fate, Harmless, Refused, Served
from funland_gateway.dialects.openai.parameter_table import CHAT, COMPLETION
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.failures import CallFailed

LISTS = Path(__file__).parent / "parameter_lists"

Call = Unary | Streaming | Together

ROUTES: Mapping[str, tuple[Callable[[Incoming], Call], Mapping[str, Fate], dict[str, Any]]] = {
    "chat": (create_chat_completion, CHAT, {"messages": [{"role": "user", "content": "Hi"}]}),
    "completion": (create_completion, COMPLETION, {"prompt": "Hi"}),
}


def listed(name: str) -> list[str]:
    """The names of a list, without what says where it comes from."""
    lines = (LISTS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def of_openai(route: str) -> set[str]:
    """The parameters of the installed client, whose types have them as OpenAI's API does."""
    package = "openai.types.chat" if route == "chat" else "openai.types"
    types = importlib.import_module(f"{package}.completion_create_params")
    kinds = (types.CompletionCreateParamsBase, types.CompletionCreateParamsStreaming)
    return {name for kind in kinds for name in kind.__annotations__}


@pytest.mark.parametrize("route", ROUTES)
def test_every_parameter_of_openais_client_has_a_fate(route: str) -> None:
    assert of_openai(route) - set(ROUTES[route][1]) == set()


@pytest.mark.parametrize(
    ("route", "name"),
    [
        ("chat", "vllm_chat"),
        ("completion", "vllm_completion"),
        ("chat", "llama_server_chat"),
        ("chat", "llama_server"),
        ("completion", "llama_server"),
    ],
)
def test_every_parameter_of_another_server_has_a_fate(route: str, name: str) -> None:
    names = listed(name)

    assert len(names) == len(set(names))
    assert set(names) - set(ROUTES[route][1]) == set()


def fates(kind: type[Fate], but: Collection[str] = ()) -> list[Any]:
    return [
        pytest.param(route, name, id=f"{route} {name}")
        for route, (_, table, _) in ROUTES.items()
        for name, fate in table.items()
        if isinstance(fate, kind) and name not in but
    ]


def call(route: str, **more: Any) -> Call:
    read, _, body = ROUTES[route]
    return read(Incoming(JsonObject({**body, **more}), {}, 0))


def asked(made: Call) -> Any:
    """What of a call a parameter could have changed: its RPCs and their messages."""
    if isinstance(made, Together):
        return [asked(part) for part in made.parts]
    return made.rpc.name, made.message


VALUES: list[Any] = [-1, 0, 0.5, 1, 7, True, False, "", "x", [], ["x"], [7], {}, {"x": 1}]

NEUTRAL: Mapping[str, list[Any]] = {
    "truncation_side": ["left"],
    "use_beam_search": [False],
    "length_penalty": [1, 1.0],
    "early_stopping": [False],
    "watermarking": [False],
    "skip_special_tokens": [True],
    "return_tokens_as_token_ids": [False],
    "return_token_ids": [False],
    "thinking_token_budget": [-1],
    "samplers": [
        [],
        [
            "penalties",
            "dry",
            "top_n_sigma",
            "top_k",
            "typ_p",
            "top_p",
            "min_p",
            "xtc",
            "temperature",
        ],
        "edskypmxt",
    ],
    "mirostat": [0],
    "dry_multiplier": [0, 0.0],
    "xtc_probability": [0.0],
    "typical_p": [1.0],
    "tfs_z": [1.0],
    "penalize_nl": [True],
    "top_n_sigma": [-1.0, 0],
    "dynatemp_range": [0.0],
    "adaptive_target": [-1.0],
    "min_keep": [0, 1],
    "n_probs": [0],
    "post_sampling_probs": [False],
    "n_indent": [0],
    "t_max_predict_ms": [-1, 0],
    "t_max_prompt_ms": [-1, 0],
    "return_tokens": [False],
    "reasoning_format": ["auto", "deepseek"],
    "reasoning_control": [False],
    "reasoning_budget_tokens": [-1],
    "thinking_budget_tokens": [-1],
    "thinking_forced_open": [False],
    "grammar_lazy": [False],
    "modalities": [["text"]],
    "include_reasoning": [True],
    "echo": [False],
    "best_of": [1],
    "return_prompt_text": [False],
    "parse_tool_calls": [True],
}
"""What clients send who send every parameter with the value that turns it off."""

EITHER: Mapping[str, dict[str, Any]] = {
    "chat": {"add_special_tokens": False},
    "completion": {"add_special_tokens": True},
}


@pytest.mark.parametrize(("route", "name"), fates(Harmless))
def test_what_is_passed_over_changes_nothing(route: str, name: str) -> None:
    for value in VALUES:
        assert asked(call(route, **{name: value})) == asked(call(route)), value


@pytest.mark.parametrize(("route", "name"), fates(Refused))
def test_what_is_refused_is_named_and_else_changes_nothing(route: str, name: str) -> None:
    outcomes = [outcome(route, **{name: value}) for value in VALUES]

    refusal = (ErrorReason.PARAMETER_UNSUPPORTED, name)
    assert refusal in outcomes
    assert [each for each in outcomes if each not in (refusal, asked(call(route)))] == []


def outcome(route: str, **more: Any) -> Any:
    """What is asked, or why nothing is and which parameter is to blame."""
    try:
        return asked(call(route, **more))
    except CallFailed as failed:
        return failed.error.reason, failed.error.metadata["parameter"]


@pytest.mark.parametrize(("route", "name"), fates(Refused))
def test_null_and_what_turns_a_parameter_off_is_taken(route: str, name: str) -> None:
    either = [EITHER[route][name]] if name in EITHER[route] else []
    for value in [None, *NEUTRAL.get(name, []), *either]:
        assert asked(call(route, **{name: value})) == asked(call(route)), value


SCHEMA = {"type": "object"}
FUNCTION = {"name": "add", "parameters": SCHEMA}
SERVED: Mapping[str, dict[str, Any]] = {
    "model": {"model": "tiny"},
    "stream": {"stream": True},
    "temperature": {"temperature": 0},
    "top_p": {"top_p": 0},
    "frequency_penalty": {"frequency_penalty": 1},
    "presence_penalty": {"presence_penalty": 1},
    "logit_bias": {"logit_bias": {"5": 1}},
    "seed": {"seed": 7},
    "stop": {"stop": "x"},
    "max_completion_tokens": {"max_completion_tokens": 7},
    "max_tokens": {"max_tokens": 7},
    "n_predict": {"n_predict": 7},
    "top_k": {"top_k": 7},
    "min_p": {"min_p": 0.5},
    "repetition_penalty": {"repetition_penalty": 1.5},
    "repeat_penalty": {"repeat_penalty": 1.5},
    "repeat_last_n": {"repeat_last_n": 7},
    "ignore_eos": {"ignore_eos": True},
    "min_tokens": {"min_tokens": 7},
    "stop_token_ids": {"stop_token_ids": [7]},
    "allowed_token_ids": {"allowed_token_ids": [7]},
    "bad_words": {"bad_words": ["x"]},
    "include_stop_str_in_output": {"include_stop_str_in_output": True},
    "n": {"n": 2},
    "n_cmpl": {"n_cmpl": 2},
    "response_format": {"response_format": {"type": "json_object"}},
    "service_tier": {"service_tier": "flex"},
    "prediction": {"prediction": {"type": "content", "content": "x"}},
    "structured_outputs": {"structured_outputs": {"regex": "x"}},
    "guided_json": {"guided_json": SCHEMA},
    "guided_regex": {"guided_regex": "x"},
    "guided_choice": {"guided_choice": ["x"]},
    "guided_grammar": {"guided_grammar": "root ::= x"},
    "grammar": {"grammar": "root ::= x"},
    "json_schema": {"json_schema": SCHEMA},
    "lora": {"lora": [{"id": "x", "scale": 1}]},
    "truncate_prompt_tokens": {"truncate_prompt_tokens": 7},
    "messages": {"messages": [{"role": "user", "content": "x"}]},
    "tools": {"tools": [{"type": "function", "function": FUNCTION}]},
    "functions": {"functions": [FUNCTION]},
    "reasoning_effort": {"reasoning_effort": "low"},
    "enable_thinking": {"enable_thinking": False},
    "chat_template_kwargs": {"chat_template_kwargs": {"x": 1}},
    "store": {"store": True},
    "prompt": {"prompt": "x"},
    "suffix": {"suffix": "x"},
}
"""A request that would be another one without the parameter."""

BESIDE: Mapping[str, tuple[dict[str, Any], Any]] = {
    "tool_choice": ({"tools": [{"type": "function", "function": FUNCTION}]}, "required"),
    "parallel_tool_calls": ({"tools": [{"type": "function", "function": FUNCTION}]}, False),
    "function_call": ({"functions": [FUNCTION]}, "none"),
    "metadata": ({"store": True}, {"x": "y"}),
    "top_logprobs": ({"logprobs": True}, 3),
    "logprobs": ({}, True),
    "echo": ({"logprobs": 1}, True),
    "continue_final_message": ({"messages": [{"role": "assistant", "content": "x"}]}, True),
    "mcp_servers": ({}, ["files"]),
}
"""Parameters that act beside others alone."""


OTHERWISE = {("completion", "logprobs"): {"logprobs": 1}}
"""What is a number on one of the routes."""

ANSWER_ALONE = ("stream_options", "best_of", "add_generation_prompt", "return_progress")
"""What changes the answer's form, or which requests are refused: other tests have these."""


@pytest.mark.parametrize(("route", "name"), fates(Served, but=ANSWER_ALONE))
def test_what_is_served_makes_another_request(route: str, name: str) -> None:
    if name in SERVED:
        with_it = SERVED[name]
        without = {key: value for key, value in with_it.items() if key != name}
    else:
        without, value = BESIDE[name]
        with_it = {**without, name: value}
    with_it = {**with_it, **OTHERWISE.get((route, name), {})}

    assert asked(call(route, **with_it)) != asked(call(route, **without))
