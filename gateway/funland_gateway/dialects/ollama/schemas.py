"""JSON Schemas of the `ollama` dialect's bodies."""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.dialect import JsonSchema
from funland_gateway.dialects.ollama.durations import DURATION
from funland_gateway.dialects.ollama.generation import EFFORTS
from funland_gateway.dialects.ollama.options import FATES, SAMPLING
from funland_gateway.dialects.sampling import sampling_schemas
from funland_gateway.dialects.schemas import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    TIME,
    any_of,
    array_of,
    body_with,
    described,
    nullable,
    object_with,
    one_of_values,
)

_OBJECT: Final[JsonSchema] = {"type": "object"}
_COUNT: Final[JsonSchema] = {"type": "integer", "minimum": 0}
_NAME: Final = described(
    {**STRING, "minLength": 1, "maxLength": 256},
    "A model's id, alias or source, or a deployment's name; `:latest` behind it may be left out.",
)
_STREAMED: Final = described(BOOLEAN, "Answer with a line of JSON for each part.", default=True)
_OPTIONS: Final = described(
    object_with(
        {
            **sampling_schemas(SAMPLING),
            **{
                name: {"description": fate.told}
                for name, fate in FATES.items()
                if name not in SAMPLING
            },
            "num_predict": described(
                INTEGER, "`SamplingParameters.max_tokens`; below 1: no bound."
            ),
        }
    ),
    "How to choose tokens; others than these are passed over.",
)
_KEEP_ALIVE: Final = described(
    any_of(NUMBER, {**STRING, "pattern": f"^(?:{DURATION.pattern})$"}),
    "How long the model stays in memory after the call: seconds, or `5m`. 0: not at all; below"
    " 0: for ever.",
)
_EMPTY: Final = described({"enum": ["", [], {}, 0, False]}, "Refused unless it is empty.")

_BASE64: Final = {
    **STRING,
    "pattern": "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$",
}
_IMAGES: Final = described(
    nullable(array_of(_BASE64)), "Pictures in base64, for a model with the capability `vision`."
)

_ARGUMENTS: Final = object_with({"name": STRING, "arguments": nullable(_OBJECT)}, ("name",))
_CALL: Final = object_with({"id": STRING, "function": _ARGUMENTS}, ("function",))
_MESSAGE: Final = body_with(
    {
        "role": one_of_values("system", "user", "assistant", "tool"),
        "content": STRING,
        "thinking": STRING,
        "tool_calls": array_of(_CALL),
        "tool_name": STRING,
        "tool_call_id": STRING,
        "images": _IMAGES,
    },
    ("role",),
)
_FUNCTION: Final = object_with(
    {
        "type": STRING,
        "function": object_with(
            {"name": STRING, "description": nullable(STRING), "parameters": nullable(_OBJECT)},
            ("name",),
        ),
    },
    ("type",),
)

_COMMON: Final = {
    "stream": _STREAMED,
    "options": _OPTIONS,
    "keep_alive": _KEEP_ALIVE,
    "format": described(
        any_of(one_of_values("", "json"), _OBJECT), "`json`, or a JSON Schema of the answer."
    ),
    "think": described(any_of(BOOLEAN, one_of_values(*EFFORTS)), "Whether to think first."),
    "logprobs": described(BOOLEAN, "Tell how likely each token was.", default=False),
    "top_logprobs": described(_COUNT, "Tell this many of the likeliest tokens too.", maximum=20),
}

CHAT_REQUEST: Final = body_with(
    {
        "model": _NAME,
        "messages": described(
            array_of(_MESSAGE), "Without any the model is loaded, or unloaded: see `keep_alive`."
        ),
        "tools": described(array_of(_FUNCTION), "The functions that the model may call."),
        "truncate": described(
            BOOLEAN, "Leave out the oldest messages of a chat that is too long.", default=True
        ),
        **_COMMON,
    },
    ("model",),
)
GENERATE_REQUEST: Final = body_with(
    {
        "model": _NAME,
        "prompt": described(
            STRING, "Without it the model is loaded, or unloaded: see `keep_alive`."
        ),
        "system": STRING,
        "raw": described(BOOLEAN, "Continue the prompt as it is.", default=False),
        "suffix": described(STRING, "What comes after the text: models of code fill in the gap."),
        "template": _EMPTY,
        "images": _IMAGES,
        "context": _EMPTY,
        **_COMMON,
    },
    ("model",),
)
EMBED_REQUEST: Final = body_with(
    {
        "model": _NAME,
        "input": any_of(STRING, array_of(STRING)),
        "dimensions": {**_COUNT, "maximum": 65536},
        "truncate": described(BOOLEAN, "Passed over: a text that is too long is refused."),
        "options": _OPTIONS,
        "keep_alive": _KEEP_ALIVE,
    },
    ("model",),
)
EMBEDDINGS_REQUEST: Final = body_with(
    {"model": _NAME, "prompt": STRING, "options": _OPTIONS, "keep_alive": _KEEP_ALIVE}, ("model",)
)
NAMED: Final = body_with({"model": _NAME}, ("model",))
PULL_REQUEST: Final = body_with(
    {
        "model": described(
            {**STRING, "minLength": 1, "maxLength": 512},
            "A name of Ollama's registry, `hf.co/owner/name:Q4_K_M` or `modelscope:owner/name`.",
        ),
        "stream": _STREAMED,
        "insecure": described(BOOLEAN, "Passed over."),
    },
    ("model",),
)
CREATE_REQUEST: Final = body_with(
    {
        "model": _NAME,
        "from": described(
            STRING, "A model, or the absolute path of a file on the server's machine."
        ),
        "files": described(
            {"type": "object", "additionalProperties": STRING, "maxProperties": 1},
            "A blob in place of `from`: its digest by any name.",
        ),
        "adapters": described(
            {"type": "object", "additionalProperties": STRING, "maxProperties": 1},
            "A blob with a LoRA adapter that acts in all calls: its digest by any name.",
        ),
        "template": described(STRING, "What makes prompts of chats, in Go's language."),
        "system": described(STRING, "The system message of chats that have none."),
        "messages": described(array_of(_MESSAGE), "With which each chat begins."),
        "parameters": described(_OPTIONS, "The `options` of calls that say nothing of them."),
        "stream": _STREAMED,
    },
    ("model",),
)
COPY_REQUEST: Final = body_with(
    {"source": STRING, "destination": STRING}, ("source", "destination")
)

