"""The vocabulary of a `tokenizer.json`, the form in which hubs have tokenizers."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import orjson

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError, InfillMarks

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_END_MARKS = frozenset(
    ("<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "</s>")
)
"""Marks that end a turn or a text in the chat formats that there are; a folder need not name all of
its own."""


_INFILL = (
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
    ("<fim-prefix>", "<fim-suffix>", "<fim-middle>"),
    ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),  # noqa: RUF001 - as DeepSeek's are
    ("▁<PRE>", "▁<SUF>", "▁<MID>"),
)
"""How models write the marks of a text with a gap; no folder says which tokens are these."""


class JsonVocabulary:
    """See `funland_worker.engines.vocabulary.Vocabulary`."""

    def __init__(self, path: Path, size: int, ends: Collection[int]) -> None:
        """`size` is the network's, which may have more rows than there are tokens; `ends` are the
        tokens that the folder says to end a text.

        Raises:
            EngineError: MODEL_LOAD_FAILED.
        """
        try:
            from tokenizers import Tokenizer  # noqa: PLC0415 - only folders of models need it

            data = path.read_bytes()
            self._reads_marks: Any = Tokenizer.from_buffer(data)
            # A setting of the whole tokenizer, so there are two of them.
            self._passes_over_marks: Any = Tokenizer.from_buffer(data)
            self._passes_over_marks.encode_special_tokens = True
            content: dict[str, Any] = orjson.loads(data)
        except Exception as error:  # the package raises bare exceptions
            raise EngineError(
                ErrorReason.MODEL_LOAD_FAILED, "The model's tokenizer.json can't be read."
            ) from error
        for tokenizer in (self._reads_marks, self._passes_over_marks):
            tokenizer.no_padding()
            tokenizer.no_truncation()
        self.size = max(size, self._reads_marks.get_vocab_size(with_added_tokens=True))
        added: list[dict[str, Any]] = content.get("added_tokens") or []
        self._written: dict[int, str] = {token["id"]: token["content"] for token in added}
        self._control: frozenset[int] = frozenset(
            token["id"] for token in added if token.get("special")
        )
        marks = {token for token in self._control if self._written[token] in _END_MARKS}
        self.end_tokens = frozenset(ends) | marks
        self.infill = next(filter(None, map(self._marks, _INFILL)), None)
        self._of_bytes = _writes_bytes_as_letters(content)

    def token(self, text: str) -> int | None:
        """The token that is written so, if there is one."""
        return self._reads_marks.token_to_id(text)

    def _marks(self, names: tuple[str, str, str]) -> InfillMarks | None:
        prefix, suffix, middle = map(self.token, names)
        if prefix is None or suffix is None or middle is None:
            return None
        return InfillMarks(prefix, suffix, middle)

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """See `Vocabulary`."""
        tokenizer = self._reads_marks if parse_special else self._passes_over_marks
        return tokenizer.encode(text, add_special_tokens=add_special).ids

    def piece(self, token: int) -> bytes:
        """See `Vocabulary`."""
        if token in self._written:
            return self._written[token].encode()
        written: str | None = self._reads_marks.id_to_token(token)
        if written is None:  # a row of the network that no token has
            return b""
        if self._of_bytes:
            return bytes(letter_bytes[letter] for letter in written if letter in letter_bytes)
        if match := _BYTE.fullmatch(written):
            return bytes.fromhex(match[1])
        return written.replace("▁", " ").encode()

    def is_control(self, token: int) -> bool:
        """See `Vocabulary`."""
        return token in self._control

    def is_end(self, token: int) -> bool:
        """See `Vocabulary`."""
        return token in self.end_tokens


def _writes_bytes_as_letters(content: dict[str, Any]) -> bool:
    """Whether each letter of a token stands for a byte, as GPT-2 has it."""
    decoder: dict[str, Any] = content.get("decoder") or {}
    parts: list[dict[str, Any]] = [decoder, *decoder.get("decoders", ())]
    return any(part.get("type") == "ByteLevel" for part in parts)


def _letter_bytes() -> dict[str, int]:
    """GPT-2's alphabet: bytes that can be seen stand for themselves, the others for letters from
    256 on. https://github.com/openai/gpt-2/blob/master/src/encoder.py"""
    seen = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    unseen = [byte for byte in range(256) if byte not in seen]
    letters = {chr(byte): byte for byte in seen}
    return letters | {chr(256 + place): byte for place, byte in enumerate(unseen)}


letter_bytes = _letter_bytes()
"""The bytes that GPT-2's letters stand for."""
