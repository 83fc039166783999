"""Tasks of several kinds whose results depend on nothing but what is asked."""

from __future__ import annotations

import json
from typing import Final

from funland.v1.inference_pb2 import (
    ChatRequest,
    EmbedRequest,
    GenerateRequest,
    Message,
    SamplingParameters,
)
from funland.v1.plugins_pb2 import ExecutePluginRequest
from funland.v1.tasks_pb2 import TaskResult, Work

_TOKENS: Final = 60


def work(number: int, *, plugins: bool) -> Work:
    """The work of a number: of each kind in turn."""
    sampling = SamplingParameters(temperature=0, max_tokens=_TOKENS, ignore_end=True)
    told = f"Tell me the story number {number}."
    match number % (4 if plugins else 3):
        case 0:
            message = Message(role=Message.USER, content=told)
            return Work(chat=ChatRequest(messages=[message], sampling=sampling))
        case 1:
            return Work(generate=GenerateRequest(prompt=told, sampling=sampling))
        case 2:
            return Work(embed=EmbedRequest(inputs=[f"{told} {part}" for part in range(20)]))
        case _:
            given = json.dumps({"text": told})
            return Work(plugin=ExecutePluginRequest(plugin_id="summarize", input=given))


def essence(result: TaskResult) -> object:
    """What is the same whenever it is made: without ids, times, and what the cache had."""
    match result.WhichOneof("answer"):
        case "chat":
            return result.chat.message.content, result.chat.usage.completion_tokens
        case "generate":
            return result.generate.text, result.generate.usage.completion_tokens
        case "embed":
            # The last bits depend on what else was computed at the same time.
            vectors = result.embed.embeddings
            return [[round(value, 4) for value in vector.values] for vector in vectors]
        case "plugin":
            return result.plugin.output
        case other:
            return other
