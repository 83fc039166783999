"""Which of a server's tools models are told of, and by which names: no I/O."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from funland_server.mcp.server import ListedTool
from funland_server.mcp.untrusted import cut, disarmed

LONGEST_NAME: Final = 64
"""As `Tool.name` of the contract has it."""
MOST_TOOLS: Final = 256
"""As many as a chat may have."""
_LONGEST_OF_A_SERVER: Final = 256
_DESCRIPTION_BYTES: Final = 4096
_PARAMETER_BYTES: Final = 64 * 1024
_ALL_CHARACTERS: Final = 2 * 1024**2
_DEEPEST: Final = 32
_OTHERS: Final = re.compile(r"[^A-Za-z0-9_.-]")


@dataclass(frozen=True, slots=True)
class OfferedTool:
    """A tool that models may be told of."""

    server: str
    name: str
    """As its server has it."""
    told_name: str
    """As the contract allows it, where no other tool of the chat has that name."""
    description: str
    parameters: str
    """A JSON Schema of an object, as JSON text."""
    left_out: str = ""
    """Why no model is told of it; empty if it can be."""

    @property
    def long_name(self) -> str:
        """For a chat that has another tool of the same name."""
        return f"{self.server}__{self.told_name}"[:LONGEST_NAME]


def offered(
    server: str, listed: Iterable[ListedTool], allowed: Collection[str] | None
) -> tuple[OfferedTool, ...]:
    """Those that the settings allow, each looked at."""
    tools: dict[str, OfferedTool] = {}
    size = 0
    for tool in listed:
        if (allowed is not None and tool.name not in allowed) or tool.name in tools:
            continue
        one = _looked_at(server, tool)
        size += len(one.description) + len(one.parameters)
        if size > _ALL_CHARACTERS:
            why = f"the server's tools have more than {_ALL_CHARACTERS // 1024**2} MiB together"
            one = replace(one, description="", parameters="", left_out=why)
        tools[tool.name] = one
    return tuple(tools.values())


def named(tools: Sequence[OfferedTool], taken: Collection[str]) -> dict[str, OfferedTool]:
    """The tools of a chat by the names that its model is told.

    Args:
        tools: Those of all its servers.
        taken: The names of the caller's own.
    """
    wanted = [tool.told_name for tool in tools]
    twice = {name for name in wanted if wanted.count(name) > 1} | set(taken)
    by_name: dict[str, OfferedTool] = {}
    for tool in tools:
        name = tool.long_name if tool.told_name in twice else tool.told_name
        number = 2
        base = name
        while name in by_name or name in taken:  # names that were cut, or are odd on purpose
            end = f"_{number}"
            name, number = base[: LONGEST_NAME - len(end)] + end, number + 1
        by_name[name] = tool
    return by_name


def _looked_at(server: str, tool: ListedTool) -> OfferedTool:
    told_name = _OTHERS.sub("_", tool.name)[:LONGEST_NAME]
    description = cut(disarmed(tool.description), _DESCRIPTION_BYTES)
    parameters, why = _parameters(tool.input_schema)
    if not 0 < len(tool.name) <= _LONGEST_OF_A_SERVER:
        told_name = told_name or "_"
        why = f"its name is empty, or longer than {_LONGEST_OF_A_SERVER} characters"
    name = cut(tool.name, _LONGEST_OF_A_SERVER)
    return OfferedTool(server, name, told_name, description, parameters, why)


def _parameters(schema: dict[str, Any]) -> tuple[str, str]:
    """A tool's schema as text, or why it can't be told."""
    if schema.get("type", "object") != "object":
        return "", "its arguments are no object"
    if _depth(schema) > _DEEPEST:
        return "", f"its schema is deeper than {_DEEPEST} levels"
    try:
        text = orjson.dumps(schema)
    except (orjson.JSONEncodeError, RecursionError):
        return "", "its schema is no JSON"
    if len(text) > _PARAMETER_BYTES:
        return "", f"its schema has more than {_PARAMETER_BYTES // 1024} KiB"
    return text.decode(), ""


def _depth(value: Any) -> int:
    """How deep objects and lists are within each other; at most one more than what is allowed."""
    level: list[Any] = [value]
    depth = 0
    while level and depth <= _DEEPEST:
        depth += 1
        inner: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                inner += one.values()  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] - any JSON
            elif isinstance(one, list):
                inner += one
        level = [one for one in inner if isinstance(one, dict | list)]
    return depth
