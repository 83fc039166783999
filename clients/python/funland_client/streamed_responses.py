"""What has come of a response, and the whole of it once it is complete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from funland.v1.inference_pb2 import Loading, Prefill, ToolStep
from funland.v1.responses_pb2 import Response, ResponseEvent
from funland_client.parsing import Read, parse
from funland_client.progress import Progress
from funland_client.streamed_steps import StreamedSteps
from funland_client.texts import StreamedText

_ENDED: Final = frozenset(
    {Response.COMPLETED, Response.INCOMPLETE, Response.FAILED, Response.CANCELLED}
)


class StreamedResponse(Progress[ResponseEvent]):
    """What has come of a response. `loading` and `prefill` are as those of `StreamedAnswer`."""

    def __init__(self) -> None:
        self.queue_position = 0
        self.loading: Loading | None = None
        self.prefill: Prefill | None = None
        self.event_number = 0
        """The number of the last event of a response in the background, for `watch`."""
        self._steps = StreamedSteps()
        self._streamed = StreamedText()
        self._response: Response | None = None

    @property
    def text(self) -> str:
        """The text so far."""
        return self._streamed.text

    @property
    def reasoning(self) -> str:
        """What was thought before the answer, so far."""
        return self._streamed.reasoning

    @property
    def steps(self) -> Sequence[ToolStep]:
        """The calls that the server has made so far, each as it was last told."""
        return self._steps.steps

    @property
    def begun(self) -> bool:
        """Whether the server has taken the request."""
        return self._response is not None

    @property
    def complete(self) -> bool:
        """Whether the response has come to its end."""
        return self._response is not None and self._response.state in _ENDED

    @property
    def response(self) -> Response:
        """The response as the server last told it. Raises RuntimeError before it told any."""
        if self._response is None:
            raise RuntimeError("The response has not begun: read the stream first.")
        return self._response

    def parse(self, kind: type[Read]) -> Read:
        """Reads the complete answer as a pydantic model, as `parsing.parse`."""
        if not self.complete:
            raise RuntimeError("The response is not complete: read the stream to its end first.")
        return parse(self.response, kind)

    def _take(self, event: ResponseEvent) -> str:
        self.event_number = event.number
        match event.WhichOneof("event"):
            case "loading":
                self.loading = event.loading
            case "created":
                self.loading, self._response = None, event.created
            case "queued":
                self.loading = None
                self.queue_position = event.queued.position
            case "prefill":
                self.loading, self.queue_position, self.prefill = None, 0, event.prefill
            case "tool_step":
                self._steps.take(event.tool_step, self._streamed)
            case "delta":
                self.loading, self.queue_position = None, 0
                self._streamed.add(event.delta)
                return event.delta.text
            case "completed":
                self._response = event.completed
            case _:  # Kinds may be added.
                pass
        return ""
