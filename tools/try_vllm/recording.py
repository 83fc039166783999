"""Requests to a real vLLM, and what it answered, for tests where there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from funland_server.vllm.arguments import SERVED_NAME
from funland_server.vllm.http import Http, RefusedError

_HELLO: Final = [{"role": "user", "content": "Hello!"}]
_IDS: Final = {"return_token_ids": True, "return_tokens_as_token_ids": True}
_STREAM: Final = {"stream": True, "stream_options": {"include_usage": True}}
_LONG: Final = "word " * 2000
_WEATHER: Final = {
    "type": "function",
    "function": {
        "name": "weather",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}},
            "required": ["city"],
        },
    },
}
CHAT: Final = "/v1/chat/completions"
COMPLETION: Final = "/v1/completions"

PLAN: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "chat": (CHAT, {"messages": _HELLO, "max_tokens": 5, **_IDS, **_STREAM}),
    "chat that ends": (CHAT, {"messages": _HELLO, "max_tokens": 50, **_IDS, **_STREAM}),
    "chat with logprobs": (
        CHAT,
        {
            "messages": _HELLO,
            "max_tokens": 4,
            "logprobs": True,
            "top_logprobs": 2,
            **_IDS,
            **_STREAM,
        },
    ),
    "two chats": (
        CHAT,
        {
            "messages": _HELLO,
            "n": 2,
            "temperature": 1,
            "top_k": 1,
            "max_tokens": 3,
            **_IDS,
            **_STREAM,
        },
    ),
    "chat with the prompt's logprobs": (
        CHAT,
        {"messages": _HELLO, "max_tokens": 2, "prompt_logprobs": 1, **_IDS},
    ),
    "completion": (COMPLETION, {"prompt": "Once upon a time", "max_tokens": 4, **_IDS, **_STREAM}),
    "completion with logprobs": (
        COMPLETION,
        {"prompt": "Once upon a time", "max_tokens": 3, "logprobs": 1, **_IDS, **_STREAM},
    ),
    "completion with the prompt's logprobs": (
        COMPLETION,
        {"prompt": "Once upon a time", "max_tokens": 1, "prompt_logprobs": 1, **_IDS},
    ),
    "stop string": (
        COMPLETION,
        {"prompt": [785, 769, 260, 726], "stop": ["w"], "max_tokens": 30, **_IDS, **_STREAM},
    ),
    "regex": (
        CHAT,
        {
            "messages": _HELLO,
            "max_tokens": 20,
            "structured_outputs": {"regex": "yes|no"},
            **_IDS,
            **_STREAM,
        },
    ),
    "prompt too long": (COMPLETION, {"prompt": _LONG, "max_tokens": 5}),
    "chat too long": (CHAT, {"messages": [{"role": "user", "content": _LONG}], **_STREAM}),
    "prompt as long as the context": (COMPLETION, {"prompt": [5] * 1024, "max_tokens": 5}),
    "more tokens than the context": (COMPLETION, {"prompt": "Hi", "max_tokens": 5000}),
    "unknown token": (COMPLETION, {"prompt": [99999, 1], "max_tokens": 5}),
    "unknown token of a bias": (
        COMPLETION,
        {"prompt": "Hi", "max_tokens": 5, "logit_bias": {"99999": 5}},
    ),
    "unknown token that is allowed": (
        COMPLETION,
        {"prompt": "Hi", "max_tokens": 5, "allowed_token_ids": [99999]},
    ),
    "unknown token that stops": (
        COMPLETION,
        {"prompt": "Hi", "max_tokens": 5, "stop_token_ids": [99999]},
    ),
    "bad schema": (
        COMPLETION,
        {"prompt": "Hi", "max_tokens": 5, "structured_outputs": {"json": {"type": 3}}},
    ),
    "bad regex": (
        COMPLETION,
        {"prompt": "Hi", "max_tokens": 5, "structured_outputs": {"regex": "(("}},
    ),
    "bad grammar": (
        COMPLETION,
        {"prompt": "Hi", "max_tokens": 5, "structured_outputs": {"grammar": "root ::= ("}},
    ),
    "tools without a parser": (CHAT, {"messages": _HELLO, "max_tokens": 5, "tools": [_WEATHER]}),
    "another model": (COMPLETION, {"model": "other", "prompt": "Hi", "max_tokens": 5}),
    "tokens": ("/tokenize", {"prompt": "Hello <|im_end|> é"}),
    "tokens of a chat": ("/tokenize", {"messages": _HELLO}),
}
"""Bodies by names; all are greedy, unless they say otherwise, and of the one model."""

TEMPLATE: Final = (
    "{%- if messages[0].role != 'user' %}{{ raise_exception('A user begins.') }}{% endif %}"
    "{%- for tool in tools or [] %}{{ tool | tojson }}"
    '<tool_call>{"name": "x", "arguments": {}}</tool_call>{% endfor %}'
    "{%- for message in messages %}<|im_start|>{{ message.role }}\n"
    "{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""One that knows functions as Hermes writes them, and refuses some conversations."""
