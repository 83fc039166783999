from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from funland_server.vllm.tokens import read_vocabulary


def write(folder: Path, **files: Any) -> Path:
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def test_tokens_of_letters_that_stand_for_bytes_are_their_bytes(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        tokenizer={
            "added_tokens": [{"id": 3, "content": "<|end|>", "special": True}],
            "decoder": {"type": "ByteLevel"},
            "model": {"type": "BPE", "vocab": {"a": 0, "Ġthe": 1, "Ã": 2}},
        },
        config={"vocab_size": 8, "eos_token_id": [3, 4]},
        tokenizer_config={"eos_token": {"content": "<|end|>"}, "chat_template": "{{ messages }}"},
    )

    read = read_vocabulary(folder)

    assert [read.piece(token) for token in range(5)] == [b"a", b" the", b"\xc3", b"<|end|>", b""]
    assert read.marks == {"<|end|>"}
    assert read.described.vocabulary_size == 8
    assert [*read.described.end_tokens] == [3, 4]
    assert read.described.end_mark == "<|end|>"
    assert read.described.chat_template == "{{ messages }}"


def test_tokens_of_words_and_of_single_bytes_are_theirs(tmp_path: Path) -> None:
    folder = write(
        tmp_path,
        tokenizer={
            "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}]},
            "model": {"type": "Unigram", "vocab": [["<unk>", 0.0], ["▁the", -1.0], ["<0x0A>", -2]]},
            "post_processor": {"special_tokens": {"<s>": {"id": "<s>"}}},
        },
        config={"eos_token_id": 2},
        tokenizer_config={"bos_token": "<s>"},
    )

    read = read_vocabulary(folder)

    assert [read.piece(token) for token in range(3)] == [b"<unk>", b" the", b"\n"]
    assert (read.described.begin_mark, read.described.adds_begin_mark) == ("<s>", True)


def test_a_template_that_is_given_goes_before_the_folders_own(tmp_path: Path) -> None:
    (tmp_path / "chat_template.jinja").write_text("own")

    assert read_vocabulary(tmp_path).described.chat_template == "own"
    assert read_vocabulary(tmp_path, "given").described.chat_template == "given"


def test_of_several_templates_the_default_counts(tmp_path: Path) -> None:
    templates = [{"name": "rag", "template": "r"}, {"name": "default", "template": "d"}]

    folder = write(tmp_path, tokenizer_config={"chat_template": templates})

    assert read_vocabulary(folder).described.chat_template == "d"
