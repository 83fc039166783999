"""What a chat template takes, found by trying it with a few short conversations."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.chat.formats import HERMES, ChatFormat, known_format
from funland_worker.chat.reasoning import ReasoningMarks, known_reasoning
from funland_worker.engines.protocol import EngineError

Json = dict[str, Any]
Render = Callable[[Json], Awaitable[str]]


class Place(enum.Enum):
    """Where something may stand."""

    NOWHERE = enum.auto()
    FIRST = enum.auto()
    ANYWHERE = enum.auto()


class Beside(enum.Enum):
    """How a message may have two things."""

    TOGETHER = enum.auto()
    APART = enum.auto()
    """As two messages, one after the other."""
    NEVER = enum.auto()


@dataclass(frozen=True, slots=True)
class TemplateTraits:
    """What a template takes and tells its model. The defaults are the least."""

    call_format: ChatFormat = HERMES
    reasoning: ReasoningMarks | None = None
    system: Place = Place.NOWHERE
    users_in_row: bool = False
    assistants_in_row: bool = False
    assistant_first: bool = False
    assistant_last: bool = True
    needs_user: bool = False
    """Whether there must be a user's message."""
    in_parts: frozenset[str] = frozenset()
    """The roles whose content it wants as a list of parts, not as text."""
    knows_tools: bool = False
    knows_calls: bool = False
    knows_results: bool = False
    wants_none: bool = False
    """Whether a message of calls alone is told by a content that is none."""
    several_calls: bool = True
    """Whether a message may have more than one call."""
    calls_and_content: Beside = Beside.TOGETHER
    user_after_result: bool = True

    @property
    def without_calls(self) -> TemplateTraits:
        """The same, with calls and their results told in words."""
        return replace(self, knows_calls=False, knows_results=False)

    @property
    def least(self) -> TemplateTraits:
        """What hardly any template refuses: user and assistant in turn."""
        return TemplateTraits(
            self.call_format,
            self.reasoning,
            needs_user=True,
            assistant_last=self.assistant_last,
            in_parts=self.in_parts,
            knows_tools=self.knows_tools,
        )


async def try_template(template: str, render: Render) -> TemplateTraits:
    """What the template takes. Most are tried in some 15 renders.

    A template takes what it neither refuses nor loses: each message has a word that must be in the
    prompt.

    Raises:
        EngineError: TEMPLATE_LIMIT.
    """
    known = known_format(template)
    traits = TemplateTraits(known or HERMES, known_reasoning(template))
    trial = _Trial(render, traits.call_format)
    for role, roles in (("user", "U"), ("assistant", "UAU"), ("system", "SU")):
        if not await trial.takes(roles) and await trial.takes(roles, role):
            trial.in_parts |= {role}
    system, last = Place.NOWHERE, await trial.takes("UA")
    # Some tell of the system only where the user speaks last.
    if await trial.takes("SU") and (not last or await trial.takes("SUA")):
        system = Place.ANYWHERE if await trial.takes("SSUASUS") else Place.FIRST
    traits = replace(
        traits,
        system=system,
        users_in_row=await trial.takes("UUAUU"),
        assistants_in_row=await trial.takes("UAAU"),
        assistant_first=await trial.takes("AU" if system == Place.NOWHERE else "SAU"),
        assistant_last=last,
        needs_user=system != Place.NOWHERE and not await trial.takes("S"),
        in_parts=trial.in_parts,
    )
    return traits if known is None else await _with_calls(traits, trial)


async def _with_calls(traits: TemplateTraits, trial: _Trial) -> TemplateTraits:
    """The traits of a template in whose words there is a format of calls."""
    trial.tools = trial.told = await trial.tells_tools()
    for none in (False, True):
        trial.none = none
        if await trial.takes("UCRCRAU"):
            beside = Beside.NEVER
            if await trial.takes("UBRAU"):
                beside = Beside.TOGETHER
            elif await trial.takes("UACRAU"):
                beside = Beside.APART
            # Some tell of functions in the first message, and take it for the user's.
            first = traits.assistant_first and await trial.takes("CRAU")
            return replace(
                traits,
                assistant_first=first,
                knows_tools=trial.told,
                knows_calls=True,
                knows_results=True,
                wants_none=none,
                several_calls=await trial.takes("UDRRAU"),
                calls_and_content=beside,
                user_after_result=await trial.takes("UCRU"),
            )
    return replace(traits, knows_tools=trial.told)


