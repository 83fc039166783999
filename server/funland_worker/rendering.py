"""From a conversation to the prompt that its template makes, shortened if that is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Message
from funland.worker.v1 import worker_pb2
from funland_worker.chat.stream import AnswerShape
from funland_worker.engines.media import MediaReader, ReadMedia
from funland_worker.engines.protocol import Engine, EngineError
from funland_worker.showing import Shown, shown
from funland_worker.templates.dropping import cuts, to_leave_out, without_oldest
from funland_worker.templates.renderer import TemplateRenderer
from funland_worker.templates.writing import ConversationWriter, Written


@dataclass(frozen=True, slots=True)
class Rendering:
    """A conversation as its template writes it."""

    written: Written
    tokens: list[int]
    """With stand-ins for what is shown."""
    text: str
    """The prompt, to read."""
    media: tuple[ReadMedia, ...] = ()
    """The pictures and sounds in it."""
    dropped: int = 0
    """How many messages were left out."""

    @property
    def shape(self) -> AnswerShape:
        """How the answer is to be read."""
        return self.written.shape


class ConversationRenderer:
    """Renders the conversations of one model."""

    def __init__(
        self,
        engine: Engine,
        renderer: TemplateRenderer | None,
        *,
        begin_mark: str,
        media: MediaReader | None = None,
    ) -> None:
        """`begin_mark` is what `add_special` would put in front, empty if nothing; `media` shows
        the model what it can see and hear."""
        self._engine = engine
        self._media = media
        self._writer = ConversationWriter(renderer) if renderer is not None else None
        self._begin_mark = begin_mark

    async def render(self, conversation: worker_pb2.Conversation, room: int = 1) -> Rendering:
        """The prompt for a conversation. If it may be shortened, it leaves `room` for so many
        tokens, or at least for one.

        Raises:
            EngineError: MODEL_CANNOT_CHAT, TEMPLATE_FAILED, TEMPLATE_LIMIT, CONSTRAINT_INVALID,
                FIELD_INVALID, or as `shown`.
        """
        if self._writer is None:
            raise EngineError(
                ErrorReason.MODEL_CANNOT_CHAT,
                "The model has no chat template that works; use `Generate`, or a model made for"
                " chat.",
            )
        told = await shown(conversation, self._media)
        conversation = told.conversation
        places = cuts(conversation.messages) if conversation.drop_oldest else []
        whole = await self._whole(self._writer, told, may_be_cut=bool(places))
        if whole is not None and (not places or self._has_room(whole, room)):
            return whole
        best = await self._shortened(self._writer, told, places[-1])
        if not self._has_room(best, room):
            room = 1
        most = self._most(best, whole, room)
        # The shortest that is known to be short enough is the last of those that are left.
        while len(places) > 1:
            middle = (len(places) - 1) // 2
            rendering = await self._at_most(most, self._writer, told, places[middle])
            if rendering is not None:
                best, places = rendering, places[: middle + 1]
            else:
                places = places[middle + 1 :]
        return best

    async def of(self, submit: worker_pb2.Submit) -> Rendering | None:
        """The rendering of what is submitted as a conversation, or can be made one; None if it is
        to be continued as it is. Raises as `render`."""
        context = self._engine.context_length
        # A longer answer may well end sooner.
        asked = submit.sampling.max_tokens
        room = asked if 0 < asked <= context // 2 else 1
        if submit.WhichOneof("input") == "conversation":
            return await self.render(submit.conversation, room)
        if submit.WhichOneof("input") != "message" or self._writer is None:
            return None
        message = Message(role=Message.USER, content=submit.message)
        try:
            return await self.render(worker_pb2.Conversation(messages=[message]))
        except EngineError as error:
            if error.reason == ErrorReason.TEMPLATE_FAILED:
                return None  # it is none that works
            raise

    async def _whole(
        self,
        writer: ConversationWriter,
        told: Shown,
        *,
        may_be_cut: bool,
    ) -> Rendering | None:
        """All of it; None if it is too long even for the template, and may be cut."""
        try:
            return await self._render(writer, told, told.conversation)
        except EngineError as error:
            if may_be_cut and error.reason == ErrorReason.TEMPLATE_LIMIT:
                return None
            raise

    def _most(self, shortest: Rendering, whole: Rendering | None, room: int) -> int:
        """How many tokens are left of a conversation that is cut."""
        context = self._engine.context_length
        if whole is not None:
            count = len(whole.tokens)
            most = count - to_leave_out(count, room, context)
            if len(shortest.tokens) <= most:  # else the last turn alone is larger than that
                return most
        return context - room

    async def _at_most(
        self,
        most: int,
        writer: ConversationWriter,
        told: Shown,
        count: int,
    ) -> Rendering | None:
        """It without so many of the oldest messages; None if it has more than `most` tokens."""
        try:
            rendering = await self._shortened(writer, told, count)
        except EngineError as error:
            if error.reason == ErrorReason.TEMPLATE_LIMIT:
                return None
            raise
        return rendering if len(rendering.tokens) <= most else None

    async def _shortened(self, writer: ConversationWriter, told: Shown, count: int) -> Rendering:
        shorter = worker_pb2.Conversation()
        shorter.CopyFrom(told.conversation)
        del shorter.messages[:]
        shorter.messages.extend(without_oldest(told.conversation.messages, count))
        return await self._render(writer, told, shorter, count)

    async def _render(
        self,
        writer: ConversationWriter,
        told: Shown,
        conversation: worker_pb2.Conversation,
        dropped: int = 0,
    ) -> Rendering:
        written = await writer.write(conversation)
        told.check(conversation.messages, written.text)
        # Many templates write the begin mark themselves; two of them spoil the answer.
        twice = bool(self._begin_mark) and written.text.startswith(self._begin_mark)
        tokens, media = await told.tokens(
            written.text, self._engine.vocabulary, add_special=not twice
        )
        return Rendering(written, tokens, told.readable(written.text), media, dropped)

    def _has_room(self, rendering: Rendering, room: int) -> bool:
        return len(rendering.tokens) + room <= self._engine.context_length
