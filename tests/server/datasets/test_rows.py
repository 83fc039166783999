"""Rows of a version are found wherever they lie in its file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from funland_server.datasets import rows
from funland_server.datasets.rows import page

KEPT = [{"text": "x" * (number * 7 % 40)} for number in range(50)]


@pytest.mark.parametrize("block", [1, 7, 64, 1 << 18])
def test_rows_behind_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(rows, "_BLOCK_BYTES", block)
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in KEPT))

    for skip in (0, 1, 2, 17, 48, 49, 50, 51, 10**18):
        for limit in (1, 3, 100):
            assert page(path, skip, limit) == KEPT[skip : skip + limit], (skip, limit)


def test_an_answer_has_no_more_bytes_than_a_message_holds(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": "x" * (1 << 20)}) + "\n" for _ in range(5)))

    assert len(page(path, 0, 5)) == 2
    assert len(page(path, 4, 5)) == 1