class _Trial:
    """Renders conversations that are given as letters: of system, user and assistant, of calls: C
    alone, B behind content, D two of them; and R, a result."""

    def __init__(self, render: Render, call_format: ChatFormat) -> None:
        self._render = render
        self._call_format = call_format
        self.in_parts: frozenset[str] = frozenset()
        self.none = False
        """Whether the content of calls alone is none."""
        self.tools = self.told = False
        """Whether functions are told of."""

    async def takes(self, letters: str, *in_parts: str) -> bool:
        """Whether a conversation's words are in the prompt, those of users and assistants in their
        order. `in_parts` are more roles with parts as content."""
        words = _Words()
        messages = self._messages(letters, words)
        prompt = await self._prompt(with_parts(messages, self.in_parts | set(in_parts)))
        place = 0
        for word, ordered in words.all:
            found = prompt.find(word, place if ordered else 0)
            if found < 0:
                return False
            place = max(place, found) if ordered else place
        return True

    async def tells_tools(self) -> bool:
        """Whether the functions that it is given are in the prompt."""
        self.tools = True
        return _TOOL in await self._prompt(with_parts(self._messages("U", _Words()), self.in_parts))

    async def _prompt(self, messages: list[Json]) -> str:
        variables: Json = {"messages": messages, "add_generation_prompt": True, "tools": None}
        if self.tools:
            parameters = {"type": "object", "properties": {"of": {"type": "string"}}}
            function = {"name": _TOOL, "description": "A function.", "parameters": parameters}
            variables["tools"] = [{"type": "function", "function": function}]
        try:
            return await self._render(variables)
        except EngineError as error:
            if error.reason == ErrorReason.TEMPLATE_FAILED:
                return ""
            raise

    def _messages(self, letters: str, words: _Words) -> list[Json]:
        messages: list[Json] = []
        ids: list[str] = []
        for letter in letters:
            if letter in _ROLES:
                ordered = letter != "S"
                messages.append({"role": _ROLES[letter], "content": words.new(ordered=ordered)})
            elif letter == "R":
                content = words.new()
                told = {"role": "tool", "tool_call_id": ids.pop(0), "name": _TOOL}
                messages.append({**told, "content": content})
            else:
                content = words.new() if letter == "B" else None if self.none else ""
                calls = [self._call(words, ids) for _ in range(2 if letter == "D" else 1)]
                messages.append({"role": "assistant", "content": content, "tool_calls": calls})
        return messages

    def _call(self, words: _Words, ids: list[str]) -> Json:
        ids.append(f"call{len(words.all):05}")  # of the nine characters that some want
        arguments = {"of": words.new()}
        function = {"name": _TOOL, "arguments": arguments}
        return {"type": "function", "id": ids[-1], "function": function}


_ROLES = {"S": "system", "U": "user", "A": "assistant"}
_TOOL = "lookup7"


class _Words:
    """Words that no template has."""

    def __init__(self) -> None:
        self.all: list[tuple[str, bool]] = []
        """The words, each with whether it must stand behind those before it."""

    def new(self, *, ordered: bool = True) -> str:
        word = f"Qz{len(self.all):02}x"
        self.all.append((word, ordered))
        return word


def with_parts(messages: Sequence[Json], roles: Iterable[str]) -> list[Json]:
    """The messages, with the content of some roles as a list of one part."""
    return [
        {**message, "content": [{"type": "text", "text": message["content"]}]}
        if message["role"] in roles and isinstance(message["content"], str)
        else message
        for message in messages
    ]
