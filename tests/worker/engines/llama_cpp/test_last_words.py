"""A file that llama.cpp does not load is refused with its reason."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.llama_cpp import library
from funland_worker.engines.llama_cpp.gguf_file import GgufFile
from funland_worker.engines.llama_cpp.last_words import hint, why
from funland_worker.engines.protocol import EngineError

PATH = "/home/ada/my models/m.gguf"
END = "llama_model_load_from_file_impl: failed to load model"


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["llama_model_load: error loading model: unknown model architecture: 'x'", END],
         "unknown model architecture: 'x'"),
        (["llama_model_load: error loading model: check_tensor_dims: tensor 'a' has wrong shape;"
          " expected    263,   4096, got    256", END],
         "tensor 'a' has wrong shape; expected 263, 4096, got 256"),
        (["llama_model_load: error loading model: error loading model vocabulary: unknown"
          " tokenizer: 'x'", END], "unknown tokenizer: 'x'"),
        (["gguf_init_from_reader: invalid magic characters: 'noth', expected 'GGUF'",
          f"llama_model_load: error loading model: llama_model_loader: failed to load model from"
          f" {PATH}", END], "invalid magic characters: 'noth', expected 'GGUF'"),
        ([f"gguf_init_from_file: failed to open GGUF file '{PATH}' (No such file)", END],
         "failed to open GGUF file 'the file' (No such file)"),
        (["llama_model_load: error loading model: can't open '/srv/other/b.gguf'", END],
         "can't open 'the file'"),
        (["something earlier", "the reason.", END], "the reason"),
        (["ratio 3/4 is odd"], "ratio 3/4 is odd"),
        ([END], None),
        (["", "   "], None),
        ([], None),
    ],
)  # fmt: skip
def test_the_last_line_that_gives_a_reason_is_told(lines: list[str], reason: str | None) -> None:
    assert why(lines, PATH) == reason


@pytest.mark.parametrize(
    ("told", "room", "named"),
    [
        ("mmap failed: Cannot allocate memory", 5e7, True),
        ("unable to allocate Vulkan0 buffer", 5e7, True),
        ("unable to allocate Vulkan0 buffer", math.inf, False),
        ("unknown model architecture: 'x'", 5e7, False),
        (None, 5e7, False),
    ],
)
def test_a_limit_that_is_too_low_is_named(told: str | None, room: float, named: bool) -> None:
    assert ("raise memory_limit_bytes or leave it out" in hint(told, room)) == named


def test_a_reason_is_whole_where_no_file_is_meant() -> None:
    assert why(["llama_init_from_model: not enough room"]) == "not enough room"


def test_a_reason_is_not_long() -> None:
    assert len(why(["x" * 10_000], PATH) or "") == 300


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"llama", b"xyzab", "unknown model architecture: 'xyzab'"),
        (b"blk.1.attn_q.weight", b"blk.1.attn_x.weight", "tensor 'blk.1.attn_q.weight' not found"),
        (b"gpt2", b"gptz", "unknown tokenizer: 'gptz'"),
        (b"GGUF", b"FUGG", "invalid magic characters: 'FUGG', expected 'GGUF'"),
    ],
)
def test_what_is_wrong_with_a_file_is_in_its_error(
    model_path: Path, tmp_path: Path, old: bytes, new: bytes, reason: str
) -> None:
    library.start()
    path = tmp_path / "broken.gguf"
    path.write_bytes(model_path.read_bytes().replace(old, new))

    with pytest.raises(EngineError) as raised:
        GgufFile(path, weights=True)

    assert raised.value.reason == ErrorReason.MODEL_LOAD_FAILED
    assert str(raised.value) == f"llama.cpp could not load the model: {reason}."
