"""What has come of an answer in a session, and the whole of it once it is complete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from funland.v1.inference_pb2 import Loading, Message, Prefill, ToolCall, ToolStep
from funland.v1.sessions_pb2 import SessionEvent, SessionMessage
from funland_client.parsing import Read, read
from funland_client.progress import Progress
from funland_client.streamed_steps import StreamedSteps
from funland_client.texts import StreamedText

_GOES_ON: Final = frozenset({SessionMessage.STATE_UNSPECIFIED, SessionMessage.IN_PROGRESS})


def has_ended(message: SessionMessage) -> bool:
    """Whether no more of a message comes, for whatever reason: neither of itself, nor as another
    answer behind calls that the server made."""
    goes_on_behind = message.state == SessionMessage.COMPLETED and len(message.steps) > 0
    return message.state not in _GOES_ON and not goes_on_behind


class StreamedMessage(Progress[SessionEvent]):
    """What has come of an answer in a session.

    `sent` is what was said, as it is kept; None until that is told, and where an answer is written
    again. `loading` and `prefill` are how far the model's load and the computing of the prompt are,
    None unless they are waited for. `event_number` is the last event's, for `watch`.
    """

    def __init__(self) -> None:
        self.sent: SessionMessage | None = None
        self.queue_position = 0
        self.loading: Loading | None = None
        self.prefill: Prefill | None = None
        self.event_number = 0
        self._steps = StreamedSteps()
        self._streamed = StreamedText()
        self._answer: SessionMessage | None = None

    @property
    def texts(self) -> Sequence[StreamedText]:
        """The one text, as answers that may have several have it."""
        return [self._streamed]

    @property
    def text(self) -> str:
        """The text so far."""
        return self._streamed.text

    @property
    def reasoning(self) -> str:
        """What was thought before the answer, so far."""
        return self._streamed.reasoning

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The calls that the model asks for, so far."""
        return self._streamed.tool_calls

    @property
    def steps(self) -> Sequence[ToolStep]:
        """The calls that the server has made so far, each as it was last told."""
        return self._steps.steps

    @property
    def begun(self) -> bool:
        """Whether the server has taken the request."""
        return self.sent is not None or self.answering

    @property
    def answering(self) -> bool:
        """Whether the server has told of the answer."""
        return self._answer is not None

    @property
    def complete(self) -> bool:
        """Whether the answer has come to its end."""
        return self._answer is not None and has_ended(self._answer)

    @property
    def answer(self) -> SessionMessage:
        """The answer as the server last told it. Raises RuntimeError before it told any."""
        if self._answer is None:
            raise RuntimeError("The answer has not begun: read the stream first.")
        return self._answer

    def parse(self, kind: type[Read]) -> Read:
        """Reads the complete answer as a pydantic model, as `parsing.parse`."""
        if not self.complete:
            raise RuntimeError("The answer is not complete: read the stream to its end first.")
        return read(self.text, self.answer.finish_reason, kind)

    def _take(self, event: SessionEvent) -> str:
        self.event_number = max(event.number, self.event_number)
        match event.WhichOneof("event"):
            case "message" if event.message.message.role == Message.TOOL and self.answering:
                pass  # what came of a call that the server made
            case "message" if event.message.message.role != Message.ASSISTANT:
                self.sent = event.message
            case "tool_step":
                self._steps.take(event.tool_step)
            case "message":
                return self._told(event.message)
            case "loading":
                self.loading = event.loading
            case "queued":
                self.loading, self.queue_position = None, event.queued.position
            case "prefill":
                self.loading, self.queue_position, self.prefill = None, 0, event.prefill
            case "delta":
                self.loading, self.queue_position = None, 0
                self._streamed.add(event.delta)
                return event.delta.text
            case _:  # Kinds may be added.
                pass
        return ""

    def _told(self, answer: SessionMessage) -> str:
        """Notes the answer as it is now, in place of its pieces; gives what they had not."""
        before, self._answer = self.text, answer
        self._streamed = StreamedText.of(answer.message)
        return self.text.removeprefix(before) if self.text.startswith(before) else ""
