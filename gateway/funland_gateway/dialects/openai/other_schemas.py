"""JSON Schemas of the bodies for which OpenAI has no endpoint, and other servers have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from funland_gateway.dialects.dialect import JsonSchema
from funland_gateway.dialects.health import HEALTH_WORDS
from funland_gateway.dialects.openai.schemas import MESSAGE, MODEL_NAME
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

_TEXT: Final[JsonSchema] = {**STRING, "minLength": 1}
_TOKENS: Final = array_of(TOKEN)
_RANKING: Final[Mapping[str, JsonSchema]] = {
    "model": MODEL_NAME,
    "query": _TEXT,
    "top_n": described(
        {**INTEGER, "minimum": 0, "maximum": 1024}, "Give at most this many; 0: all.", default=0
    ),
    "raw_scores": described(BOOLEAN, "Give the model's own scores.", default=False),
}
_DOCUMENTS: Final = {
    **array_of(any_of(_TEXT, object_with({"text": _TEXT}, ("text",)))),
    "minItems": 1,
    "maxItems": 1024,
}
_BY_DOCUMENTS: Final = body_with(
    {
        **_RANKING,
        "documents": _DOCUMENTS,
        "return_documents": described(BOOLEAN, "Give the documents back.", default=False),
    },
    ("query", "documents"),
)
_BY_TEXTS: Final = body_with(
    {
        **_RANKING,
        "texts": described(_DOCUMENTS, "The documents, as text-embeddings-inference has them."),
        "return_text": described(BOOLEAN, "Give the texts back.", default=False),
        "truncate": described(BOOLEAN, "A text that is too long is refused all the same."),
    },
    ("query", "texts"),
)
_SCORE: Final = described(NUMBER, "Within 0 and 1, unless `raw_scores` is true.")
_RESULTS: Final = array_of(
    object_with(
        {
            "index": INTEGER,
            "relevance_score": _SCORE,
            "document": object_with({"text": STRING}),
        }
    )
)

RERANK_REQUEST: Final = any_of(_BY_DOCUMENTS, _BY_TEXTS)

RERANK_RESPONSE: Final = any_of(
    object_with(
        {
            "object": STRING,
            "model": STRING,
            "results": _RESULTS,
            "usage": object_with({"prompt_tokens": INTEGER, "total_tokens": INTEGER}),
        }
    ),
    described(
        array_of(object_with({"index": INTEGER, "score": _SCORE, "text": STRING})), "For `texts`."
    ),
)

COHERE_RERANK_REQUEST: Final = _BY_DOCUMENTS

COHERE_RERANK_RESPONSE: Final = object_with(
    {
        "results": _RESULTS,
        "meta": object_with(
            {
                "api_version": object_with({"version": STRING}),
                "tokens": object_with({"input_tokens": INTEGER}),
            }
        ),
    }
)

_TOKENIZATION: Final[Mapping[str, JsonSchema]] = {
    "model": MODEL_NAME,
    "parse_special": described(BOOLEAN, "Read control marks as such.", default=True),
    "with_pieces": described(BOOLEAN, "Tell each token's text, or bytes.", default=False),
    "return_token_strs": described(BOOLEAN, "Tell the tokens' texts.", default=False),
}

TOKENIZE_REQUEST: Final = any_of(
    body_with(
        {
            **_TOKENIZATION,
            "content": described(STRING, "llama-server's name for the text."),
            "add_special": described(BOOLEAN, "Put marks around it.", default=False),
        },
        ("content",),
    ),
    body_with(
        {
            **_TOKENIZATION,
            "prompt": described(STRING, "vLLM's name for the text."),
            "add_special_tokens": described(BOOLEAN, "Put marks around it.", default=True),
        },
        ("prompt",),
    ),
    body_with(
        {
            "model": MODEL_NAME,
            "messages": described(
                {**array_of(MESSAGE), "minItems": 1}, "A chat in place of a text."
            ),
        },
        ("messages",),
    ),
)

TOKENIZE_RESPONSE: Final = object_with(
    {
        "tokens": array_of(
            any_of(
                INTEGER,
                object_with({"id": INTEGER, "piece": any_of(STRING, array_of(INTEGER))}),
            )
        ),
        "count": INTEGER,
        "token_strs": array_of(STRING),
    }
)

TOKENIZER: Final = object_with(
    {
        "model": STRING,
        "bos_token": nullable(STRING),
        "eos_token": nullable(STRING),
        "pad_token": nullable(STRING),
        "add_bos_token": BOOLEAN,
        "eos_token_ids": array_of(INTEGER),
        "vocab_size": INTEGER,
        "chat_template": nullable(STRING),
    }
)

DETOKENIZE_REQUEST: Final = body_with({"model": MODEL_NAME, "tokens": _TOKENS}, ("tokens",))

DETOKENIZE_RESPONSE: Final = object_with(
    {
        "content": described(STRING, "The text, as llama-server calls it."),
        "prompt": described(STRING, "The text, as vLLM calls it."),
    }
)

TEMPLATE_RESPONSE: Final = object_with({"prompt": STRING})

DEPLOYMENT_HEALTH: Final = object_with(
    {
        "status": one_of_values(*HEALTH_WORDS),
        "message": nullable(described(STRING, "What is wrong.")),
        "answering": described(INTEGER, "How many processes answered."),
        "replicas": described(INTEGER, "How many there are to be."),
        "latency_ms": nullable(described(NUMBER, "How long the slowest took.")),
    }
)
