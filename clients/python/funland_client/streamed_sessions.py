"""What has come of a session that is spoken in, and what was said there without an answer yet."""

from __future__ import annotations

from collections.abc import Mapping

from funland.v1.inference_pb2 import Message
from funland.v1.sessions_pb2 import ConverseRequest, Session, SessionEvent, SessionMessage
from funland_client.streamed_messages import has_ended
from funland_client.texts import StreamedText


class StreamedSession:
    """What has come of a session. `last_event` is the number of the last event, to go on from."""

    def __init__(self, session_id: str, after: int | None) -> None:
        self.session_id = session_id
        self.session: Session | None = None
        """The session as the server last told it; None before the first event."""
        self.last_event = after
        self._writing: dict[str, StreamedText] = {}
        self._unanswered: dict[str, ConverseRequest] = {}
        self._awaited: set[str] = set()

    @property
    def writing(self) -> Mapping[str, StreamedText]:
        """The answers under way as far as they have come, by the ids of their messages."""
        return self._writing

    @property
    def _idle(self) -> bool:
        """Whether all that was said here has its answer."""
        unanswered = [*self._unanswered.values()]  # others may speak meanwhile
        return not (self._awaited or any(one.HasField("send") for one in unanswered))

    def _opening(self) -> list[ConverseRequest]:
        """What to begin a call with: where to go on, and what the server may not have got."""
        first = ConverseRequest(session_id=self.session_id)
        first.open.SetInParent()
        if self.last_event is not None:
            first.open.after = self.last_event
        return [first, *self._unanswered.values()]

    def _said(self, request: ConverseRequest) -> None:
        """Notes what may be said again if the connection breaks: it has the same effect twice."""
        if request.send.idempotency_key or request.cancel.message_id:
            self._unanswered[request.reference] = request

    def _take(self, event: SessionEvent) -> None:
        kind = event.WhichOneof("event")
        if kind == "session":
            self.session = event.session
            if self.last_event is None:
                self.last_event = event.session.last_event
        elif kind == "message":
            self._told(event.message, event.reference)
        elif kind == "delta":
            self._writing.setdefault(event.message_id, StreamedText()).add(event.delta)
        elif kind == "rejected":
            self._unanswered.pop(event.reference, None)
        if event.number:  # Only this stream is told the others.
            self.last_event = event.number

    def _told(self, message: SessionMessage, reference: str) -> None:
        """Notes how a message is. What follows one that was said here is awaited until its answer
        is whole."""
        name = message.message_id
        said = self._unanswered.pop(reference, None) is not None
        if said or not self._awaited.isdisjoint({name, message.parent_message_id}):
            self._awaited -= {name, message.parent_message_id}
            if message.message.role != Message.ASSISTANT or not has_ended(message):
                self._awaited.add(name)
        if has_ended(message):
            self._writing.pop(name, None)
            for key, request in [*self._unanswered.items()]:
                if request.cancel.message_id == name:
                    self._unanswered.pop(key, None)
        else:
            self._writing[name] = StreamedText.of(message.message)
