"""What is said at `chat/sessions/{session_id}/stream`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson
from google.protobuf.message import Message

from funland.v1.errors_pb2 import Error
from funland.v1.sessions_pb2 import ConverseRequest, SessionEvent
from funland_gateway.bodies import parse_json
from funland_gateway.dialects.hellovm.chat_frames import failure_frame, frames
from funland_gateway.dialects.hellovm.chat_requests import said_name, send_request
from funland_gateway.dialects.reading import JsonObject, invalid
from funland_gateway.dialects.times import utc
from funland_gateway.failures import CallFailed, renamed
from funland_gateway.talk import text

DESCRIPTION: Final = """\
Messages are JSON texts. Clients may say, at any time:

- `{"type": "message", "message": "...", "metadata": {...}}`: as in `POST .../messages`
- `{"type": "cancel", "message_id": "..."}`: end this answer; without an id the one that is written
- `{"type": "ping"}`

and first of all `{"type": "resume", "after": 17}`, or `?after=17` in the URL: tell what happened
after the event of this number. Without a number only what happens is told, and nothing before the
client says something. Each may have a `reference`, a word that comes back in what answers it.

The server says, told apart by `type`, with the event's `number` and `message_id`:

- `session`: `data` is the session, at the beginning and whenever it changes
- `message`: `data` is a message as `POST .../messages` answers it, `status` how far it is:
  `in_progress` when it begins, `completed`, `incomplete`, `cancelled`, `failed` or `cut_off` when
  it has ended; `error` says why it failed, as the `error` of an HTTP error's body
- `loading` with `stage` and `fraction`, `queued` with `position`, `prefill` with `done` and
  `total`: what an answer waits for
- `delta`: `content` is more of an answer, `thinking` more of what the model thinks before it
- `deleted`: the session was deleted; then `end`, and it closes with 1000
- `heartbeat`, and `pong` after `ping`: `timestamp`
- `error`: as the body of an HTTP error. One with a `reference`, or after a message that can't be
  read, is an answer, and the conversation goes on; another is the last before it closes

What only this client is told has no number. It closes with 1001 when the server stops, 1003 after
what is no text, 1008 when the call was refused, 1009 after a message that is larger than a body may
be, 1011 after a defect, 1013 when it helps to try again later. An answer goes on when its reader
goes, and is there for who comes back with the number of the last event.
"""

_TYPES: Final = ("message", "cancel", "ping", "resume")
_LONGEST_REFERENCE: Final = 128


class ChatTalk:
    """One client's conversation; see `Talk`."""

    def __init__(self, session_id: str, request_id: str) -> None:
        self._session_id = session_id
        self._request_id = request_id
        self._begun = False

    def open(self, after: int | None) -> ConverseRequest:
        """What the conversation begins with: only what happens from now on, or after an event."""
        self._begun = True
        return ConverseRequest(session_id=self._session_id, open=ConverseRequest.Open(after=after))

    def tell(self, event: SessionEvent) -> Iterable[bytes]:
        """See `Talk`."""
        if event.HasField("rejected"):
            return [self._error(renamed(event.rejected, said_name), event.reference)]
        return map(orjson.dumps, frames(event))

    def hear(self, said: str | bytes, now: int) -> Iterable[bytes | Message]:
        """See `Talk`. What can't be done is told, and the conversation goes on."""
        words = text(said).encode()
        body = JsonObject({})
        try:
            body = JsonObject.read(parse_json(words))
            return self._answer(body, now)
        except CallFailed as failed:
            reference = body.raw("reference")
            return [self._error(failed.error, reference if isinstance(reference, str) else "")]

    def beat(self, now: int) -> bytes | None:
        """See `Talk`."""
        return orjson.dumps({"type": "heartbeat", "timestamp": utc(now)})

    def end(self, now: int) -> bytes | None:
        """See `Talk`."""
        return b'{"type":"end"}'

    def fail(self, error: Error, now: int) -> bytes:
        """See `Talk`."""
        return self._error(renamed(error, said_name))

    def _answer(self, body: JsonObject, now: int) -> list[bytes | Message]:
        kind, reference = body.string("type"), body.optional_string("reference")
        if len(reference) > _LONGEST_REFERENCE:
            raise invalid("reference", f"must be at most {_LONGEST_REFERENCE} characters")
        match kind:
            case "message":
                return self._opened(ConverseRequest(reference=reference, send=send_request(body)))
            case "cancel":
                cancel = ConverseRequest.CancelMessage(
                    message_id=body.optional_string("message_id")
                )
                return self._opened(ConverseRequest(reference=reference, cancel=cancel))
            case "ping":
                pong = {"type": "pong", "timestamp": utc(now), **_referred(reference)}
                return [*self._opened(), orjson.dumps(pong)]
            case "resume":
                return [self._resume(body)]
            case _:
                raise invalid("type", f"must be one of {', '.join(_TYPES)}")

    def _resume(self, body: JsonObject) -> ConverseRequest:
        if self._begun:
            raise invalid("type", "resume must come before all else: connect again with `?after=`")
        after = body.integer("after", 64)
        if after is not None and after < 0:
            raise invalid("after", "must be the number of an event")
        return self.open(after)

    def _error(self, error: Error, reference: str = "") -> bytes:
        error.request_id = error.request_id or self._request_id
        return orjson.dumps({**failure_frame(error), **_referred(reference)})

    def _opened(self, *requests: Any) -> list[Any]:
        """The requests, after what begins the conversation."""
        return [*requests] if self._begun else [self.open(None), *requests]


def _referred(reference: str) -> dict[str, str]:
    return {"reference": reference} if reference else {}
