"""What a call says in a session, and what is answered."""

from __future__ import annotations

from dataclasses import dataclass

from funland.v1.sessions_pb2 import SessionMessage
from funland_server.chat.adding import Begun
from funland_server.chat.writing import Writing


@dataclass(frozen=True, slots=True)
class Turn:
    """What was said, and its answer."""

    begun: Begun
    writing: Writing | None
    """The answer that is written; None if the call was made before, and has been answered."""

    @property
    def is_new(self) -> bool:
        """Whether the call was not made before."""
        return self.begun.first_event > 0

    @property
    def sent(self) -> SessionMessage | None:
        """What was said, the last of it; None: nothing."""
        return self.begun.messages[-2] if len(self.begun.messages) > 1 else None

    @property
    def answer(self) -> SessionMessage:
        """The answer, as it is now."""
        return self.begun.messages[-1] if self.writing is None else self.writing.answer.message

    @property
    def ids(self) -> frozenset[str]:
        """Those of its messages so far."""
        if self.writing is not None:
            return frozenset(self.writing.message_ids)
        return frozenset(message.message_id for message in self.begun.messages)
