"""What a tool is: an RPC, and which of its fields an agent sees."""

from __future__ import annotations

import base64
import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import orjson
from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.message import Message

from funland.v1.errors_pb2 import Error
from funland_gateway.failures import invalid_field, reason_name, renamed
from funland_gateway.mcp.fields import (
    Field,
    argument_name,
    contract_value,
    object_schema,
    told_values,
)
from funland_gateway.transcoding.decoder import decode
from funland_gateway.transcoding.encoder import encode
from funland_gateway.transcoding.schemas import Schemas

Content = dict[str, Any]
"""One part of what a tool gives: `text`, `image` or `audio`, as the protocol has them."""

_LONGEST_NAME: Final = 64


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a call is."""

    message: str
    done: float | None = None
    """None: that can't be counted."""
    total: float | None = None
    """Of how much, in the unit of `done`."""


class Gathering(Protocol):
    """Makes one response of the events of an RPC that streams. It is one call's own."""

    def see(self, event: Any) -> Progress | None:
        """Takes an event; gives what it tells of how far the call is. Raises `CallFailed`."""
        ...

    def response(self) -> Message:
        """The whole, after the last event. Raises `CallFailed` if it is none."""
        ...


@dataclass(frozen=True, slots=True)
class Hints:
    """What a tool does to the world, for those who ask their users first."""

    reads_only: bool = False
    destroys: bool = False
    repeats_safely: bool = False
    """Whether a second call with the same arguments changes nothing more."""
    leaves_the_machine: bool = False

    def told(self) -> dict[str, bool]:
        """As the protocol has it."""
        return {
            "readOnlyHint": self.reads_only,
            "destructiveHint": self.destroys,
            "idempotentHint": self.repeats_safely or self.reads_only,
            "openWorldHint": self.leaves_the_machine,
        }


LOOKS: Final = Hints(reads_only=True)
"""Of tools that only tell, or have a model work."""


@dataclass(frozen=True, slots=True)
class Tool:
    """One line of the table."""

    name: str
    title: str
    description: str
    rpc: MethodDescriptor
    takes: tuple[Field, ...]
    """Fields of the RPC's request."""
    gives: tuple[Field, ...]
    """Fields of the RPC's response, or of what `gathers` makes of its events."""
    hints: Hints
    fixed: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Values of the request's fields, by their paths, where no argument says otherwise."""
    gathers: Callable[[Message], Gathering] | None = None
    """Of an RPC that streams; takes the request."""
    gathered: Descriptor | None = None
    """What that makes; None: the RPC's own response."""
    content: Callable[[Any, Mapping[str, Any]], list[Content]] | None = None
    """What is shown of a response, of which it gets the fields that are told too. None: these."""

    def schemas(self, schemas: Schemas) -> dict[str, Any]:
        """What `tools/list` tells of it."""
        output = self.rpc.output_type if self.gathered is None else self.gathered
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": object_schema(schemas, self.rpc.input_type, self.takes, asked=True),
            "outputSchema": object_schema(schemas, output, self.gives, asked=False),
            "annotations": {"title": self.title, **self.hints.told()},
        }

    def request(self, arguments: Mapping[str, Any]) -> Message:
        """The RPC's request. Raises `CallFailed` with the fields' names in the contract."""
        known = [one.told_name for one in self.takes]
        for name in arguments:
            if name not in known:
                raise invalid_field(name[:_LONGEST_NAME], self._unknown(name, known))
        for one in self.takes:
            if one.must and arguments.get(one.told_name) is None:
                raise invalid_field(one.path, "is required")
        value = contract_value(arguments, self.takes, self.fixed)
        return decode(self.rpc.input_type, value)

    def result(self, response: Message) -> tuple[dict[str, Any], list[Content]]:
        """What is told of a response, as JSON and for the eyes of a model."""
        told = told_values(encode(response), self.gives)
        if self.content is None:
            return told, [text_content(orjson.dumps(told).decode())]
        return told, self.content(response, told)

    def failure(self, error: Error) -> list[Content]:
        """What is told of a failure: the reason, and words that name arguments as the tool does."""
        told = renamed(error, lambda path: argument_name(path, self.takes))
        return failed_content(told)

    def _unknown(self, name: str, known: Sequence[str]) -> str:
        close = difflib.get_close_matches(name[:_LONGEST_NAME], known, n=1)
        hint = f"perhaps {close[0]} is meant" if close else f"there are {', '.join(known)}"
        return f"is no argument of {self.name}; {hint if known else 'it takes none'}"


def failed_content(error: Error) -> list[Content]:
    """A failure in words."""
    return [text_content(f"{reason_name(error)}: {error.message}")]


def text_content(text: str) -> Content:
    """A text."""
    return {"type": "text", "text": text}


def image_content(data: bytes, media_type: str) -> Content:
    """A picture."""
    return {"type": "image", "data": base64.b64encode(data).decode(), "mimeType": media_type}


def audio_content(data: bytes, media_type: str) -> Content:
    """A sound."""
    return {"type": "audio", "data": base64.b64encode(data).decode(), "mimeType": media_type}
