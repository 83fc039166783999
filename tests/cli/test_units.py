"""Sizes and times are read as people write them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import typer

from funland_cli.units import seconds, size_in_bytes


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("90", 90), ("90s", 90), ("1.5m", 90), ("10 min", 600), ("2h", 7200), ("1d", 86400),
        ("0", 0), ("forever", -1), ("-1", -1),
    ],
)  # fmt: skip
def test_times(text: str, wanted: float) -> None:
    assert seconds(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("512", 512), ("1kB", 1000), ("512MiB", 2**29), ("1.5 GB", 1_500_000_000), ("2tib", 2**41)],
)
def test_sizes(text: str, wanted: int) -> None:
    assert size_in_bytes(text) == wanted


@pytest.mark.parametrize("read", [seconds, size_in_bytes])
@pytest.mark.parametrize("text", ["", "soon", "5 cats", "-5", "1e9", "5 5", "٣"])
def test_what_is_neither_is_wrong_usage(read: Callable[[str], float], text: str) -> None:
    with pytest.raises(typer.BadParameter, match="such as"):
        read(text)
