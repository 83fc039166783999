"""Which messages of a branch the model is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from funland.v1.inference_pb2 import Message
from funland.v1.sessions_pb2 import SessionMessage

_WHOLE: Final = (SessionMessage.COMPLETED, SessionMessage.INCOMPLETE)


@dataclass(frozen=True, slots=True)
class Told:
    """What the model is told, without the system message."""

    messages: tuple[Message, ...]
    ids: tuple[str, ...]
    """Those of the messages, in their order."""
    left_out: tuple[str, ...] = ()
    """The messages before them that an earlier answer of the branch had no room for."""

    def dropped(self, count: int) -> tuple[str, ...]:
        """All that is left out when so many more of the oldest messages are."""
        return self.left_out + self.ids[:count]


def told(branch: Sequence[SessionMessage], *, begins_as: str = "") -> Told:
    """What the model is told of a branch, its oldest message first.

    An answer that says nothing is left out; one that broke off is told as far as it got, without
    calls that nobody answered.

    Args:
        branch: All messages before the answer.
        begins_as: The id of a model. What its last answer on the branch left out stays out, so that
            the prompt begins as that of the last turn did, and the cache has it.
    """
    left_out = _left_out(branch, begins_as) if begins_as else ()
    left = set(left_out)
    pairs = [(one, message) for one, message in _said(branch) if one not in left]
    return Told(tuple(message for _, message in pairs), tuple(one for one, _ in pairs), left_out)


def _left_out(branch: Sequence[SessionMessage], model: str) -> tuple[str, ...]:
    last = next((one for one in reversed(branch) if one.state in _WHOLE and one.model), None)
    return tuple(last.dropped_message_ids) if last is not None and last.model == model else ()


def _said(branch: Sequence[SessionMessage]) -> Iterator[tuple[str, Message]]:
    for place, one in enumerate(branch):
        message = one.message
        if message.role == Message.ASSISTANT:
            follows = branch[place + 1].message.role if place + 1 < len(branch) else None
            if one.state != SessionMessage.COMPLETED and follows != Message.TOOL:
                message = _without_calls(message)
            if not message.content and not message.tool_calls:
                continue
        yield one.message_id, message


def _without_calls(message: Message) -> Message:
    rest = Message()
    rest.CopyFrom(message)
    rest.ClearField("tool_calls")
    return rest
