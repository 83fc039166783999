"""JSON Schemas of the bodies for which OpenAI has no endpoint, and other servers have."""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.openai.schemas import CHAT_REQUEST, MESSAGE, MODEL_NAME
from funland_gateway.dialects.schemas import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    any_of,
    array_of,
    described,
    object_with,
)

RERANK_REQUEST: Final = object_with(
    {
        "model": MODEL_NAME,
        "query": STRING,
        "documents": array_of(any_of(STRING, object_with({"text": STRING}, ("text",)))),
        "top_n": described(INTEGER, "Give at most this many; 0: all.", default=0),
        "return_documents": described(BOOLEAN, "Give the documents back.", default=False),
    },
    ("query", "documents"),
)

RERANK_RESPONSE: Final = object_with(
    {
        "object": STRING,
        "model": STRING,
        "results": array_of(
            object_with(
                {
                    "index": INTEGER,
                    "relevance_score": NUMBER,
                    "document": object_with({"text": STRING}),
                }
            )
        ),
        "usage": object_with({"prompt_tokens": INTEGER, "total_tokens": INTEGER}),
    }
)

TOKENIZE_REQUEST: Final = object_with(
    {
        "model": MODEL_NAME,
        "content": described(STRING, "llama-server's name for the text."),
        "add_special": described(BOOLEAN, "With `content`.", default=False),
        "prompt": described(STRING, "vLLM's name for the text."),
        "add_special_tokens": described(BOOLEAN, "With `prompt`.", default=True),
        "messages": described(array_of(MESSAGE), "A chat in place of a text."),
        "parse_special": described(
            BOOLEAN, "Read control marks as such. Default: true with `content`, else false."
        ),
    }
)

TOKENIZE_RESPONSE: Final = object_with({"tokens": array_of(INTEGER), "count": INTEGER})

DETOKENIZE_REQUEST: Final = object_with(
    {"model": MODEL_NAME, "tokens": array_of(INTEGER)}, ("tokens",)
)

DETOKENIZE_RESPONSE: Final = object_with(
    {
        "content": described(STRING, "The text, as llama-server calls it."),
        "prompt": described(STRING, "The text, as vLLM calls it."),
    }
)

TEMPLATE_REQUEST: Final = CHAT_REQUEST

TEMPLATE_RESPONSE: Final = object_with({"prompt": STRING})
