"""Keeps out of the log what gRPC's library says of calls that ended while they were answered."""

from __future__ import annotations

import logging

import grpc.aio

_LOGGER = "grpc._cython.cygrpc"


class _EndedCalls(logging.Filter):
    """Passes over what could not be sent because its call was over.

    Where a deadline passes just as an answer is sent, grpc.aio 1.85 logs an error with a traceback
    in one call of a thousand: sending fails before it has taken note that the caller is gone.
    The pipeline tells of each call how it ended, so the record says nothing more.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is written."""
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, grpc.aio.InternalError)


_FILTER = _EndedCalls()


def leave_out_ended_calls() -> None:
    """From here on; again is no error."""
    logging.getLogger(_LOGGER).addFilter(_FILTER)
