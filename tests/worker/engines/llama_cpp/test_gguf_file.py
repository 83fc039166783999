"""How a file's weights come into memory."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from funland_worker.engines.llama_cpp import gguf_file
from funland_worker.engines.llama_cpp.model import LlamaModel

MAPS = Path("/proc/self/maps")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is mapped")
@pytest.mark.parametrize(
    ("pages", "mapped"),
    [("always [madvise] never", False), ("always madvise [never]", True), (None, True)],
)
def test_weights_are_read_where_large_pages_hold_them_and_mapped_elsewhere(
    pages: str | None,
    mapped: bool,
    model_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    setting = tmp_path / "enabled"
    if pages is not None:
        setting.write_text(pages)
    monkeypatch.setattr(gguf_file, "_LARGE_PAGES", setting)
    path = Path(shutil.copy(model_path, tmp_path / "model.gguf"))  # mapped by no other test

    model = LlamaModel(path)

    assert model.can_generate
    assert (str(path) in MAPS.read_text()) == mapped


def test_a_load_tells_how_much_of_the_weights_is_read(model_path: Path) -> None:
    read: list[float] = []

    LlamaModel(model_path, read=read.append)

    assert read == sorted(read)
    assert len(set(read)) > 10  # a model has many tensors
    assert (read[0], read[-1]) == (0, 1)
