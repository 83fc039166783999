"""How batches are told to be."""

from __future__ import annotations

import pytest

from funland.v1.batches_pb2 import Batch
from funland.v1.system_pb2 import PartHealth
from funland_server.batches.judging import judge

KNOWN = ("/funland/v1/generate", "/v1/responses")


@pytest.mark.parametrize(
    ("endpoints", "settles", "state", "word"),
    [
        ([], True, PartHealth.HEALTHY, ""),
        (["/v1/responses"], True, PartHealth.HEALTHY, ""),
        (["/v1/other", "/v1/responses"], True, PartHealth.DEGRADED, "/v1/other"),
        (["/v1/b", "/v1/a", "/v1/b"], True, PartHealth.DEGRADED, "for /v1/a, /v1/b, which"),
        ([], False, PartHealth.FAILED, "Start the server anew."),
    ],
)
def test_batches_are_unwell_where_nobody_ends_or_answers_them(
    endpoints: list[str], state: PartHealth.State.ValueType, word: str, *, settles: bool
) -> None:
    health = judge([Batch(endpoint=each) for each in endpoints], settles=settles, endpoints=KNOWN)

    assert health.state == state
    assert word in health.message
