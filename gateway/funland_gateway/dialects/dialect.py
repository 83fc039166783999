"""What a dialect is: a table of routes, and how its failures look."""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from aiohttp import web
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from funland.v1 import errors_pb2, inference_pb2
from funland_gateway.calls import Calls
from funland_gateway.config import GatewaySettings
from funland_gateway.dialects.form_values import Kind
from funland_gateway.dialects.query import Parameter
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.failures import http_status
from funland_gateway.streams import EVENTS, Framing
from funland_gateway.talk import Talk

JsonSchema = Mapping[str, Any]

Blames = Mapping[int, str]
"""The request's field that is to blame, by reasons of errors that name no field themselves."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """An HTTP request as a dialect sees it."""

    body: JsonObject
    """Empty when the route reads none."""
    path: Mapping[str, str]
    """The path's variables, decoded."""
    time: int
    """When it came, in seconds since 1970."""
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    """The query's parameters that the route declares, decoded; the last where one came twice."""
    request_id: str = ""
    """As in the header `x-request-id` of its answer."""
    origin: str = "http://localhost"
    """Where its client finds the gateway, such as `http://localhost:8000`."""
    identified: bool = False
    """Whether it says who sends it; whether that is so, only the server knows."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole HTTP answer."""

    content: bytes
    content_type: str = "application/json"
    status: int = 200


def json_reply(value: object, status: int = 200) -> Reply:
    """An answer in JSON."""
    return Reply(orjson.dumps(value), status=status)


def same_name(field: str) -> str:
    """For requests whose fields are called as in the contract."""
    return field


@dataclass(frozen=True, slots=True)
class Unary:
    """An RPC to call, and what to make of its response: the answer, the next RPC, or a stream."""

    rpc: MethodDescriptor
    message: Message
    answer: Callable[[Any], Step]
    """Takes the response; of an RPC that streams, the list of all its events."""
    field_name: Callable[[str], str] = same_name
    """What the dialect calls a field of the contract, for violations that the server reports."""
    blames: Blames = field(default_factory=dict[int, str])
    words: Mapping[int, str] = field(default_factory=dict[int, str])
    """The messages of errors, by reasons whose own have the contract's names."""
    refused: Callable[[], Step] | None = None
    """What to go on with if the caller may not call it; None: that is the answer."""


@dataclass(frozen=True, slots=True)
class Named:
    """An event with a name of its own, as server-sent events may have."""

    name: str
    data: bytes


def is_finish(event: inference_pb2.GenerationEvent) -> bool:
    """Whether a stream of one text is complete with this event."""
    return event.HasField("finish")


@dataclass(frozen=True, slots=True)
class Streaming:
    """An RPC to call whose events go out as the route's framing has it."""

    rpc: MethodDescriptor
    message: Message
    events: Callable[[Any], Iterable[bytes | Named]]
    """The events, or their data alone, for one event of the RPC. It is one call's own, so it may
    remember."""
    field_name: Callable[[str], str] = same_name
    is_last: Callable[[Any], bool] = is_finish
    """Whether the answer is whole with this event of the RPC."""
    failure: Callable[[errors_pb2.Error], Named] | None = None
    """The event that tells a failure in mid-stream; None: the dialect's own way."""
    blames: Blames = field(default_factory=dict[int, str])
    words: Mapping[int, str] = field(default_factory=dict[int, str])
    """See `Unary`."""


@dataclass(frozen=True, slots=True)
class Sent:
    """An RPC that takes a stream, to call with messages that are all there; otherwise `Unary`."""

    rpc: MethodDescriptor
    messages: tuple[Message, ...]
    answer: Callable[[Any], Step]
    field_name: Callable[[str], str] = same_name
    blames: Blames = field(default_factory=dict[int, str])
    words: Mapping[int, str] = field(default_factory=dict[int, str])
    """See `Unary`."""


def parts_as_they_are(part: HttpBody) -> Iterable[HttpBody]:
    """For RPCs that stream `HttpBody` themselves."""
    return (part,)


@dataclass(frozen=True, slots=True)
class Download:
    """An RPC that streams, whose parts are the answer as they are."""

    rpc: MethodDescriptor
    message: Message
    field_name: Callable[[str], str] = same_name
    blames: Blames = field(default_factory=dict[int, str])
    words: Mapping[int, str] = field(default_factory=dict[int, str])
    """See `Unary`."""
    parts: Callable[[Any], Iterable[HttpBody]] = parts_as_they_are
    """The parts in one event of the RPC: the answer begins with the first, which has its type. It
    is one call's own, so it may remember."""
    is_last: Callable[[Any], bool] | None = None
    """Whether the answer is whole with this event. None: it is when the stream ends."""


@dataclass(frozen=True, slots=True)
class Together:
    """Calls made at once whose events go out as one stream."""

    parts: tuple[Streaming, ...]
    """At least one. Their `events` share what they have to remember."""


