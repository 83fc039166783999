"""What has come of an answer, and what it took once it is complete."""

from __future__ import annotations

from collections.abc import Sequence

from funland.v1.inference_pb2 import (
    Finish,
    GenerationEvent,
    Loading,
    Message,
    Prefill,
    TokenLogprob,
    ToolCall,
    ToolStep,
)
from funland_client.parsing import Read, read
from funland_client.progress import Progress
from funland_client.streamed_steps import StreamedSteps
from funland_client.texts import StreamedText


class StreamedAnswer(Progress[GenerationEvent]):
    """What has come of an answer. `id` and `model` are empty until the model takes the request.

    Of several (`n`), `texts` has all; the iteration and the other properties are of the first.
    `queue_position` is how many calls must begin before it can, itself included; 0: it has begun.
    `loading` is how far the load is that it waits for, None if it waits for none; `prefill` is how
    far its prompt is computed, None until that is told. The argument `progress` asks for both.
    `prompt_logprobs` are the tokens of the prompt, if that argument was given.

    With `mcp_servers`, the text begins anew when the server makes calls: what was said before is in
    `step_messages`.
    """

    def __init__(self, n: int = 1) -> None:
        self.id = ""
        self.model = ""
        self.queue_position = 0
        self.loading: Loading | None = None
        self.prefill: Prefill | None = None
        self.prompt_logprobs: list[TokenLogprob] = []
        self._steps = StreamedSteps()
        self._texts = [StreamedText() for _ in range(n)]

    @property
    def texts(self) -> Sequence[StreamedText]:
        """All `n` texts."""
        return self._texts

    @property
    def text(self) -> str:
        """The text so far."""
        return self._texts[0].text

    @property
    def reasoning(self) -> str:
        """What was thought before the answer, so far."""
        return self._texts[0].reasoning

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The calls that the model asks for, so far."""
        return self._texts[0].tool_calls

    @property
    def logprobs(self) -> list[TokenLogprob]:
        """The tokens so far, if `top_logprobs` was given."""
        return self._texts[0].logprobs

    @property
    def message(self) -> Message:
        """What has come, to be appended to the conversation."""
        return self._texts[0].message

    @property
    def steps(self) -> Sequence[ToolStep]:
        """The calls that the server has made so far, each as it was last told."""
        return self._steps.steps

    @property
    def step_messages(self) -> Sequence[Message]:
        """What was said before `message`: append it to the conversation first."""
        return self._steps.messages

    @property
    def begun(self) -> bool:
        """Whether the server has taken the request."""
        return bool(self.id)

    @property
    def complete(self) -> bool:
        """Whether the answer has come to its end; of several, all."""
        return all(text.finish for text in self._texts)

    @property
    def finish(self) -> Finish:
        """Why the answer ended and what it took. Raises RuntimeError while it is not complete."""
        finish = self._texts[0].finish
        if finish is None:
            raise RuntimeError("The answer is not complete: read the stream to its end first.")
        return finish

    def parse(self, kind: type[Read]) -> Read:
        """Reads the complete answer as a pydantic model, as `parsing.parse`."""
        return read(self.text, self.finish.reason, kind)

    def _take(self, event: GenerationEvent) -> str:
        match event.WhichOneof("event"):
            case "loading":
                self.loading = event.loading
            case "start":
                self.loading = None
                self.id, self.model = event.start.id, event.start.model
            case "queued":
                self.queue_position = event.queued.position
            case "prefill":
                self.queue_position, self.prefill = 0, event.prefill
            case "prompt_logprobs":
                self.prompt_logprobs = list(event.prompt_logprobs.tokens)
            case "tool_step":
                self._steps.take(event.tool_step, self._texts[event.choice])
            case "delta":
                self.queue_position = 0
                self._texts[event.choice].add(event.delta)
                return event.delta.text if event.choice == 0 else ""
            case "finish":
                self._texts[event.choice].finish = event.finish
            case _:  # Kinds may be added.
                pass
        return ""
