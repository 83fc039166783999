"""The functions that a model may call: `tools`, and `functions`, as OpenAI first called them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from funland.v1.inference_pb2 import Tool, ToolChoice
from funland_gateway.dialects.openai.callees import Callees, Key, callees, told_name, told_names
from funland_gateway.dialects.openai.choices import (
    Choice,
    read_choice,
    read_function_choice,
)
from funland_gateway.dialects.openai.offers import (
    Offer,
    Offers,
    function,
    read_offers,
)
from funland_gateway.dialects.openai.warned import Warned
from funland_gateway.dialects.reading import JsonObject, invalid, unsupported

_KINDS_TOLD: Final = 4


@dataclass(frozen=True, slots=True)
class Tools:
    """What a request says about functions."""

    tools: list[Tool] = field(default_factory=list[Tool])
    choice: ToolChoice | None = None
    parallel: bool | None = None
    names: dict[str, str] = field(default_factory=dict[str, str])
    """What the request calls the contract's fields."""
    legacy: bool = False
    """Whether the answer is to have a `function_call`, not `tool_calls`."""
    warnings: tuple[Warned, ...] = ()
    """What of the offer can't be had."""
    servers: tuple[str, ...] = ()
    """The MCP servers whose tools the model may use."""
    told: Mapping[Key, str] = field(default_factory=dict[Key, str])
    """What the model is told for each function, by the caller's names."""

    @property
    def callees(self) -> Callees:
        """What the caller calls those that the model calls."""
        return callees(self.tools)

    def told_name(self, namespace: str, name: str) -> str:
        """What the model is told for a function, of this request or of one before it."""
        key = (namespace, name)
        return self.told.get(key) or told_name(key)

    def free_form(self) -> str:
        """The one function that takes a text, as the model is told it; empty if it isn't one."""
        names = [tool.name for tool in self.tools if tool.free_form]
        return names[0] if len(names) == 1 else ""


def read_tools(body: JsonObject, nested: bool = True) -> Tools:
    """Reads `tools` and `tool_choice`, or `functions` and `function_call`. See `read_offers`."""
    if nested and body.raw("functions") not in (None, []):
        if body.raw("tools"):
            raise invalid(body.path_of("functions"), "can't be given together with tools")
        return _functions(body)
    offers = read_offers(body, nested)
    chosen = read_choice(body, [offer.key for offer in offers.functions], nested)
    given = [offer for offer in offers.functions if chosen.leaves(offer.key)]
    told = told_names(offer.key for offer in offers.functions)
    return Tools(
        tools=[_told(offer, told) for offer in given],
        choice=_choice(body, chosen, given, offers, told),
        parallel=body.boolean("parallel_tool_calls") if given or offers.servers else None,
        names=_names(given, "tool_choice"),
        warnings=offers.warnings,
        servers=offers.servers,
        told=told,
    )


def _told(offer: Offer, told: Mapping[Key, str]) -> Tool:
    tool = Tool()
    tool.CopyFrom(offer.tool)
    tool.name = told[offer.key]
    return tool


def _choice(
    body: JsonObject,
    chosen: Choice,
    given: Sequence[Offer],
    offers: Offers,
    told: Mapping[Key, str],
) -> ToolChoice | None:
    """The contract's choice. Without tools there is none but if a call must be made."""
    must = chosen.mode == ToolChoice.REQUIRED
    if chosen.mode is None or not (given or offers.servers or must):
        return None
    if not (offers.functions or offers.servers) and offers.warnings:
        kinds = ", ".join(dict.fromkeys(each.kind for each in offers.warnings[:_KINDS_TOLD]))
        problem = f"asks for a call, but no tool is left: {kinds} can't be served."
        raise unsupported(body.path_of("tool_choice"), problem)
    name = "" if chosen.key is None else told.get(chosen.key) or told_name(chosen.key)
    return ToolChoice(mode=chosen.mode, name=name)


def _functions(body: JsonObject) -> Tools:
    given = body.objects("functions")
    paths = [f"{body.path_of('functions')}[{index}]" for index in range(len(given))]
    offers = [
        Offer(function(described), path, "") for described, path in zip(given, paths, strict=True)
    ]
    return Tools(
        tools=[offer.tool for offer in offers],
        choice=read_function_choice(body),
        parallel=False,  # the answer has room for one
        names=_names(offers, "function_call"),
        legacy=True,
    )


def _names(offers: Sequence[Offer], choice: str) -> dict[str, str]:
    names = {f"tools[{index}]": offer.path for index, offer in enumerate(offers)}
    names |= {
        f"tools[{index}].namespace": offer.group
        for index, offer in enumerate(offers)
        if offer.group
    }
    chosen = ("tool_choice", "tool_choice.mode", "tool_choice.name")
    return names | dict.fromkeys(chosen, choice)
