"""An error always fits into what gRPC has for it."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote

import pytest

from funland_server.errors import Violation
from funland_server.rpc.shortening import Said, fitting
from funland_server.rpc.status import to_status
from funland_server.storage.errors import StorageUnavailableError

SOFT_LIMIT = 8192
"""Of all headers: beyond it gRPC refuses now and then, and from twice as much on always."""

LONG = {
    "long": Said("x" * 100_000, {}),
    "chinese": Said("错" * 9_000, {}),
    "escaped": Said("a\n\0%" * 5_000, {"model": "m"}),
    "path": Said("of a path", {"path": "p" * 9_000}),
    "details": Said("of many", {f"k{number}": "错" * 4_096 for number in range(50)}),
    "violations": Said("wrong", {}, (Violation("错" * 999, "错" * 999),) * 100),
}


@pytest.mark.parametrize("said", LONG.values(), ids=LONG.keys())
def test_what_is_too_long_is_cut(said: Said) -> None:
    error = StorageUnavailableError(said.message)
    error.metadata, error.violations = dict(said.metadata), said.violations

    status = to_status(error, "r" * 32)

    headers = len(quote(status.message)) + len(b64encode(status.SerializeToString()))
    assert headers < SOFT_LIMIT - 500
    assert said.message.startswith(status.message.removesuffix("..."))
    assert len(status.message) >= min(300, len(said.message)) - len("...")


def test_what_fits_is_as_it_was() -> None:
    said = Said("m" * 2_000, {"path": "p" * 500}, (Violation("f" * 200, "d" * 300),))

    assert fitting(said) is said
