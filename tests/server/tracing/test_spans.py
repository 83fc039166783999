"""How a span ends says what came of it, and no more; what carries a trace is held to its form."""

from __future__ import annotations

import asyncio

import pytest
from multidict import CIMultiDict

from funland_gateway import tracing as gateway
from funland_server.errors import DeadlinePassedError, FieldInvalidError, StartError, Violation
from funland_server.tracing.calls import is_fault
from funland_server.tracing.carrying import carried
from funland_server.tracing.spans import error_type

PARENT = f"00-{1:032x}-{2:016x}-01"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (asyncio.CancelledError("secret"), "CANCELLED"),
        (GeneratorExit(), "CANCELLED"),
        (DeadlinePassedError(), "DEADLINE_PASSED"),
        (FieldInvalidError([Violation("a", "secret")]), "FIELD_INVALID"),
        (StartError("secret"), "FAILED_PRECONDITION"),
        (ValueError("secret"), "INTERNAL_ERROR"),
    ],
)
def test_an_error_is_told_by_its_reason(error: BaseException, expected: str) -> None:
    assert error_type(error) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, ()),
        ({"traceparent": PARENT}, (("traceparent", PARENT),)),
        (
            {"traceparent": PARENT, "tracestate": "a=1"},
            (("traceparent", PARENT), ("tracestate", "a=1")),
        ),
        ({"traceparent": PARENT + "-more"}, (("traceparent", PARENT + "-more"),)),
        ({"traceparent": PARENT, "tracestate": "a" * 513}, (("traceparent", PARENT),)),
        ({"traceparent": PARENT, "tracestate": "a=\n"}, (("traceparent", PARENT),)),
        ({"tracestate": "a=1"}, ()),
        ({"traceparent": PARENT.upper().replace("0" * 31 + "1", "A" * 32)}, ()),
        ({"traceparent": "ff" + PARENT[2:]}, ()),
        ({"traceparent": PARENT + "\n"}, ()),
        ({"traceparent": PARENT[:-1]}, ()),
    ],
)
def test_a_trace_is_carried_in_its_form_alone(
    said: dict[str, str], expected: tuple[tuple[str, str], ...]
) -> None:
    assert carried(said) == expected
    assert gateway.carried(CIMultiDict(said)) == expected


@pytest.mark.parametrize(
    ("code", "fault"),
    [("OK", False), ("NOT_FOUND", False), ("CANCELLED", False), ("INTERNAL", True)],
)
def test_a_server_is_at_fault_for_what_is_its_own(code: str, *, fault: bool) -> None:
    assert is_fault(code) is fault


@pytest.mark.parametrize(
    ("status", "failed", "expected"),
    [
        (200, "", ("", False)),
        (101, "", ("", False)),
        (200, "WORKER_LOST", ("WORKER_LOST", True)),
        (200, "CANCELLED", ("CANCELLED", False)),
        (499, "", ("CANCELLED", False)),
        (404, "MODEL_NOT_FOUND", ("MODEL_NOT_FOUND", False)),
        (404, "", ("404", False)),
        (503, "SERVER_STOPPING", ("SERVER_STOPPING", True)),
        (500, "", ("500", True)),
    ],
)
def test_a_request_ends_as_its_status_and_what_came_after_say(
    status: int, failed: str, expected: tuple[str, bool]
) -> None:
    assert gateway.outcome(status, failed) == expected
