"""Puts the messages of a conversation into an order that a template takes, and loses none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise, takewhile

from funland_worker.templates.traits import Beside, Json, Place, TemplateTraits, with_parts

_GAP = "\n\n"
"""Between what was two messages."""


def arranged(messages: list[Json], traits: TemplateTraits) -> list[Json]:
    """The messages, in the form of Hugging Face's templates, as a template takes them.

    System messages that can't stand where they are become part of the first, if they follow it, or
    else of the next user's; those of the same role in a row become one; where a user's message is
    missing there is an empty one.
    """
    messages = list(_joined(_placed(messages, traits.system), traits))
    messages = list(_with_users(messages, traits))
    messages = list(_calls_apart(messages, traits))
    if traits.wants_none:
        messages = [_without_content(message) for message in messages]
    return with_parts(messages, traits.in_parts)


def takes_calls(messages: list[Json], traits: TemplateTraits) -> bool:
    """Whether the template can tell the calls of these messages as what they are."""
    messages = list(_joined(_placed(messages, traits.system), traits))
    roles = [message["role"] for message in messages]
    follows = ("tool", "user") in pairwise(roles)
    if follows and not traits.user_after_result:
        return False
    both = any(message.get("tool_calls") and message["content"] for message in messages)
    return not (both and traits.calls_and_content == Beside.NEVER)


def _without_content(message: Json) -> Json:
    calls = message.get("tool_calls") and not message["content"]
    return {**message, "content": None} if calls else message


def _text(*contents: str | None) -> str:
    return _GAP.join(filter(None, contents))


def _placed(messages: list[Json], system: Place) -> list[Json]:
    if system == Place.ANYWHERE:
        return messages
    leading = list(takewhile(lambda message: message["role"] == "system", messages))
    told: list[Json] = []
    waiting = [message["content"] for message in leading]
    if system == Place.FIRST and leading:
        told.append({**leading[0], "content": _text(*waiting)})
        waiting = []
    for message in messages[len(leading) :]:
        role, last = message["role"], told[-1]["role"] if told else ""
        if role == "system":
            waiting.append(message["content"])
        elif role == "user" and waiting:
            told.append({**message, "content": _text(*waiting, message["content"])})
            waiting = []
        else:
            if role == "assistant" and last != "tool":
                # It was said before the model spoke.
                _say(told, waiting)
                waiting = []
            told.append(message)
    _say(told, waiting)
    return told


def _say(told: list[Json], instructions: list[str]) -> None:
    """Adds instructions to a user's message that is the last, or as one of the user's own."""
    if not any(instructions):
        return
    if told and told[-1]["role"] == "user":
        told[-1] = {**told[-1], "content": _text(told[-1]["content"], *instructions)}
    else:
        told.append({"role": "user", "content": _text(*instructions)})


def _joined(messages: Iterable[Json], traits: TemplateTraits) -> Iterator[Json]:
    apart = {"user": traits.users_in_row, "assistant": traits.assistants_in_row}
    last: Json | None = None
    for message in messages:
        if (
            last is not None
            and message["role"] == last["role"]
            and not apart.get(last["role"], True)
        ):
            last = _both(last, message)
            continue
        if last is not None:
            yield last
        last = message
    if last is not None:
        yield last


def _both(first: Json, second: Json) -> Json:
    told = {**second, **first, "content": _text(first["content"], second["content"])}
    calls = [*first.get("tool_calls", ()), *second.get("tool_calls", ())]
    if calls:
        told["tool_calls"] = calls
    if reasoning := _text(first.get("reasoning_content"), second.get("reasoning_content")):
        told["reasoning_content"] = reasoning
    return told


def _with_users(messages: list[Json], traits: TemplateTraits) -> Iterator[Json]:
    nothing: Json = {"role": "user", "content": ""}
    roles = [message["role"] for message in messages]
    first = next((role for role in roles if role != "system"), "")
    led = first == "assistant" and not traits.assistant_first
    for message in messages:
        if led and message["role"] != "system":
            led = False
            roles.append("user")
            yield nothing
        yield message
    missing = traits.needs_user and "user" not in roles
    ended = bool(messages) and messages[-1]["role"] == "assistant"
    if missing or not messages or (ended and not traits.assistant_last):
        yield nothing


def _calls_apart(messages: list[Json], traits: TemplateTraits) -> Iterator[Json]:
    """Calls that can't be told in one message, each with its results; calls apart from content."""
    waiting: list[Json] = []
    """Further calls of the same message."""
    for index, message in enumerate(messages):
        calls = message.get("tool_calls", [])
        told = message
        if len(calls) > 1 and not traits.several_calls:
            told = {**message, "tool_calls": calls[:1]}
            waiting = calls[1:]
        if calls and message["content"] and traits.calls_and_content == Beside.APART:
            yield {key: value for key, value in told.items() if key != "tool_calls"}
            told = {"role": "assistant", "content": "", "tool_calls": told["tool_calls"]}
        elif message["role"] == "tool" and waiting:
            given = message.get("tool_call_id")
            if given in [call["id"] for call in waiting]:
                # Those of earlier calls without a result of their own come first.
                while waiting:
                    call, waiting = waiting[0], waiting[1:]
                    yield _call_alone(call)
                    if call["id"] == given:
                        break
        yield told
        following = messages[index + 1]["role"] if index + 1 < len(messages) else None
        if waiting and following != "tool":
            yield from (_call_alone(call) for call in waiting)
            waiting = []


def _call_alone(call: Json) -> Json:
    return {"role": "assistant", "content": "", "tool_calls": [call]}
