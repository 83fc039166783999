"""A caller may name its call, within limits."""

from __future__ import annotations

import re

import pytest

from funland_server.rpc.request_ids import request_id


@pytest.mark.parametrize("given", ["a", "A-z0.9_", "x" * 64])
def test_a_fit_id_is_kept(given: str) -> None:
    assert request_id([("other", "1"), ("x-request-id", given)]) == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\n", "é", b"bytes"])
def test_any_other_is_made_anew(given: str | bytes) -> None:
    made = request_id([("x-request-id", given)])

    assert re.fullmatch("[0-9a-f]{32}", made)
    assert made != request_id([])
