"""What callers are told of failures of what runs outside of calls."""

from __future__ import annotations

import uuid

import structlog

from funland_server.errors import FunlandError, InternalError

logger = structlog.get_logger(__name__)


def told_error(error: BaseException, **what: str) -> FunlandError:
    """The failure in the contract's words; the log has more of one that is unforeseen, and `what`
    it was about."""
    if isinstance(error, FunlandError):
        return error
    error_id = uuid.uuid4().hex[:12]
    logger.error("unforeseen_error", error_id=error_id, exc_info=error, **what)
    return InternalError(error_id)