_TOKEN: Final = {"token": STRING, "logprob": NUMBER, "bytes": array_of(INTEGER)}
_ANSWER: Final = {
    "model": STRING,
    "created_at": TIME,
    "done": BOOLEAN,
    "done_reason": one_of_values("stop", "length", "load", "unload"),
    "logprobs": array_of(
        object_with({**_TOKEN, "top_logprobs": array_of(object_with(_TOKEN))}, ("token", "logprob"))
    ),
    "total_duration": described(INTEGER, "All durations are nanoseconds."),
    "load_duration": described(INTEGER, "Until the model was in memory, where that was seen."),
    "prompt_eval_count": INTEGER,
    "prompt_eval_duration": INTEGER,
    "eval_count": INTEGER,
    "eval_duration": INTEGER,
}
_WARNINGS: Final = described(
    array_of(object_with({"param": STRING, "message": STRING})), "What of the tools can't be had."
)
CHAT_RESPONSE: Final = object_with(
    {
        "message": object_with(
            {
                "role": STRING,
                "content": STRING,
                "thinking": STRING,
                "tool_calls": array_of(
                    object_with(
                        {
                            "id": STRING,
                            "function": object_with(
                                {"index": INTEGER, "name": STRING, "arguments": _OBJECT}
                            ),
                        }
                    )
                ),
            },
            ("role", "content"),
        ),
        **_ANSWER,
        "warnings": _WARNINGS,
    }
)
GENERATE_RESPONSE: Final = object_with({"response": STRING, "thinking": STRING, **_ANSWER})
EMBED_RESPONSE: Final = object_with(
    {
        "model": STRING,
        "embeddings": array_of(array_of(NUMBER)),
        "total_duration": INTEGER,
        "load_duration": INTEGER,
        "prompt_eval_count": INTEGER,
    },
    ("embeddings",),
)
EMBEDDINGS_RESPONSE: Final = object_with({"embedding": array_of(NUMBER)}, ("embedding",))

_DETAILS: Final = object_with(
    {
        "parent_model": STRING,
        "format": STRING,
        "family": STRING,
        "families": array_of(STRING),
        "parameter_size": STRING,
        "quantization_level": STRING,
    }
)
_MODEL: Final = {
    "name": STRING,
    "model": STRING,
    "size": INTEGER,
    "digest": STRING,
    "details": _DETAILS,
}
_CAPABILITIES: Final = array_of(one_of_values("completion", "tools", "embedding"))
TAGS: Final = object_with(
    {
        "models": array_of(
            object_with({**_MODEL, "modified_at": TIME, "capabilities": _CAPABILITIES})
        )
    },
    ("models",),
)
RUNNING: Final = object_with(
    {
        "models": array_of(
            object_with(
                {**_MODEL, "size_vram": INTEGER, "expires_at": TIME, "context_length": INTEGER}
            )
        )
    },
    ("models",),
)
SHOWN: Final = object_with(
    {
        "license": STRING,
        "parameters": STRING,
        "system": STRING,
        "details": _DETAILS,
        "model_info": _OBJECT,
        "capabilities": _CAPABILITIES,
        "modified_at": TIME,
    },
    ("details", "model_info", "capabilities"),
)
PROGRESS: Final = object_with(
    {"status": STRING, "digest": STRING, "total": INTEGER, "completed": INTEGER}, ("status",)
)
VERSION: Final = object_with({"version": STRING, "funland": STRING}, ("version", "funland"))
