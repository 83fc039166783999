"""What a model's files say of its tokens: how each is written, and which end a text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import orjson

from funland.v1.inference_pb2 import Tokenizer

_BYTE: Final = re.compile(r"<0x([0-9A-Fa-f]{2})>")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A model's tokens."""

    pieces: Mapping[int, bytes]
    """The bytes of each, by its id."""
    marks: frozenset[str]
    """What control tokens are written as."""
    described: Tokenizer
    """For who makes prompts; without the model's id."""

    def piece(self, token: int) -> bytes:
        """A token's bytes; none for one that the files don't have."""
        return self.pieces.get(token, b"")


def read_vocabulary(folder: Path, chat_template: str = "") -> Vocabulary:
    """Reads `tokenizer.json` and what lies beside it, which were checked when the model was
    installed. Blocks. `chat_template` goes before the folder's own."""
    content = _read(folder / "tokenizer.json")
    config, generation = _read(folder / "config.json"), _read(folder / "generation_config.json")
    about = _read(folder / "tokenizer_config.json")
    added: list[dict[str, Any]] = content.get("added_tokens") or []
    written = _written(content.get("model") or {})
    read = _reader(content)
    pieces = {token: read(text) for text, token in written.items()}
    pieces |= {one["id"]: one["content"].encode() for one in added}
    by_text = {**written, **{one["content"]: one["id"] for one in added}}
    ends = _ids(generation.get("eos_token_id")) | _ids(config.get("eos_token_id"))
    begin, end = _mark(about.get("bos_token")), _mark(about.get("eos_token"))
    if end in by_text:
        ends.add(by_text[end])
    return Vocabulary(
        pieces=pieces,
        marks=frozenset(one["content"] for one in added),
        described=Tokenizer(
            vocabulary_size=max(int(config.get("vocab_size") or 0), len(pieces)),
            begin_mark=begin,
            adds_begin_mark=bool(begin) and _adds(content, begin),
            end_mark=end,
            end_tokens=sorted(ends),
            chat_template=chat_template or _template(folder, about),
        ),
    )


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return cast("Mapping[str, Any]", content) if isinstance(content, dict) else {}


def _written(model: Mapping[str, Any]) -> dict[str, int]:
    """The ids of tokens by how the file writes them; Unigram's are a list."""
    vocabulary: dict[str, int] | list[tuple[str, float]] = model.get("vocab") or {}
    if isinstance(vocabulary, dict):
        return vocabulary
    return {text: token for token, (text, _) in enumerate(vocabulary)}


def _reader(content: Mapping[str, Any]) -> Callable[[str], bytes]:
    """What makes bytes of how a token is written."""
    decoder: dict[str, Any] = content.get("decoder") or {}
    parts: list[dict[str, Any]] = [decoder, *(decoder.get("decoders") or ())]
    if any(part.get("type") == "ByteLevel" for part in parts):
        return _of_letters
    return _plain


def _of_letters(text: str) -> bytes:
    return bytes(_LETTERS[letter] for letter in text if letter in _LETTERS)


def _plain(text: str) -> bytes:
    if match := _BYTE.fullmatch(text):
        return bytes.fromhex(match[1])
    return text.replace("▁", " ").encode()


def _letters() -> dict[str, int]:
    """GPT-2's alphabet: bytes that can be seen stand for themselves, the others for letters from
    256 on. https://github.com/openai/gpt-2/blob/master/src/encoder.py"""
    seen = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    unseen = [byte for byte in range(256) if byte not in seen]
    return {chr(byte): byte for byte in seen} | {
        chr(256 + place): byte for place, byte in enumerate(unseen)
    }


_LETTERS: Final = _letters()


def _ids(value: object) -> set[int]:
    given = cast("list[object]", value) if isinstance(value, list) else [value]
    return {one for one in given if type(one) is int}


def _mark(value: object) -> str:
    """A mark is a text, or an object that has it."""
    if isinstance(value, dict):
        value = cast("dict[str, object]", value).get("content")
    return value if isinstance(value, str) else ""


def _adds(content: Mapping[str, Any], begin: str) -> bool:
    """Whether texts get the mark in front: the file says so by naming it there."""
    processor = content.get("post_processor")
    return processor is not None and begin in orjson.dumps(processor).decode()


def _template(folder: Path, about: Mapping[str, Any]) -> str:
    path = folder / "chat_template.jinja"
    if path.is_file():
        return path.read_text("utf-8", "replace")
    own = about.get("chat_template")
    if isinstance(own, list):  # several by name, of which one is called so
        named = {one.get("name"): one.get("template") for one in cast("list[dict[str, str]]", own)}
        own = named.get("default")
    return own if isinstance(own, str) else ""
