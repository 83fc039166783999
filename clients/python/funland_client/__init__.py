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

from funland_client.arguments import (
    AccelerationArguments,
    BatchArguments,
    ChatArguments,
    DeploymentArguments,
    DownloadArguments,
    GenerationArguments,
    LiveArguments,
    LoadArguments,
    MessageArguments,
    PaintingArguments,
    Sampling,
    SearchArguments,
    SessionArguments,
    SessionChanges,
    SourceArguments,
    SpeechArguments,
    TaskArguments,
    TranscriptionArguments,
    VllmArguments,
)
from funland_client.asynchronous.answer_streams import AsyncResponseStream, AsyncTextStream
from funland_client.asynchronous.client import AsyncFunland
from funland_client.asynchronous.event_streams import AsyncEventStream
from funland_client.asynchronous.media_streams import AsyncSoundStream, AsyncTranscriptStream
from funland_client.asynchronous.session_streams import AsyncMessageStream, AsyncSessionStream
from funland_client.batch_lines import BatchAnswer, BatchRequest
from funland_client.blocking.answer_streams import ResponseStream, TextStream
from funland_client.blocking.client import Funland
from funland_client.blocking.event_streams import EventStream
from funland_client.blocking.media_streams import SoundStream, TranscriptStream
from funland_client.blocking.session_streams import MessageStream, SessionStream
from funland_client.errors import FunlandError
from funland_client.formats import Format, Grammar, Regex
from funland_client.messages import ChatMessage, Conversation, FunctionCall
from funland_client.parsing import Parsed, parse
from funland_client.plugin_output import PluginOutput
from funland_client.shown import Said, Source, audio, image
from funland_client.texts import StreamedText
from funland_client.tool_runs import ToolRun
from funland_client.tools import ToolDefinition

__all__ = [
    "AccelerationArguments",
    "AsyncEventStream",
    "AsyncFunland",
    "AsyncMessageStream",
    "AsyncResponseStream",
    "AsyncSessionStream",
    "AsyncSoundStream",
    "AsyncTextStream",
    "AsyncTranscriptStream",
    "BatchAnswer",
    "BatchArguments",
    "BatchRequest",
    "ChatArguments",
    "ChatMessage",
    "Conversation",
    "DeploymentArguments",
    "DownloadArguments",
    "EventStream",
    "Format",
    "FunctionCall",
    "Funland",
    "FunlandError",
    "GenerationArguments",
    "Grammar",
    "LiveArguments",
    "LoadArguments",
    "MessageArguments",
    "MessageStream",
    "PaintingArguments",
    "Parsed",
    "PluginOutput",
    "Regex",
    "ResponseStream",
    "Said",
    "Sampling",
    "SearchArguments",
    "SessionArguments",
    "SessionChanges",
    "SessionStream",
    "SoundStream",
    "Source",
    "SourceArguments",
    "SpeechArguments",
    "StreamedText",
    "TaskArguments",
    "TextStream",
    "ToolDefinition",
    "ToolRun",
    "TranscriptStream",
    "TranscriptionArguments",
    "VllmArguments",
    "audio",
    "image",
    "parse",
]
