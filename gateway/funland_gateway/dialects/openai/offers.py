"""Reads the `tools` that a request offers: those that can be had, and what is told of the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
import structlog

from funland.v1.inference_pb2 import Tool
from funland_gateway.dialects.openai.callees import Key
from funland_gateway.dialects.openai.mcp_offers import read_server
from funland_gateway.dialects.openai.warned import Warned
from funland_gateway.dialects.reading import JsonObject, malformed, missing

_log = structlog.get_logger(__name__)

_LONGEST_KIND: Final = 64
_MOST_KINDS: Final = 16
"""Of those that are logged."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A function that can be had."""

    tool: Tool
    """Its name is the caller's, not yet the one that the model is told."""
    path: str
    """Where the request describes it."""
    group: str
    """Where the request names its namespace; empty: it has none."""

    @property
    def key(self) -> Key:
        """Which it is, to the caller."""
        return self.tool.namespace, self.tool.name


@dataclass(frozen=True, slots=True)
class Offers:
    """What a request offers."""

    functions: tuple[Offer, ...] = ()
    warnings: tuple[Warned, ...] = ()
    servers: tuple[str, ...] = ()
    """The MCP servers whose tools it offers, by their labels."""


def read_offers(body: JsonObject, nested: bool) -> Offers:
    """Reads `tools`. `nested`: what a tool is stands in a member that is called as its type, as in
    chat completions; else beside it, as in responses."""
    if body.raw("tools") is None:
        return Offers()
    read = list(_tools(body, nested))
    return Offers(
        tuple(each for each in read if isinstance(each, Offer)),
        tuple(each for each in read if isinstance(each, Warned)),
        tuple(dict.fromkeys(each for each in read if isinstance(each, str))),
    )


def function(described: JsonObject, namespace: str = "") -> Tool:
    """A function's name, description and parameters."""
    parameters = described.raw("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise malformed(described.path_of("parameters"), "a JSON Schema")
    return Tool(
        name=described.string("name"),
        description=described.optional_string("description"),
        parameters="" if parameters is None else orjson.dumps(parameters).decode(),
        namespace=namespace,
    )


def warnings_of(warnings: Sequence[Warned]) -> dict[str, Any]:
    """What an answer says of them; nothing if there are none."""
    if not warnings:
        return {}
    return {"warnings": [{"param": each.param, "message": each.message} for each in warnings]}


def log(warnings: Sequence[Warned]) -> None:
    """Tells those who run the server, too."""
    if warnings:
        kinds = sorted({each.kind for each in warnings})
        _log.info("tools_left_out", kinds=kinds[:_MOST_KINDS])


def _tools(body: JsonObject, nested: bool) -> Iterator[Offer | Warned | str]:
    for index, tool in enumerate(body.objects("tools")):
        path = f"{body.path_of('tools')}[{index}]"
        if tool.string("type") == "mcp" and not nested:
            yield read_server(tool, path)
            continue
        if tool.string("type") != "namespace":
            yield from _tool(tool, path, nested)
            continue
        # Chat completions have none; whoever sends them some may have nested it or not.
        described = tool.object("namespace") or tool
        namespace, group = described.string("name"), described.path_of("name")
        for number, inner in enumerate(described.objects("tools")):
            inner_path = f"{described.path_of('tools')}[{number}]"
            inner_nested = inner.raw(inner.string("type")) is not None
            yield from _tool(inner, inner_path, inner_nested, namespace, group)


def _tool(
    tool: JsonObject, path: str, nested: bool, namespace: str = "", group: str = ""
) -> Iterator[Offer | Warned]:
    kind = tool.string("type")
    if kind not in ("function", "custom"):
        short = kind[:_LONGEST_KIND]
        yield Warned(path, f"Left out: tools of type {short!r} are not served.", short)
        return
    described = tool
    if nested:
        inner = tool.object(kind)
        if inner is None:
            raise missing(tool.path_of(kind))
        described, path = inner, tool.path_of(kind)
    if kind == "function":
        yield Offer(function(described, namespace), path, group)
        return
    free_form = Tool(
        name=described.string("name"),
        description=described.optional_string("description"),
        namespace=namespace,
        free_form=True,
    )
    yield Offer(free_form, path, group)
    form = described.object("format")
    if form is not None and form.string("type") != "text":
        problem = "Passed over: the input of custom tools is held to no format."
        yield Warned(described.path_of("format"), problem, "custom.format")
