"""Puts the calls that a server has made together with what the model said when it asked for them:
no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from funland.v1.inference_pb2 import Message, ToolStep


class Said(Protocol):
    """What a model writes."""

    def begin_anew(self) -> Message:
        """What was said so far; what follows is another message."""
        ...


@dataclass(slots=True)
class Steps:
    """Those of one chat, as they are told."""

    _said: dict[int, Message] = field(default_factory=dict[int, Message])
    """The message of each round, without its calls."""
    _steps: dict[int, dict[str, ToolStep]] = field(default_factory=dict[int, dict[str, ToolStep]])

    def take(self, step: ToolStep, said: Said) -> None:
        """Takes the next step, and with the first of a round what the model said before."""
        if step.round not in self._said:
            self._said[step.round] = said.begin_anew()
        self._steps.setdefault(step.round, {})[step.call.id] = step

    @property
    def steps(self) -> list[ToolStep]:
        """In the order in which the model asked for them, each as it was last told."""
        return [step for steps in self._steps.values() for step in steps.values()]

    @property
    def messages(self) -> list[Message]:
        """What was said and what came of the calls, as a conversation has it."""
        messages: list[Message] = []
        for number, said in self._said.items():
            steps = [
                step
                for step in self._steps[number].values()
                if step.state != ToolStep.CALLING  # of one that was broken off nothing came
            ]
            message = Message()
            message.CopyFrom(said)
            message.tool_calls.extend(step.call for step in steps)
            messages.append(message)
            messages.extend(
                Message(
                    role=Message.TOOL,
                    tool_call_id=step.call.id,
                    name=step.call.name,
                    content=step.text,
                )
                for step in steps
            )
        return messages
