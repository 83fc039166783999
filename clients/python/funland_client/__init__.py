"""The Python client of Funland: local AI over one typed contract.

    from funland_client import Funland

    with Funland() as client:
        print(client.chat("Tell me a story.").message.content)
        for text in client.stream_chat("And another."):
            print(text, end="", flush=True)

`AsyncFunland` is the same for event loops. Results are messages of `funland.v1`, failures are the
exceptions of `funland_client.errors`.
"""

from __future__ import annotations

from funland_client.answers import AsyncTextStream, TextStream
from funland_client.async_client import AsyncFunland
from funland_client.client import Funland
from funland_client.errors import FunlandError
from funland_client.requests import ChatMessage, Conversation, Sampling
from funland_client.streams import AsyncEventStream, EventStream

__all__ = [
    "AsyncEventStream",
    "AsyncFunland",
    "AsyncTextStream",
    "ChatMessage",
    "Conversation",
    "EventStream",
    "Funland",
    "FunlandError",
    "Sampling",
    "TextStream",
]
