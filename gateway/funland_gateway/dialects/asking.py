"""Asks several RPCs, for an answer that is made of all their responses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from funland_gateway.dialects.dialect import Reply, Unary


def asked_in_turn(
    asks: Sequence[MethodDescriptor | tuple[MethodDescriptor, Message]],
    answer: Callable[..., Reply | Unary],
) -> Unary:
    """Asks one after the other, then hands all responses to `answer`, in their order.

    An RPC that stands alone is asked with an empty request. The first that fails is the failure of
    all.
    """
    calls = [_call(ask) for ask in asks]
    responses: list[Any] = []

    def ask(index: int) -> Unary:
        rpc, message = calls[index]

        def take(response: Any) -> Reply | Unary:
            responses.append(response)
            return ask(index + 1) if index + 1 < len(calls) else answer(*responses)

        return Unary(rpc, message, take)

    return ask(0)


def _call(
    ask: MethodDescriptor | tuple[MethodDescriptor, Message],
) -> tuple[MethodDescriptor, Message]:
    return ask if isinstance(ask, tuple) else (ask, GetMessageClass(ask.input_type)())