Step = Reply | Unary | Sent | Streaming | Together | Download
"""What comes of a response: the answer, or what to call next."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a form with a file says."""

    texts: Mapping[str, str]
    """Its other fields, by their names, as far as they came."""
    file_name: str = ""
    """What the sender calls the file."""
    media_type: str = ""
    """What the sender says that it holds."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An RPC that takes a stream, to call with a form's file."""

    rpc: MethodDescriptor
    tell: Callable[[Form, bool], Message]
    """Makes a message without data of what is said before the file, and of all that is said at the
    end (true): then what is missing fails."""
    file_field: str
    """The form's field that is the file."""
    data_field: str
    """The message's field for its parts."""
    answer: Callable[[Any], Reply]
    field_name: Callable[[str], str] = same_name
    blames: Blames = field(default_factory=dict[int, str])
    words: Mapping[int, str] = field(default_factory=dict[int, str])
    """See `Unary`."""


@dataclass(frozen=True, slots=True)
class RawUpload:
    """An RPC that takes a stream, to call with the body as it is."""

    rpc: MethodDescriptor
    first: Message
    """What is said before the body."""
    data_field: str
    """The message's field for its parts."""
    answer: Callable[[Any], Reply]
    field_name: Callable[[str], str] = same_name
    blames: Blames = field(default_factory=dict[int, str])
    words: Mapping[int, str] = field(default_factory=dict[int, str])
    """See `Unary`."""


@dataclass(frozen=True, slots=True)
class KeptForm:
    """A form whose files are kept until the call that is made of it has been answered."""

    files: Mapping[str, int]
    """The most files that a field may have, by its name; `[]` at the end of it counts for
    nothing."""
    kinds: Mapping[str, Kind]
    """Of the other fields, what is no text."""
    purpose: str
    """What the files are for."""
    call: Callable[[JsonObject, Mapping[str, Sequence[str]]], Step]
    """Takes the other fields, and the ids of the files by their fields."""


@dataclass(frozen=True, slots=True)
class WebSocket:
    """An RPC whose events go out over a WebSocket for as long as there is someone."""

    rpc: MethodDescriptor
    message: Message | None
    """What it is called with. Of an RPC that takes a stream the first message; None: `talk` makes
    it of what the client says."""
    talk: Talk
    largest: int | None = None
    """Bytes that a message of the client's may have; None: as many as a body."""


@dataclass(frozen=True, slots=True)
class Own:
    """A request that is read and answered by code of its own, for a protocol that has more to it
    than a call and its answer. Who calls was looked at before."""

    answer: Callable[[web.Request, Calls, GatewaySettings], Awaitable[web.StreamResponse]]
    """Raises `CallFailed` until it has answered."""


@dataclass(frozen=True, slots=True)
class Route:
    """One line of a dialect's table."""

    method: str
    path: str
    """As documented, variables in braces. One whose name begins with `model` may hold slashes."""
    call: Callable[[Incoming], Step | WebSocket | Upload | RawUpload | KeptForm | Own]
    summary: str
    tag: str
    """The dialect's name."""
    request_schema: JsonSchema | None = None
    """None: no body is read."""
    response_schema: JsonSchema | None = None
    """None: the answer is not JSON."""
    url_encoded: bool = False
    """Whether the body is a form of texts, as HTML and OAuth 2 have it, and not JSON."""
    streams: bool = False
    """Whether the answer can be a stream."""
    framing: Framing = EVENTS
    """How a stream is written."""
    query: tuple[Parameter[Any], ...] = ()
    """The parameters that are read; others are ignored."""
    upgrades: bool = False
    """Whether it is a WebSocket."""
    description: str = ""
    """What the summary does not tell."""
    form: bool = False
    """Whether the body is a form with a file in it, and not JSON."""
    binary: bool = False
    """Whether the answer is bytes as they are."""
    open: bool = False
    """Whether it answers who does not say who they are; else who calls is looked at first."""


NAME: Final = "[^/]+(?:/[^/]+)*"
"""What stands for a variable whose name begins with `model`: slashes inside, and single."""

STEP: Final = "[^/]+"
"""What stands for any other: what follows an id and a slash is another route."""


def path_pattern(path: str) -> str:
    """A route's path for aiohttp's router, where a plain variable is a `STEP`."""
    return re.sub(r"\{(model\w*)\}", rf"{{\1:{NAME}}}", path)


@dataclass(frozen=True, slots=True)
class Envelope:
    """How failures look, as JSON values."""

    failure: Callable[[errors_pb2.Error], object]
    """The body of an HTTP error."""
    stream_failure: Callable[[errors_pb2.Error], object]
    """The data of the event that ends a stream."""
    status: Callable[[errors_pb2.Error], int] = http_status
    """The HTTP status."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """A JSON shape that the gateway speaks beside its native one."""

    name: str
    prefixes: tuple[str, ...]
    """Paths below these are the dialect's, known or not, so that their errors have its shape."""
    routes: tuple[Route, ...]
    envelope: Envelope
    own_routes: tuple[Route, ...] = ()
    """What it has beside them on a port of its own, since elsewhere others are there."""

    @property
    def documented_routes(self) -> tuple[Route, ...]:
        """The routes for /openapi.json."""
        return self.routes

    def error_response(self, error: errors_pb2.Error) -> web.Response:
        """The HTTP error of a call that failed before its answer began."""
        headers: dict[str, str] = {}
        if error.HasField("retry_delay"):
            headers["Retry-After"] = str(math.ceil(error.retry_delay.ToTimedelta().total_seconds()))
        return web.Response(
            body=orjson.dumps(self.envelope.failure(error)),
            status=self.envelope.status(error),
            content_type="application/json",
            headers=headers,
        )
