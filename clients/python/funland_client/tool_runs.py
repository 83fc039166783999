"""A conversation in which the model's calls of functions are answered until it answers itself."""

from __future__ import annotations

from dataclasses import dataclass

from funland.v1.inference_pb2 import ChatResponse, Message, ToolCall
from funland_client.arguments import ChatArguments
from funland_client.errors import ToolRoundsError
from funland_client.messages import Conversation, messages


@dataclass(frozen=True, slots=True)
class ToolRun:
    """The model's answer, and the whole conversation: to go on, append to `messages`."""

    response: ChatResponse
    messages: list[Message]


class Rounds:
    """The rounds of a run: what to send next, and whether it is over."""

    def __init__(
        self, conversation: Conversation, arguments: ChatArguments, max_rounds: int
    ) -> None:
        self.messages = messages(conversation)
        self.arguments = arguments.copy()
        self._left = max_rounds

    def take(self, response: ChatResponse) -> list[ToolCall]:
        """Notes an answer; gives the calls to make, none if it is the last one.

        Raises ToolRoundsError if the model would have to be asked too often.
        """
        self.messages += [*response.step_messages, response.message]
        calls = list(response.message.tool_calls)
        self._left -= 1
        if calls and self._left <= 0:
            raise ToolRoundsError("The model calls functions again and again.", self.messages)
        # A model that had to call in each round would never answer.
        if self.arguments.get("tool_choice") != "none":
            self.arguments.pop("tool_choice", None)
        return calls
