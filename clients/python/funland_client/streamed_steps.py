"""The calls that a server makes for an answer, as they are told."""

from __future__ import annotations

from collections.abc import Sequence

from funland.v1.inference_pb2 import Message, ToolStep
from funland_client.texts import StreamedText


class StreamedSteps:
    """Those of one answer, with what the model said when it asked for them."""

    def __init__(self) -> None:
        self._said: dict[int, Message] = {}
        self._steps: dict[str, ToolStep] = {}

    def take(self, step: ToolStep, text: StreamedText | None = None) -> None:
        """Takes the next; with the first of a message of the model, what it said is taken out of
        its text."""
        if text is not None and step.round not in self._said:
            self._said[step.round] = text.begin_anew()
        self._steps[step.call.id] = step

    @property
    def steps(self) -> Sequence[ToolStep]:
        """Each as it was last told, in the order in which the model asked for them."""
        return list(self._steps.values())

    @property
    def messages(self) -> Sequence[Message]:
        """The messages that asked for calls, and the results, as a conversation has them."""
        made: list[Message] = []
        for number, said in self._said.items():
            ended = [
                step
                for step in self._steps.values()
                if step.round == number and step.state != ToolStep.CALLING
            ]
            asked = Message()
            asked.CopyFrom(said)
            asked.tool_calls.extend(step.call for step in ended)
            made.append(asked)
            made += [
                Message(
                    role=Message.TOOL,
                    tool_call_id=step.call.id,
                    name=step.call.name,
                    content=step.text,
                )
                for step in ended
            ]
        return made
