"""The tokens of a Whisper model, from the files of its folder."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, cast

import orjson

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.model_folder import TOKENIZER
from funland_worker.engines.protocol import EngineError
from funland_worker.engines.tokenizer_json import JsonVocabulary, letter_bytes

SECONDS_A_STEP: Final = 0.02
"""From one timestamp to the next."""
_LANGUAGE: Final = re.compile(r"<\|([a-z]{2,3})\|>")
_NO_SPEECH: Final = ("<|nospeech|>", "<|nocaptions|>")


class WhisperTokens:
    """What tokens mean. Texts are written by bytes, so that a character may be parted."""

    def __init__(self, folder: Path) -> None:
        """Reads `vocabulary.json` or `vocabulary.txt`, and `tokenizer.json` if it is there: that is
        enough.

        Raises:
            EngineError: MODEL_LOAD_FAILED.
        """
        names = _names(folder)
        self._ids = {name: number for number, name in enumerate(names)}
        self._names = names
        self.end = self._id("<|endoftext|>")
        self.start = self._id("<|startoftranscript|>")
        self.previous = self._id("<|startofprev|>")
        self.transcribe = self._id("<|transcribe|>")
        self.translate = self._id("<|translate|>")
        self.no_timestamps = self._id("<|notimestamps|>")
        self.first_time = self.no_timestamps + 1
        self.no_speech = next((self._ids[name] for name in _NO_SPEECH if name in self._ids), None)
        """None: the model has none."""
        self.languages = {
            match[1]: number
            for number in range(self.start + 1, min(self.translate, self.transcribe))
            if (match := _LANGUAGE.fullmatch(names[number]))
        }
        """The numbers of those that have one, by code."""
        self._pieces = [_bytes(name) for name in names[: self.end]]
        tokenizer = folder / TOKENIZER
        self._tokenizer = JsonVocabulary(tokenizer, 0, ()) if tokenizer.exists() else None
        self._by_piece = {piece: number for number, piece in enumerate(self._pieces) if piece}
        self._longest = max(map(len, self._by_piece))

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._names)

    def text(self, tokens: Sequence[int]) -> str:
        """What they write; marks and times write nothing."""
        return self.bytes(tokens).decode(errors="replace")

    def bytes(self, tokens: Sequence[int]) -> bytes:
        """As `text`, in UTF-8 that may begin or end amid a character."""
        return b"".join(self._pieces[token] for token in tokens if 0 <= token < self.end)

    def encode(self, text: str) -> list[int]:
        """The tokens of a text, in which no marks are read."""
        if self._tokenizer is not None:
            found = self._tokenizer.tokenize(text, add_special=False, parse_special=False)
            return [token for token in found if token < self.end]
        return self._greedy(text.encode())

    def is_time(self, token: int) -> bool:
        """Whether it is a timestamp."""
        return token >= self.first_time

    def seconds(self, token: int) -> float:
        """What a timestamp says, from where its window begins."""
        return (token - self.first_time) * SECONDS_A_STEP

    def _greedy(self, data: bytes) -> list[int]:
        """The longest token each time: not as the model's own tokenizer parts texts, but of the
        same bytes."""
        tokens: list[int] = []
        place = 0
        while place < len(data):
            for length in range(min(self._longest, len(data) - place), 0, -1):
                if (token := self._by_piece.get(data[place : place + length])) is not None:
                    tokens.append(token)
                    place += length
                    break
            else:
                place += 1
        return tokens

    def _id(self, name: str) -> int:
        if (number := self._ids.get(name)) is None:
            raise EngineError(
                ErrorReason.MODEL_LOAD_FAILED, f"The model's vocabulary has no {name}."
            )
        return number


def _names(folder: Path) -> list[str]:
    try:
        if (listed := folder / "vocabulary.json").exists():
            content: Any = orjson.loads(listed.read_bytes())
            return [str(name) for name in cast("list[Any]", content)]
        if not (folder / "vocabulary.txt").exists():
            return _named(orjson.loads((folder / TOKENIZER).read_bytes()))
        lines = (folder / "vocabulary.txt").read_text("utf-8").split("\n")
        return lines[:-1] if lines and not lines[-1] else lines
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise EngineError(
            ErrorReason.MODEL_LOAD_FAILED, "The model's vocabulary can't be read."
        ) from error


def _named(tokenizer: Any) -> list[str]:
    """The names of all tokens by their numbers, of a `tokenizer.json`."""
    numbers: dict[str, int] = dict(tokenizer["model"]["vocab"])
    numbers.update({added["content"]: added["id"] for added in tokenizer["added_tokens"]})
    names = [""] * (max(numbers.values()) + 1)
    for name, number in numbers.items():
        names[number] = name
    return names


def _bytes(name: str) -> bytes:
    """What a token writes, each of whose letters stands for a byte."""
    return bytes(letter_bytes[letter] for letter in name if letter in letter_bytes)
