"""JSON Schemas of OpenAI's bodies, as far as Funland reads and writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from funland.v1.inference_pb2 import EmbedRequest, GenerationOptions
from funland.v1.responses_pb2 import CreateResponseRequest
from funland_gateway.dialects.dialect import JsonSchema
from funland_gateway.dialects.openai.completions import DEFAULT_MAX_TOKENS, MOST_PROMPTS
from funland_gateway.dialects.openai.embeddings import ENCODINGS, MOST_INPUTS
from funland_gateway.dialects.openai.formats import FORMAT_SCHEMAS
from funland_gateway.dialects.openai.logprobs import MOST
from funland_gateway.dialects.openai.messages import ROLES
from funland_gateway.dialects.openai.models import META
from funland_gateway.dialects.openai.parameter_table import SAMPLING
from funland_gateway.dialects.openai.reasoning import EFFORTS, THINKING_SCHEMAS
from funland_gateway.dialects.openai.tool_schemas import (
    CALL,
    FUNCTION,
    NAMED,
    TOOL_CALL,
    TOOL_CHOICE,
    TOOLS,
    WARNINGS,
)
from funland_gateway.dialects.rules import field_schema
from funland_gateway.dialects.sampling import sampling_schemas
from funland_gateway.dialects.schemas import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    TOKEN,
    any_of,
    array_of,
    body_with,
    described,
    nullable,
    object_with,
    one_of_values,
)

_TEXT: JsonSchema = {**STRING, "minLength": 1}
_TOKENS: JsonSchema = {**array_of(TOKEN), "minItems": 1}
LIKELIEST: Final[JsonSchema] = {**INTEGER, "minimum": 0, "maximum": MOST}
_OBJECT: JsonSchema = {"type": "object"}
_OPTIONS = GenerationOptions.DESCRIPTOR.fields_by_name


def _inputs(most: int) -> JsonSchema:
    """One text or several, each as text or as tokens."""
    one = (_TEXT, _TOKENS, object_with({"prompt_string": _TEXT}, ("prompt_string",)))
    return any_of(*one, {**array_of(any_of(*one)), "minItems": 1, "maxItems": most})


MODEL_NAME: Final = described(
    {**STRING, "maxLength": 256}, "A model's id, alias or source; empty or absent: the default one."
)

_GENERATION: Mapping[str, JsonSchema] = {
    "model": MODEL_NAME,
    "stream": described(BOOLEAN, "Answer with chunks as server-sent events.", default=False),
    "stream_options": object_with({"include_usage": BOOLEAN}),
    **sampling_schemas(SAMPLING),
    "n": described(field_schema(_OPTIONS["n"]), "How many texts to make.", default=1),
    "truncate_prompt_tokens": described(
        field_schema(_OPTIONS["last_prompt_tokens"]),
        "Keep this many of the prompt's last tokens; -1: what fits.",
    ),
    **FORMAT_SCHEMAS,
    "service_tier": described(
        STRING, "`flex` waits behind all other calls, `priority` goes before them."
    ),
    "prediction": described(_OBJECT, "What the text will resemble: guesses that make it faster."),
    "lora": described(
        array_of(object_with({"id": STRING, "scale": NUMBER}, ("id",))),
        "The adapters to answer with, by their names.",
    ),
}

SHOWN: Final = (
    described(
        object_with(
            {
                "type": one_of_values("image_url"),
                "image_url": any_of(
                    STRING, object_with({"url": STRING, "detail": nullable(STRING)}, ("url",))
                ),
            },
            ("type", "image_url"),
        ),
        "A picture, by a `data:` URL or a web address. Roles `user` and `tool`.",
    ),
    described(
        object_with(
            {
                "type": one_of_values("input_audio"),
                "input_audio": object_with({"data": STRING, "format": nullable(STRING)}, ("data",)),
            },
            ("type", "input_audio"),
        ),
        "A sound in base64. Roles `user` and `tool`.",
    ),
)

MESSAGE: Final = object_with(
    {
        "role": one_of_values(*ROLES),
        "content": nullable(
            any_of(
                STRING,
                array_of(
                    any_of(
                        *(
                            object_with({"type": one_of_values(kind), kind: STRING}, ("type", kind))
                            for kind in ("text", "refusal")
                        ),
                        *SHOWN,
                    )
                ),
            )
        ),
        "name": STRING,
        "tool_calls": nullable(array_of(TOOL_CALL)),
        "tool_call_id": described(STRING, "Role `tool`: the call whose result this is."),
        "reasoning_content": described(STRING, "Role `assistant`: what it thought."),
        "reasoning": described(STRING, "The same by another name."),
    },
    ("role",),
)

_USAGE = object_with(
    {
        "prompt_tokens": INTEGER,
        "completion_tokens": INTEGER,
        "total_tokens": INTEGER,
        "prompt_tokens_details": object_with({"cached_tokens": INTEGER}),
        "completion_tokens_details": object_with(
            {
                "reasoning_tokens": INTEGER,
                "accepted_prediction_tokens": INTEGER,
                "rejected_prediction_tokens": INTEGER,
            }
        ),
    }
)

_TIMINGS = described(
    object_with(
        {
            "cache_n": INTEGER,
            **{
                f"{part}_{name}": schema
                for part in ("prompt", "predicted")
                for name, schema in (
                    ("n", INTEGER),
                    ("ms", NUMBER),
                    ("per_token_ms", nullable(NUMBER)),
                    ("per_second", nullable(NUMBER)),
                )
            },
        }
    ),
    "Tokens and milliseconds, as llama-server tells them; of a stream in its last chunks.",
)

_DEVICE_USED = described(
    STRING,
    "The ids of the devices that computed it, parted by commas; of a stream in its last chunks.",
)

_TOKEN: Mapping[str, JsonSchema] = {
    "token": STRING,
    "logprob": NUMBER,
    "bytes": array_of(INTEGER),
}


METADATA: Final = field_schema(CreateResponseRequest.DESCRIPTOR.fields_by_name["metadata"])


def _completion_of(choice: JsonSchema, **rest: JsonSchema) -> JsonSchema:
    return object_with(
        {
            "id": STRING,
            "object": STRING,
            "created": INTEGER,
            "model": STRING,
            "system_fingerprint": STRING,
            "choices": array_of(choice),
            "usage": _USAGE,
            "timings": _TIMINGS,
            "device_used": _DEVICE_USED,
            **rest,
        }
    )


def list_of(item: JsonSchema) -> JsonSchema:
    """A page of a list."""
    return object_with(
        {
            "object": STRING,
            "data": array_of(item),
            "first_id": STRING,
            "last_id": STRING,
            "has_more": BOOLEAN,
        }
    )


_MCP_SERVER: Final[JsonSchema] = {**STRING, "minLength": 1, "maxLength": 32}

_CHAT: Mapping[str, JsonSchema] = {
    "model": MODEL_NAME,
    "messages": {**array_of(MESSAGE), "minItems": 1},
    "tools": TOOLS,
    "tool_choice": TOOL_CHOICE,
    "parallel_tool_calls": described(BOOLEAN, "Whether several may be made.", default=True),
    "functions": described(array_of(FUNCTION), "`tools` in an older shape."),
    "function_call": any_of(one_of_values("none", "auto"), NAMED),
    "reasoning_effort": described(one_of_values(*EFFORTS), "`none`: not to think."),
    **THINKING_SCHEMAS,
    "continue_final_message": described(
        BOOLEAN, "Go on with the last message, the model's own, in place of answering it."
    ),
    "add_generation_prompt": described(BOOLEAN, "False with `continue_final_message` alone."),
    "mcp_servers": described(
        any_of(_MCP_SERVER, {**array_of(_MCP_SERVER), "maxItems": 16, "uniqueItems": True}),
        "MCP servers of the settings whose tools the model may use.",
    ),
}
"""What a chat template is told."""

TEMPLATE_REQUEST: Final = body_with(_CHAT, ("messages",))

COUNTED: Final = object_with({"input_tokens": INTEGER})

CHAT_REQUEST: Final = body_with(
    {
        **_GENERATION,
        **_CHAT,
        "logprobs": described(BOOLEAN, "Tell how likely each token was.", default=False),
        "top_logprobs": described(LIKELIEST, "Tell this many of the likeliest tokens too."),
        "return_progress": described(
            BOOLEAN, "With `stream`: chunks with `prompt_progress` while the prompt is computed."
        ),
        "store": described(BOOLEAN, "Keep question and answer, to be got again.", default=False),
        "metadata": described(METADATA, "With `store`: what to keep with them."),
    },
    ("messages",),
)

CHAT_RESPONSE: Final = _completion_of(
    object_with(
        {
            "index": INTEGER,
            "message": object_with(
                {
                    "role": STRING,
                    "content": nullable(STRING),
                    "refusal": nullable(STRING),
                    "reasoning_content": STRING,
                    "reasoning": STRING,
                    "tool_calls": array_of(TOOL_CALL),
                    "function_call": CALL,
                }
            ),
            "logprobs": nullable(
                object_with(
                    {
                        "content": array_of(
                            object_with({**_TOKEN, "top_logprobs": array_of(object_with(_TOKEN))})
                        )
                    }
                )
            ),
            "finish_reason": one_of_values("stop", "length", "tool_calls", "function_call"),
        }
    ),
    metadata=described(METADATA, "With `store`: what is kept with it."),
    warnings=WARNINGS,
)

CHAT_LIST: Final = list_of(CHAT_RESPONSE)

CHAT_UPDATE: Final = object_with({"metadata": nullable(METADATA)}, ("metadata",))

CHAT_MESSAGE_LIST: Final = list_of(
    object_with(
        {
            "id": STRING,
            "role": STRING,
            "content": nullable(STRING),
            "name": nullable(STRING),
            "tool_calls": array_of(TOOL_CALL),
            "tool_call_id": STRING,
        }
    )
)

COMPLETION_REQUEST: Final = body_with(
    {
        **_GENERATION,
        "prompt": _inputs(MOST_PROMPTS),
        "max_tokens": {**_GENERATION["max_tokens"], "default": DEFAULT_MAX_TOKENS},
        "logprobs": described(
            any_of(LIKELIEST, {"const": False}), "Tell this many of the likeliest tokens."
        ),
        "echo": described(BOOLEAN, "Begin the text with the prompt.", default=False),
        "best_of": described(INTEGER, "At most `n`."),
        "suffix": described(STRING, "What comes after the text: models of code fill in the gap."),
    },
    ("prompt",),
)

COMPLETION_RESPONSE: Final = _completion_of(
    object_with(
        {
            "index": INTEGER,
            "text": STRING,
            "logprobs": nullable(
                object_with(
                    {
                        "tokens": array_of(STRING),
                        "token_logprobs": array_of(nullable(NUMBER)),
                        "top_logprobs": array_of(
                            nullable({"type": "object", "additionalProperties": NUMBER})
                        ),
                        "text_offset": array_of(INTEGER),
                    }
                )
            ),
            "finish_reason": one_of_values("stop", "length"),
        }
    )
)

EMBEDDING_REQUEST: Final = body_with(
    {
        "model": MODEL_NAME,
        "input": _inputs(MOST_INPUTS),
        "encoding_format": {**one_of_values(*ENCODINGS), "default": "float"},
        "dimensions": described(
            field_schema(EmbedRequest.DESCRIPTOR.fields_by_name["dimensions"]),
            "Keep this many of the first numbers; unset: all.",
        ),
        "normalize": described(BOOLEAN, "Make each vector's length 1.", default=True),
    },
    ("input",),
)

EMBEDDING_RESPONSE: Final = object_with(
    {
        "object": STRING,
        "data": array_of(
            object_with(
                {"object": STRING, "index": INTEGER, "embedding": any_of(array_of(NUMBER), STRING)}
            )
        ),
        "model": STRING,
        "usage": object_with({"prompt_tokens": INTEGER, "total_tokens": INTEGER}),
    }
)

_KNOWN_SIZE = nullable(INTEGER)

MODEL: Final = object_with(
    {
        "id": STRING,
        "object": STRING,
        "created": INTEGER,
        "owned_by": STRING,
        "context_length": described(_KNOWN_SIZE, "How many tokens a call may have."),
        "max_model_len": described(_KNOWN_SIZE, "The same by vLLM's name."),
        "capabilities": described(array_of(STRING), "Such as `chat`, `tools`, `embedding`."),
        "meta": object_with(dict.fromkeys(META, _KNOWN_SIZE)),
    }
)

MODEL_LIST: Final = object_with({"object": STRING, "data": array_of(MODEL)})

DELETED: Final = object_with({"id": STRING, "object": STRING, "deleted": BOOLEAN})
