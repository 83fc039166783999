"""A deadline that passes just as its call is answered is no error of the server."""

from __future__ import annotations

import logging

import grpc.aio
import pytest

from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.rpc.grpc_server import GrpcServer
from funland_server.rpc.pipeline import Pipeline

LIBRARY = logging.getLogger("grpc._cython.cygrpc")


@pytest.mark.parametrize(
    ("error", "written"),
    [(grpc.aio.InternalError("the call is over"), 0), (ValueError("a defect"), 1)],
)
async def test_what_the_library_says_of_ended_calls_is_left_out_and_defects_are_not(
    error: Exception, written: int, caplog: pytest.LogCaptureFixture
) -> None:
    GrpcServer(Pipeline(Metrics()), Live(60.0))

    LIBRARY.error("raised by servicer method", exc_info=error)

    assert len(caplog.records) == written
