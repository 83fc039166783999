"""Which names of a hub's list may become files, and which never."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funland_server.downloads.files.names import collision, complaint, is_never_fetched

GOOD = [
    "model.gguf",
    "Q4_K_M/model-00001-of-00002.gguf",
    "a b+c#d&e=f,g(h)[i]{j}'k.json",
    "50%.json",
    "модель/模型.safetensors",
    ".gitattributes",
    "console.json",
    "a..b",
]
BAD = [
    "",
    "/etc/passwd",
    "//etc/passwd",
    "../model.gguf",
    "a/../../model.gguf",
    "a/./b",
    "a//b",
    "a/",
    "..",
    "..\\model.gguf",
    "a\\b",
    "C:model.gguf",
    "C:/model.gguf",
    "model.gguf:stream",
    "model\0.gguf",
    "model\n.gguf",
    "model\x7f.gguf",
    "model\u202egguf.exe",
    "\ud800.gguf",
    "%2e%2e/model.gguf",
    "%2E%2E%2Fmodel.gguf",
    "..%5cmodel.gguf",
    "a%00b",
    "%252e%252e/model.gguf",
    "con",
    "CON.gguf",
    "a/nul.txt/b",
    "com1.json",
    "lpt9",
    " model.gguf",
    "model.gguf ",
    "model.gguf.",
    "a./b",
    "a*b",
    "a?b",
    "x" * 256,
    "/".join(["x" * 200] * 6),
]


@pytest.mark.parametrize("path", GOOD)
def test_names_that_hubs_have(path: str) -> None:
    assert complaint(path) is None


@pytest.mark.parametrize("path", BAD, ids=lambda path: ascii(path[:40]))
def test_names_that_lead_elsewhere_or_are_none_on_some_system(path: str) -> None:
    assert complaint(path) is not None


@given(st.text(max_size=60), st.sampled_from(["../", "/", "a/../", "..\\", "\0"]))
def test_nothing_that_begins_elsewhere_ever_passes(text: str, lead: str) -> None:
    assert complaint(lead + text) is not None


NEVER = ["a.py", "a.PY", "a.pt", "a.pth", "a.pkl", "a.ckpt", "a.bin", "b/model.bin", "a.so",
         "a.ipynb", "pytorch_model-00001-of-00002.bin"]  # fmt: skip


@pytest.mark.parametrize("path", NEVER)
def test_pickles_and_programs_are_never_fetched(path: str) -> None:
    assert is_never_fetched(path, NEVER)


def test_voices_of_kokoro_are_no_pickles_beside_a_network() -> None:
    assert not is_never_fetched("voices/af_heart.bin", {"voices/af_heart.bin", "onnx/model.onnx"})
    assert is_never_fetched("voices/af_heart.bin", {"voices/af_heart.bin", "model.safetensors"})
    assert is_never_fetched("voices/heart.bin", {"voices/heart.bin", "onnx/model.onnx"})


@pytest.mark.parametrize(
    ("path", "beside"),
    [
        ("openvino_model.bin", "openvino_model.xml"),
        ("ov/openvino_tokenizer.bin", "ov/openvino_tokenizer.xml"),
        ("model.bin", "vocabulary.json"),
        ("ct2/model.bin", "ct2/shared_vocabulary.txt"),
    ],
)
def test_weights_of_openvino_and_ctranslate2_are_no_pickles(path: str, beside: str) -> None:
    assert not is_never_fetched(path, {path, beside})
    assert is_never_fetched(path, {path, "elsewhere/" + beside})


@pytest.mark.parametrize(
    "path", ["model.gguf", "a.safetensors", "config.json", "a.jinja", "LICENSE"]
)
def test_weights_and_texts_are_fetched(path: str) -> None:
    assert not is_never_fetched(path, [path])


@pytest.mark.parametrize(
    ("paths", "bad"),
    [
        (["a", "b/a", "b/c"], None),
        (["a", "a"], "a"),
        (["model.gguf", "Model.GGUF"], "Model.GGUF"),
        (["a", "a/b"], "a/b"),
        (["a/b", "A"], "A"),
    ],
)
def test_files_that_take_each_other_s_place(paths: list[str], bad: str | None) -> None:
    assert collision(paths) == bad
