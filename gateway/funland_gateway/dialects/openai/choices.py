"""Which of the tools that a request offers it allows or demands: `tool_choice`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, cast

from funland.v1.inference_pb2 import ToolChoice
from funland_gateway.dialects.openai.callees import Key
from funland_gateway.dialects.reading import (
    JsonObject,
    invalid,
    malformed,
    missing,
    unsupported,
)

_MODES: Final = {
    "none": ToolChoice.NONE,
    "auto": ToolChoice.AUTO,
    "required": ToolChoice.REQUIRED,
}

_CALLED: Final = ("function", "custom")


@dataclass(frozen=True, slots=True)
class Choice:
    """What a request says of calls."""

    mode: ToolChoice.Mode.ValueType | None = None
    """None: nothing."""
    key: Key | None = None
    """The function that must be called; None: any."""
    allowed: frozenset[Key] | None = None
    """Those that may be called; None: all."""

    def leaves(self, key: Key) -> bool:
        """Whether the model is told of a function."""
        return self.allowed is None or key in self.allowed


def read_choice(body: JsonObject, offered: Collection[Key], nested: bool) -> Choice:
    """Reads `tool_choice`, which is a demand: what can't be had is refused by its name."""
    value = body.raw("tool_choice")
    path = body.path_of("tool_choice")
    if value is None:
        return Choice()
    if isinstance(value, str):
        return Choice(_mode(value, path))
    if not isinstance(value, dict):
        raise malformed(path, "a string or an object")
    wanted = JsonObject.read(cast("object", value), path)
    kind = wanted.string("type")
    if kind in _CALLED:
        return Choice(ToolChoice.REQUIRED, _key(wanted, kind, offered, nested))
    if kind != "allowed_tools":
        raise _not_served(wanted, kind)
    inner = wanted.object("allowed_tools") or wanted
    mode = _mode(inner.optional_string("mode") or "auto", inner.path_of("mode"))
    return Choice(mode, allowed=_allowed(inner, offered, nested))


def read_function_choice(body: JsonObject) -> ToolChoice | None:
    """Reads `function_call`, the older `tool_choice`."""
    value = body.raw("function_call")
    path = body.path_of("function_call")
    if value is None:
        return None
    if isinstance(value, str):
        return ToolChoice(mode=_mode(value, path))
    name = JsonObject.read(value, path).string("name")
    return ToolChoice(mode=ToolChoice.REQUIRED, name=name)


def _mode(word: str, path: str) -> ToolChoice.Mode.ValueType:
    if word not in _MODES:
        raise invalid(path, f"must be one of {', '.join(_MODES)}, or an object")
    return _MODES[word]


def _allowed(inner: JsonObject, offered: Collection[Key], nested: bool) -> frozenset[Key]:
    allowed: set[Key] = set()
    for tool in inner.objects("tools"):
        kind = tool.string("type")
        if kind in _CALLED:
            allowed.add(_key(tool, kind, offered, nested))
        elif kind == "namespace":
            namespace = tool.string("name")
            allowed |= {key for key in offered if key[0] == namespace}
        else:
            raise _not_served(tool, kind)
    if unknown := allowed.difference(offered):
        names = ", ".join(sorted(name for _, name in unknown))[:256]
        raise invalid(inner.path_of("tools"), f"names what is not in tools: {names}")
    return frozenset(allowed)


def _key(wanted: JsonObject, kind: str, offered: Collection[Key], nested: bool) -> Key:
    """The function that is meant: its namespace may be left out where its name is enough."""
    described = wanted
    if nested:
        inner = wanted.object(kind)
        if inner is None:
            raise missing(wanted.path_of(kind))
        described = inner
    name = described.string("name")
    namespace = described.optional_string("namespace") or wanted.optional_string("namespace")
    if namespace or ("", name) in offered:
        return namespace, name
    meant = sorted({key for key in offered if key[1] == name})
    if len(meant) > 1:
        spaces = ", ".join(each for each, _ in meant)[:256]
        raise invalid(described.path_of("name"), f"is in several namespaces, name one: {spaces}")
    return meant[0] if meant else ("", name)


def _not_served(tool: JsonObject, kind: str) -> Exception:
    return unsupported(tool.path_of("type"), f"tools of type {kind[:64]!r} are not served.")