WITH_FUNCTIONS: Final[Mapping[str, tuple[str, Mapping[str, Any]]]] = {
    "function that must be called": (
        CHAT,
        {
            "messages": _HELLO,
            "max_tokens": 60,
            "tools": [_WEATHER],
            "tool_choice": "required",
            **_IDS,
            **_STREAM,
        },
    ),
    "function that is named": (
        CHAT,
        {
            "messages": _HELLO,
            "max_tokens": 60,
            "tools": [_WEATHER],
            "tool_choice": {"type": "function", "function": {"name": "weather"}},
            **_IDS,
            **_STREAM,
        },
    ),
    "function whose schema is bad": (
        CHAT,
        {
            "messages": _HELLO,
            "max_tokens": 60,
            "tools": [
                {
                    "type": "function",
                    "function": {"name": "f", "strict": True, "parameters": {"type": "nothing"}},
                }
            ],
            "tool_choice": "required",
            **_STREAM,
        },
    ),
    "messages that the template refuses": (
        CHAT,
        {"messages": [{"role": "assistant", "content": "Hello"}], "max_tokens": 5},
    ),
    "message that is gone on with": (
        CHAT,
        {
            "messages": [*_HELLO, {"role": "assistant", "content": "Hello"}],
            "max_tokens": 4,
            "add_generation_prompt": False,
            "continue_final_message": True,
            **_IDS,
            **_STREAM,
        },
    ),
}
"""Bodies for a model with that template."""


async def about(http: Http) -> dict[str, Any]:
    """What it says of itself."""
    return {
        "models": _plain(await http.get("/v1/models")),
        "routes": sorted((await http.get("/openapi.json"))["paths"]),
    }


async def record(http: Http, plan: Mapping[str, tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """The answers by the same names, without what is different each time."""
    told: dict[str, Any] = {}
    for name, (path, body) in plan.items():
        told[name] = await _one(http, path, {"model": SERVED_NAME, "temperature": 0, **body})
    return told


async def _one(http: Http, path: str, body: Mapping[str, Any]) -> Any:
    try:
        if not body.get("stream"):
            return _plain(await http.post(path, body))
        async with http.stream(path, body) as parts:
            return [_plain(part) async for part in parts]
    except RefusedError as refused:
        return {"status": refused.status, "error": refused.error}


_CHANGING: Final = ("id", "created", "system_fingerprint", "permission", "metrics", "root")


def _plain(value: Any) -> Any:
    """Without what differs from one run to the next, or is of this machine."""
    if isinstance(value, dict):
        told = cast("dict[str, Any]", value)
        plain = {name: _plain(one) for name, one in told.items() if name not in _CHANGING}
        # Whether a call of a function has an id counts, not which.
        return {"id": "<id>", **plain} if "function" in told and "id" in told else plain
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return [_plain(one) for one in items]
    return value
