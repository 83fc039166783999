"""Finds what is kept: a response or a chat completion, each under its own routes alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.responses_pb2 import GetResponseRequest, Response
from funland_gateway.dialects.dialect import Reply, Unary
from funland_gateway.dialects.openai.chat_answers import ID_PREFIX
from funland_gateway.dialects.rpcs import GET_RESPONSE
from funland_gateway.failures import failure

CHATS: Final = "chat.completions"
"""The collection of the responses that are chat completions."""

_RESPONSE_PREFIX: Final = "resp_"


@dataclass(frozen=True, slots=True)
class Kept:
    """What a caller asks for by its id."""

    response_id: str
    """The contract's."""
    name: str
    """The caller's."""
    chat: bool

    @property
    def words(self) -> Mapping[int, str]:
        """How its absence is told."""
        kind = "chat completion" if self.chat else "response"
        return {ErrorReason.RESPONSE_NOT_FOUND: f"No {kind} {self.name!r} is kept."}

    def field_name(self, path: str) -> str:
        """What its routes call a field of the contract."""
        return "completion_id" if self.chat and path == "response_id" else path

    def found(self, then: Callable[[Response], Reply | Unary]) -> Unary:
        """Gets it, and goes on if it is of its kind."""

        def answer(response: Response) -> Reply | Unary:
            self.check(response)
            return then(response)

        request = GetResponseRequest(response_id=self.response_id)
        return Unary(GET_RESPONSE, request, answer, self.field_name, words=self.words)

    def check(self, response: Response) -> None:
        """Fails with RESPONSE_NOT_FOUND if it is of the other kind."""
        if (response.collection == CHATS) != self.chat:
            reason = ErrorReason.RESPONSE_NOT_FOUND
            raise failure("NOT_FOUND", reason, self.words[reason], response_id=self.response_id)


def kept_response(response_id: str) -> Kept:
    """The response of an id."""
    return Kept(response_id, response_id, chat=False)


def kept_chat(completion_id: str) -> Kept:
    """The chat completion of an id."""
    return Kept(response_id(completion_id), completion_id, chat=True)


def response_id(completion_id: str) -> str:
    """What the contract calls a chat completion."""
    return _RESPONSE_PREFIX + completion_id.removeprefix(ID_PREFIX)


def bare_id(response_id: str) -> str:
    """What a chat completion is called, without `ID_PREFIX`."""
    return response_id.removeprefix(_RESPONSE_PREFIX)
