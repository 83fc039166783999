"""Writes a conversation as a model's template has it, up to where the answer goes on."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Message
from funland.worker.v1.worker_pb2 import Conversation
from funland_worker.chat.reasoning import ReasoningMarks
from funland_worker.chat.stream import AnswerShape
from funland_worker.chat.tools import Calling, calling_from_wire
from funland_worker.engines.protocol import EngineError
from funland_worker.templates.conversation import template_variables
from funland_worker.templates.renderer import TemplateRenderer
from funland_worker.templates.traits import TemplateTraits, try_template


@dataclass(frozen=True, slots=True)
class Written:
    """A conversation as its template writes it."""

    text: str
    calling: Calling
    shape: AnswerShape
    """Of what is yet to come."""
    reasoning: ReasoningMarks | None
    """The marks around the thoughts of whole answers; None if they have none."""
    begun: str = ""
    """What there is already of the answer; `text` ends with it."""


class ConversationWriter:
    """Writes conversations. Tries once what the template takes."""

    def __init__(self, renderer: TemplateRenderer) -> None:
        self._renderer = renderer
        self._trying: asyncio.Task[TemplateTraits] | None = None

    async def write(self, conversation: Conversation) -> Written:
        """The prompt for a conversation.

        Raises:
            EngineError: TEMPLATE_FAILED, TEMPLATE_LIMIT, CONSTRAINT_INVALID or FIELD_INVALID.
        """
        calling = calling_from_wire(conversation)
        begun = _begun(conversation) if conversation.continue_last else ""
        traits = await self._traits()
        try:
            return await self._written(conversation, calling, begun, traits)
        except EngineError as error:
            if error.reason != ErrorReason.TEMPLATE_FAILED or traits == traits.least:
                raise
            try:
                # These messages in this order are more than it was tried with.
                return await self._written(conversation, calling, begun, traits.least)
            except EngineError:
                raise error from None

    async def _traits(self) -> TemplateTraits:
        if self._trying is None or (self._trying.done() and _failed(self._trying)):
            trying = try_template(self._renderer.template, self._renderer.render)
            self._trying = asyncio.create_task(trying)
        # One caller that goes away takes nothing from the others.
        return await asyncio.shield(self._trying)

    async def _written(
        self, conversation: Conversation, calling: Calling, begun: str, traits: TemplateTraits
    ) -> Written:
        functions = frozenset(function.name for function in calling.allowed)
        marks = traits.reasoning
        if begun:
            text = await self._up_to_last(conversation, calling, traits) + begun
            within = marks is not None and begun.rfind(marks.begin) > begun.rfind(marks.end)
            if not traits.call_format.triggers:
                functions = frozenset[str]()  # its calls stand at the beginning, which is past
            shape = AnswerShape(traits.call_format, functions, marks if within else None, within)
            return Written(text, calling, shape, marks, begun)
        variables = template_variables(conversation, calling.told, traits)
        text = await self._renderer.render(variables)
        within = marks is not None and text.rstrip().endswith(marks.begin)
        unwanted = conversation.HasField("reasoning") and not conversation.reasoning
        if marks is not None and within and unwanted:
            # The template has no way not to think.
            text, within = _thought_over(text, marks), False
        shape = AnswerShape(traits.call_format, functions, marks, within)
        over = marks is not None and text.rstrip().endswith(marks.end)
        return Written(text, calling, shape, None if over else marks)

    async def _up_to_last(
        self, conversation: Conversation, calling: Calling, traits: TemplateTraits
    ) -> str:
        """The prompt up to what the last message says: templates trim that, and put marks behind
        it, so another word stands in its place."""
        stand_in = Conversation()
        stand_in.CopyFrom(conversation)
        marks, begun = traits.reasoning, conversation.messages[-1].content
        thinks = marks is not None and begun.lstrip().startswith(marks.begin)
        if traits.assistant_last and not thinks:
            place = stand_in.messages[-1].content = f"Qz{secrets.token_hex(12)}x"
            variables = template_variables(stand_in, calling.told, traits)
            variables["add_generation_prompt"] = False
            before, found, _ = (await self._renderer.render(variables)).rpartition(place)
            if found:
                return _before_answer(before, begun, marks)
        # The template takes no answer that is last, or has a place for thoughts of its own.
        del stand_in.messages[-1]
        variables = template_variables(stand_in, calling.told, traits)
        return _before_answer(await self._renderer.render(variables), begun, marks)


def _before_answer(text: str, begun: str, marks: ReasoningMarks | None) -> str:
    """The prompt in front of an answer that has begun, with each thought in it begun once and ended
    if the answer is behind it."""
    if marks is None or not text.rstrip().endswith(marks.begin):
        return text
    if begun.lstrip().startswith(marks.begin):
        return text.rstrip().removesuffix(marks.begin)
    return text if marks.end in begun else _thought_over(text, marks)


def _thought_over(text: str, marks: ReasoningMarks) -> str:
    """A prompt that begins a thought, with the thought over before it begins."""
    return f"{text.rstrip()}\n\n{marks.end}\n\n"


def _begun(conversation: Conversation) -> str:
    """What there is already of the answer.

    Raises:
        EngineError: FIELD_INVALID if there is nothing that could go on.
    """
    place = f"messages[{len(conversation.messages) - 1}]"
    last = conversation.messages[-1]
    if last.role != Message.ASSISTANT:
        raise _invalid(f"{place}.role", "must be ASSISTANT for its message to go on")
    if last.tool_calls:
        raise _invalid(f"{place}.tool_calls", "must be empty for its message to go on")
    if not last.content:
        raise _invalid(f"{place}.content", "must not be empty for its message to go on")
    return last.content


def _invalid(field: str, message: str) -> EngineError:
    return EngineError(ErrorReason.FIELD_INVALID, message, field=field)


def _failed(task: asyncio.Task[TemplateTraits]) -> bool:
    return task.cancelled() or task.exception() is not None
