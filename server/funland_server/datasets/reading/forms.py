"""What a row says, by its names, and how it is kept: pure functions.

    INSTRUCTION  instruction, input, output (system, history); or prompt, completion
    MESSAGES     messages: role, content
    SHAREGPT     conversations: from, value
    PLAIN        text

A row is kept as `{"messages": [{"role", "content"}, ...]}`, or as `{"text": ...}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from funland_server.datasets.reading.json_rows import BadRowError, Row, type_name

INSTRUCTION, MESSAGES, SHAREGPT, PLAIN = "INSTRUCTION", "MESSAGES", "SHAREGPT", "PLAIN"
FORMS: Final = (INSTRUCTION, MESSAGES, SHAREGPT, PLAIN)
"""As `DatasetVersion.Form` calls them."""

_ROLES: Final[Mapping[str, str]] = {
    "system": "system", "developer": "system",
    "user": "user", "human": "user",
    "assistant": "assistant", "gpt": "assistant", "chatgpt": "assistant", "bing": "assistant",
    "bard": "assistant", "model": "assistant",
}  # fmt: skip
_TOOLS: Final = ("tool", "function", "observation", "function_call", "tool_call", "tool_response")

Said = dict[str, str]
"""A message: its role and its content."""


def form_of(row: Row) -> str:
    """The form of a row by its names; raises BadRowError if it has none's."""
    if "messages" in row:
        return MESSAGES
    if "conversations" in row:
        return SHAREGPT
    if ("instruction" in row and "output" in row) or ("prompt" in row and "completion" in row):
        return INSTRUCTION
    if "text" in row:
        return PLAIN
    names = ", ".join(sorted(row)[:8]) or "none"
    raise BadRowError(
        "it has none of the names that are known (messages; conversations; instruction and output;"
        f" prompt and completion; text), but {names[:120]}"
    )


def kept(row: Row, form: str) -> Row:
    """A row of a form as it is kept; raises BadRowError."""
    if _there(row, "tools"):
        raise BadRowError("tools: what models may call is not read")
    match form:
        case "PLAIN":
            return {"text": _text(row, "text")}
        case "MESSAGES":
            return _conversation(_said(_list(row, "messages"), "messages"), row)
        case "SHAREGPT":
            return _conversation(_said(_list(row, "conversations"), "conversations"), row)
        case _ if "instruction" in row:
            return _conversation(_instruction(row), row)
        case _:
            return _conversation(_completion(row), row)


def _instruction(row: Row) -> list[Said]:
    """Alpaca's: the input stands below the instruction, turns before it in `history`."""
    turns: list[Said] = []
    for number, turn in enumerate(_list(row, "history") if _there(row, "history") else []):
        place = f"history[{number}]"
        match turn:
            case [str(question), str(answer)]:
                turns += [_message("user", question, place), _message("assistant", answer, place)]
            case _:
                raise BadRowError(f"{place}: is no question and answer")
    asked = _text(row, "instruction")
    more = row.get("input")
    if more is not None and not isinstance(more, str):
        raise BadRowError(f"input: is {type_name(more)}, and no string")
    question = f"{asked}\n\n{more}" if more and more.strip() else asked
    return [*turns, _message("user", question, "instruction"),
            _message("assistant", _text(row, "output"), "output")]  # fmt: skip


def _completion(row: Row) -> list[Said]:
    """A prompt and its completion: texts, or messages."""
    if isinstance(row.get("prompt"), list):
        fields = ("prompt", "completion")
        return [each for name in fields for each in _said(_list(row, name), name)]
    return [_message("user", _text(row, "prompt"), "prompt"),
            _message("assistant", _text(row, "completion"), "completion")]  # fmt: skip


def _said(messages: list[Any], field: str) -> list[Said]:
    """Messages that name who says them as OpenAI's do (`role`, `content`) or ShareGPT's (`from`,
    `value`)."""
    found: list[Said] = []
    for number, message in enumerate(messages):
        place = f"{field}[{number}]"
        if not isinstance(message, dict):
            raise BadRowError(f"{place}: is {type_name(message)}, and no object")
        told = cast("Row", message)
        if any(_there(told, name) for name in ("tool_calls", "function_call")):
            raise BadRowError(f"{place}: calls of tools are not read")
        who, what = ("from", "value") if "from" in told else ("role", "content")
        role, content = told.get(who), told.get(what)
        if not isinstance(role, str) or role.lower() not in (*_ROLES, *_TOOLS):
            shown = repr(role[:40]) if isinstance(role, str) else type_name(role)
            raise BadRowError(f"{place}.{who}: is {shown}, and no role that is known")
        if role.lower() in _TOOLS:
            raise BadRowError(f"{place}.{who}: is {role.lower()}; calls of tools are not read")
        found.append(_message(_ROLES[role.lower()], _content(content, f"{place}.{what}"), place))
    return found


def _content(content: Any, place: str) -> str:
    """A text, or the texts of parts, joined."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise BadRowError(f"{place}: is {type_name(content)}, and no string")
    texts: list[str] = []
    for part in cast("list[Any]", content):
        match part:
            case {"type": "text", "text": str(text)}:
                texts.append(text)
            case _:
                raise BadRowError(f"{place}: has a part that is no text")
    return "".join(texts)


def _conversation(messages: list[Said], row: Row) -> Row:
    """Messages that something can be learned from: a system message comes first and once."""
    if _there(row, "system"):
        messages = [_message("system", _text(row, "system"), "system"), *messages]
    roles = [message["role"] for message in messages]
    if "system" in roles[1:]:
        raise BadRowError("it has a system message that is not the first of all")
    if "user" not in roles:
        raise BadRowError("nobody asks in it: it has no message of a user")
    if roles[-1] != "assistant":
        raise BadRowError("its last message is not an answer")
    return {"messages": messages}


def _message(role: str, content: str, place: str) -> Said:
    if not content.strip():
        raise BadRowError(f"{place}: is empty")
    return {"role": role, "content": content}


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        raise BadRowError(f"{name}: is {type_name(value)}, and no string")
    if not value.strip():
        raise BadRowError(f"{name}: is empty")
    return value


def _list(row: Row, name: str) -> list[Any]:
    value = row.get(name)
    if not isinstance(value, list):
        raise BadRowError(f"{name}: is {type_name(value)}, and no array")
    found = cast("list[Any]", value)
    if not found:
        raise BadRowError(f"{name}: is empty")
    return found


def _there(row: Row, name: str) -> bool:
    """Whether a row has something under a name."""
    return row.get(name) not in (None, "", [], {})
