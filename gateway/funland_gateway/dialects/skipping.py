"""Pages that are asked for by how many to skip, of RPCs that name the next page themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from funland_gateway.dialects.dialect import Reply, Unary
from funland_gateway.dialects.query import Parameter, whole_number

_PAGE: Final = 1000
"""The most that the contract's lists give at once."""

SKIP: Final[Parameter[int]] = whole_number("skip", "How many to leave out before.", 0, 10_000, 0)
LIMIT: Final[Parameter[int]] = whole_number("limit", "At most so many.", 1, _PAGE, 100)


def skipped_to(
    rpc: MethodDescriptor,
    request: Message,
    items: str,
    query: Mapping[str, str],
    answer: Callable[[Sequence[Any], int], Reply | Unary],
) -> Unary:
    """Asks page by page until those that are wanted are there.

    `items` is the response's field for them; `answer` takes those, and how many there are in all.
    Raises `CallFailed` for a query whose `skip` or `limit` is none.
    """
    skip, end = SKIP.of(query), SKIP.of(query) + LIMIT.of(query)
    found: list[Any] = []

    def ask(page_token: str) -> Unary:
        message: Any = type(request)()
        message.CopyFrom(request)
        message.page_size = min(_PAGE, end - len(found))
        message.page_token = page_token
        return Unary(rpc, message, take)

    def take(page: Any) -> Reply | Unary:
        found.extend(getattr(page, items))
        if page.next_page_token and len(found) < end:
            return ask(page.next_page_token)
        return answer(found[skip:], page.total_size)

    return ask("")
