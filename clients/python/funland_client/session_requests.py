"""Builds the requests of kept conversations from Python's own values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal
from uuid import uuid4

from funland.v1.inference_pb2 import SamplingParameters
from funland.v1.sessions_pb2 import (
    CreateSessionRequest,
    ExportSessionRequest,
    McpServerNames,
    SendMessageRequest,
    Tags,
    UpdateSessionRequest,
)
from funland_client import arguments
from funland_client.arguments import MessageArguments, SessionArguments, SessionChanges
from funland_client.fields import filled
from funland_client.formats import Format, output_format
from funland_client.shown import Said, parts
from funland_client.tools import AnyTool, tool

ExportFormat = Literal["json", "markdown"]


def create(
    model: str, given: SessionArguments, *, tools: Sequence[AnyTool] = ()
) -> CreateSessionRequest:
    """Makes a request for `CreateSession`."""
    arguments.check(given, SessionArguments)
    request = filled(CreateSessionRequest, "", arguments.fields_of(CreateSessionRequest, given))
    request.model = model
    request.tools.extend(tool(described) for described in tools)
    if (sampling := arguments.sampling(given)) != SamplingParameters():
        request.sampling.CopyFrom(sampling)
    return request


def update(session_id: str, given: SessionChanges) -> UpdateSessionRequest:
    """Makes a request for `UpdateSession`."""
    arguments.check(given, SessionChanges)
    values: dict[str, Any] = {**given}
    if "tags" in given:
        values["tags"] = filled(Tags, "tags", {"tags": given["tags"]})
    if "mcp_servers" in given:
        names = {"names": given["mcp_servers"]}
        values["mcp_servers"] = filled(McpServerNames, "mcp_servers", names)
    if "sampling" in given:
        arguments.check(given["sampling"], arguments.Sampling)
        values["sampling"] = arguments.sampling(given["sampling"])
    return filled(UpdateSessionRequest, "", {"session_id": session_id, **values})


def send(
    session_id: str,
    content: Said,
    given: MessageArguments,
    *,
    format: Format | None = None,  # noqa: A002 - the contract's name
) -> SendMessageRequest:
    """Makes a request for `SendMessage` and `StreamMessage`.

    It has a word of its own if none is given, so that it may be made again.
    """
    arguments.check(given, MessageArguments)
    values = arguments.fields_of(SendMessageRequest, given)
    if "tool_choice" in given:
        values["tool_choice"] = arguments.tool_choice(given["tool_choice"])
    said = {"content": content} if isinstance(content, str) else {"parts": parts(content)}
    request = filled(SendMessageRequest, "", {"session_id": session_id, **said, **values})
    if (sampling := arguments.sampling(given)) != SamplingParameters():
        request.sampling.CopyFrom(sampling)
    if (wanted := output_format(format)) is not None:
        request.format.CopyFrom(wanted)
    request.idempotency_key = request.idempotency_key or uuid4().hex
    return request


def export(session_id: str, form: ExportFormat, message_id: str) -> ExportSessionRequest:
    """Makes a request for `ExportSession`."""
    values = {"session_id": session_id, "format": form, "message_id": message_id}
    return filled(ExportSessionRequest, "", values)
