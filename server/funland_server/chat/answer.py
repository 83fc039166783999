"""An answer while it is written: what is known of it, and what comes of the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from funland.v1.errors_pb2 import Error
from funland.v1.inference_pb2 import Finish, GenerationEvent, ToolStep
from funland.v1.sessions_pb2 import SessionEvent, SessionMessage
from funland_server.chat.store import Written
from funland_server.chat.telling import Told
from funland_server.inference.texts import Text

_OF_END: Final = ("finish_reason", "usage", "timings", "dropped_message_ids", "error")


class Answer:
    """The model's message, from its place in the session to its end."""

    def __init__(self, message: SessionMessage, told: Told) -> None:
        self._message = message
        self.told = told
        """What the model is to answer."""
        self._text = Text()
        self._steps: dict[str, ToolStep] = {}
        """The calls that the server makes for it, as they were asked for."""
        self._event = 0
        self.gives_back = True
        """See `Written`."""
        self.shown = False
        """Whether its end is saved, or can't be, so that others may see it."""

    @classmethod
    def after(cls, asked: Answer, message: SessionMessage, rest: Text) -> Answer:
        """The next answer, behind one whose calls the server made."""
        message.model = asked._message.model
        message.device_ids[:] = asked._message.device_ids
        answer = cls(message, asked.told)
        answer._text = rest
        return answer

    @property
    def has_results(self) -> bool:
        """Whether all calls that the server makes for it are made."""
        return bool(self._steps) and all(
            step.state != ToolStep.CALLING for step in self._steps.values()
        )

    @property
    def message_id(self) -> str:
        """The message's id."""
        return self._message.message_id

    @property
    def session_id(self) -> str:
        """The id of its session."""
        return self._message.session_id

    @property
    def message(self) -> SessionMessage:
        """It as others may see it now: a copy."""
        message = self._whole
        if not self.shown:
            message.state = SessionMessage.IN_PROGRESS
            for field in _OF_END:
                message.ClearField(field)
        return message

    @property
    def written(self) -> Written:
        """What is to be saved of it."""
        return Written(self._whole, self._event, self.gives_back)

    def take(self, event: GenerationEvent, examples: Callable[[str], int]) -> SessionEvent | None:
        """Takes the model's next event, and gives what is told of it.

        Args:
            event: It.
            examples: How many messages a model's publisher puts before what it is told.
        """
        match event.WhichOneof("event"):
            case "start":
                self._message.model = event.start.model
                self._message.device_ids[:] = event.start.device_ids
            case "loading":
                return self._telling(loading=event.loading)
            case "queued":
                return self._telling(queued=event.queued)
            case "prefill":
                return self._telling(prefill=event.prefill)
            case "delta":
                self._text.add(event.delta)
                return self._telling(delta=event.delta)
            case "tool_step":
                self._steps[event.tool_step.call.id] = event.tool_step
                return self._telling(tool_step=event.tool_step)
            case "finish":
                self._finish(event.finish, examples(self._message.model))
            case _:
                pass
        return None

    def ask(self) -> tuple[list[ToolStep], Text]:
        """It is whole, as the server has made its calls: these, with what came of them. What it
        has of other calls is of the next answer."""
        self._message.state = SessionMessage.COMPLETED
        self._message.finish_reason = Finish.TOOL_CALLS
        rest = Text(calls=self._text.calls)
        self._text.calls = {}
        return list(self._steps.values()), rest

    def complete(self) -> None:
        """It is whole, or as whole as the context lets it be."""
        cut = self._message.finish_reason == Finish.LENGTH
        self._message.state = SessionMessage.INCOMPLETE if cut else SessionMessage.COMPLETED

    def break_off(self, state: SessionMessage.State.ValueType) -> None:
        """It is CANCELLED or CUT_OFF."""
        self._message.state = state

    def fail(self, error: Error) -> None:
        """It is FAILED."""
        self._message.state = SessionMessage.FAILED
        self._message.error.CopyFrom(error)

    def tell_end(self, number: int) -> SessionEvent:
        """The event that tells its end, which will have this number."""
        self._event = number
        return SessionEvent(message_id=self.message_id, message=self._whole)

    @property
    def _whole(self) -> SessionMessage:
        message = SessionMessage()
        message.CopyFrom(self._message)
        message.message.CopyFrom(self._text.message)
        for step in self._steps.values():
            message.message.tool_calls.append(step.call)
            kept = message.steps.add()
            kept.CopyFrom(step)
            kept.ClearField("text")
        return message

    def _telling(self, **what: object) -> SessionEvent:
        return SessionEvent(message_id=self.message_id, **what)  # type: ignore[arg-type]  # one of its fields

    def _finish(self, finish: Finish, examples: int) -> None:
        message = self._message
        message.finish_reason = finish.reason
        message.usage.CopyFrom(finish.usage)
        message.timings.CopyFrom(finish.timings)
        dropped = self.told.dropped(max(0, finish.usage.dropped_messages - examples))
        message.dropped_message_ids[:] = dropped
        message.usage.dropped_messages = len(dropped)
