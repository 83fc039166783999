"""A conversation that only this terminal remembers, and how the next turn is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from funland.v1.inference_pb2 import Finish, Message, MessagePart, Timings, Usage
from funland_cli.answers import write
from funland_cli.output import Output
from funland_cli.told_failures import failure_of
from funland_cli.turns import Turn, hold
from funland_client import (
    ChatArguments,
    ChatMessage,
    Format,
    Funland,
    FunlandError,
    Said,
    TextStream,
)


class Conversation:
    """The turns of a conversation, and how the next one is answered."""

    def __init__(
        self,
        client: Funland,
        output: Output,
        *,
        model: str,
        system: str,
        wanted: Format | None,
        arguments: ChatArguments,
        shows: Sequence[MessagePart] = (),
    ) -> None:
        """`shows` are the pictures and sounds of the first message."""
        self._shows = shows
        self._client = client
        self._output = output
        self._model = model
        self._format: Format | None = wanted
        self._arguments = arguments
        self._beginning = [ChatMessage(role="system", content=system)] if system else []
        self._turns: list[ChatMessage | Message] = [*self._beginning]

    def answer_once(self, message: str) -> None:
        """Answers one message and nothing else on standard output."""
        self._turns.append(self._said(message))
        with self._stream() as stream:
            write(stream, self._output)

    def hold(self) -> None:
        """Answers what is typed until the end is."""
        hold(self._output, f"{self._name()} listens.", self._answer, self._commands())

    def _commands(self) -> Mapping[str, Turn]:
        return {"/reset": Turn("forget the conversation", self._forget)}

    def _forget(self, _: str) -> None:
        self._turns = [*self._beginning]
        self._output.line("The conversation is forgotten.", "dim")

    def _answer(self, message: str) -> None:
        """Answers a turn; one that failed is forgotten, one that was stopped is kept as it is."""
        shows = self._shows
        self._turns.append(self._said(message))
        told: list[Message] = []
        try:
            with self._stream() as stream:
                try:
                    write(stream, self._output)
                finally:
                    said = Message(role=Message.ASSISTANT, content=stream.text)
                    told = [*stream.step_messages, said]
            finish = stream.finish
            self._output.line(pace(finish.usage, finish.timings, finish.reason), "dim")
        except KeyboardInterrupt:
            self._output.line()
            self._output.line("Stopped.", "dim")
        except FunlandError as error:
            self._output.line()
            self._output.failure(failure_of(error))
            self._turns.pop()
            self._shows = shows
            return
        self._turns += told

    def _said(self, message: str) -> ChatMessage:
        said = ChatMessage(role="user", content=with_shown(message, self._shows))
        self._shows = ()
        return said

    def _stream(self) -> TextStream:
        return self._client.stream_chat(
            self._turns, self._model, format=self._format, **self._arguments
        )

    def _name(self) -> str:
        """The model's id. Fails as the first answer would, but before anything is typed."""
        if self._model:
            return self._client.models.get(self._model).model_id
        return next(
            (model.model_id for model in self._client.models.list() if model.default), "The model"
        )


def with_shown(message: str, shows: Sequence[MessagePart]) -> Said:
    """A message behind what it shows."""
    return [*shows, message] if shows else message


def pace(usage: Usage, timings: Timings, reason: Finish.Reason.ValueType) -> str:
    """Tells how long an answer is and how fast it came; the first token is not decode time."""
    told = [f"{usage.completion_tokens} tokens"]
    if timings.decode_ms > 0:
        told.append(f"{(usage.completion_tokens - 1) * 1000 / timings.decode_ms:.1f} tokens/s")
    told.append(f"first after {timings.queue_ms + timings.prompt_ms:.0f} ms")
    if reason == Finish.LENGTH:
        told.append("cut off")
    return " · ".join(told)
