"""Lists in pages, as OpenAI has them: `after` names the last item of the page before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from funland_gateway.dialects.query import Parameter, choice, text, whole_number
from funland_gateway.dialects.reading import invalid

AFTER: Final = text("after", "The id of the last item of the page before; absent: the first page.")
LIMIT: Final = whole_number("limit", "At most so many items.", 1, 100, 20)
NEWEST_FIRST: Final = choice("order", "By age; `desc` is the newest first.", "desc", "asc")
OLDEST_FIRST: Final = choice("order", "By age; `asc` is the oldest first.", "asc", "desc")


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page of a list is wanted."""

    after: str
    """An item's id; empty: the first page."""
    limit: int
    ascending: bool

    def of(self, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The page of a whole list, the oldest item first; raises `CallFailed`."""
        ordered = items if self.ascending else items[::-1]
        if self.after:
            places = [place for place, item in enumerate(ordered) if item["id"] == self.after]
            if not places:
                raise invalid(AFTER.name, "is no item of this list")
            ordered = ordered[places[0] + 1 :]
        return page(ordered[: self.limit], len(ordered) > self.limit)


def read_paging(query: Mapping[str, str], order: Parameter[str]) -> Paging:
    """Reads the parameters of a list."""
    return Paging(AFTER.of(query), LIMIT.of(query), order.of(query) == "asc")


def page(items: Sequence[dict[str, Any]], has_more: bool) -> dict[str, Any]:
    """A page as OpenAI has it."""
    return {
        "object": "list",
        "data": items,
        "first_id": items[0]["id"] if items else "",
        "last_id": items[-1]["id"] if items else "",
        "has_more": has_more,
    }
