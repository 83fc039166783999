"""Serves RPCs that take a stream and answer with one: each is a WebSocket, its messages JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final, cast

import orjson
from aiohttp import web
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from funland.v1.errors_pb2 import Error
from funland_gateway.bodies import parse_json
from funland_gateway.calls import Calls
from funland_gateway.failures import CallFailed
from funland_gateway.request_ids import request_id
from funland_gateway.routing import Handler
from funland_gateway.sockets import Sockets
from funland_gateway.talk import OVER, Over, text
from funland_gateway.transcoding.decoder import decode
from funland_gateway.transcoding.encoder import encode
from funland_gateway.transcoding.routes import Route

_OPEN: Final = "open"
"""The field of a request that begins a conversation. If there is one, it may be left out."""
_REJECTED: Final = "rejected"
"""The field of an answer that says, with an `Error`, what could not be done. Without one, what
can't be read ends the conversation."""
_END: Final[dict[str, object]] = {"end": {}}
"""What the server ends with, and a client that has nothing more to say."""
_REFERENCE: Final = "reference"
"""The field of a request that comes back in what answers it."""


def conversing(route: Route, calls: Calls, sockets: Sockets) -> Handler:
    """The handler of a route whose RPC goes both ways."""

    async def handle(request: web.Request) -> web.StreamResponse:
        talk = NativeTalk(route, request.match_info, request_id(request))
        first = None
        if request.query_string:
            first = talk.opened(route.request({}, request.match_info, request.query.items()))
        return await sockets.converse(
            request, partial(calls.converse, request, route.rpc), talk, first=first
        )

    return handle


class NativeTalk:
    """One client's conversation with an RPC; see `Talk`."""

    def __init__(self, route: Route, path: Mapping[str, str], call_id: str) -> None:
        self._route = route
        self._path = path
        self._call_id = call_id
        self._begun = False
        """Whether the path's part was said."""
        self._binary = "" if path else _bytes_field(route.rpc.input_type)
        self._rejects = _has(route.rpc.output_type, _REJECTED, Error.DESCRIPTOR)

    def opened(self, first: Message) -> Message:
        """Begins with a message that the client need not say."""
        self._begun = True
        if _opens(first):
            cast("Any", first).open.SetInParent()
        return first

    def tell(self, event: Message) -> Iterable[bytes]:
        """See `Talk`."""
        if self._rejects and event.HasField(_REJECTED):
            error: Error = cast("Any", event).rejected
            error.request_id = error.request_id or self._call_id
        return [orjson.dumps(encode(event, sparse=True))]

    def hear(self, said: str | bytes, now: int) -> Iterable[bytes | Message | Over]:
        """See `Talk`. The first message is joined with the path's variables, or comes after an
        `open` that is. Bytes are the one field of a request that has bytes."""
        if isinstance(said, bytes) and self._binary:
            self._begun = True
            return [GetMessageClass(self._route.rpc.input_type)(**{self._binary: said})]
        words = text(said).encode()
        value: object = None
        try:
            value = parse_json(words)
            return [OVER] if value == _END else self._messages(value)
        except CallFailed as failed:
            if not self._rejects:
                raise
            return self.tell(self._rejection(failed.error, value))

    def beat(self, now: int) -> bytes | None:
        """See `Talk`. The contract has no message for it."""
        return None

    def end(self, now: int) -> bytes | None:
        """See `Talk`."""
        return b'{"end":{}}'

    def fail(self, error: Error, now: int) -> bytes:
        """See `Talk`."""
        return orjson.dumps({"error": encode(error)})

    def _messages(self, value: object) -> list[Message]:
        input_type = self._route.rpc.input_type
        if self._begun:
            return [decode(input_type, value)]
        first = self._route.opening(value, self._path)
        if not _opens(first):
            self._begun = True
            return [first]
        rest = decode(input_type, value)
        return [self.opened(self._route.opening({}, self._path)), rest]

    def _rejection(self, error: Error, value: object) -> Message:
        output_type = self._route.rpc.output_type
        answer: Any = GetMessageClass(output_type)()
        answer.rejected.CopyFrom(error)
        reference = (
            cast("dict[str, object]", value).get(_REFERENCE) if isinstance(value, dict) else None
        )
        if isinstance(reference, str) and _is_text(output_type, _REFERENCE):
            answer.reference = reference
        return answer


def _opens(first: Message) -> bool:
    """Whether a first message lacks the field that begins a conversation."""
    field = first.DESCRIPTOR.fields_by_name.get(_OPEN)
    return field is not None and field.has_presence and not first.HasField(_OPEN)


def _bytes_field(descriptor: Descriptor) -> str:
    """The field of a message that has bytes; empty if there is none, or several."""
    names = [field.name for field in descriptor.fields if field.type == FieldDescriptor.TYPE_BYTES]
    return names[0] if len(names) == 1 else ""


def _has(descriptor: Descriptor, name: str, kind: Descriptor) -> bool:
    field = descriptor.fields_by_name.get(name)
    return field is not None and field.message_type is kind


def _is_text(descriptor: Descriptor, name: str) -> bool:
    field = descriptor.fields_by_name.get(name)
    return field is not None and field.type == FieldDescriptor.TYPE_STRING
