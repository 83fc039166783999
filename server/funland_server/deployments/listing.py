"""Lists deployments, page by page."""

from __future__ import annotations

from funland.v1.deployments_pb2 import ListDeploymentsRequest, ListDeploymentsResponse
from funland_server.deployments.roster import Roster
from funland_server.errors import FieldInvalidError, Violation

_PAGE_SIZE = 100
_DIGITS = 19
"""Of a 64-bit number."""


def page(roster: Roster, request: ListDeploymentsRequest) -> ListDeploymentsResponse:
    """The newest first; raises FieldInvalidError for a token that is none."""
    before = _arrival(request.page_token)
    found = [
        deployed
        for deployed in reversed([*roster])
        if not request.states or deployed.kept.state in request.states
    ]
    rest = [deployed for deployed in found if before is None or deployed.arrival < before]
    size = request.page_size or _PAGE_SIZE
    return ListDeploymentsResponse(
        deployments=[roster.present(deployed) for deployed in rest[:size]],
        next_page_token=str(rest[size - 1].arrival) if len(rest) > size else "",
        total_size=len(found),
    )


def _arrival(token: str) -> int | None:
    if not token:
        return None
    if not (token.isascii() and token.isdecimal() and len(token) <= _DIGITS):
        raise FieldInvalidError(
            [Violation("page_token", "it must be the next_page_token of a page before")]
        )
    return int(token)
