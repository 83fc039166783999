"""Checks the folder of a Whisper in CTranslate2's form: what the library would index with."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, cast

import orjson

from funland_server.models.formats.ctranslate2 import whisper_shapes
from funland_server.models.formats.damage import DamagedFileError

VOCABULARIES: Final = ("vocabulary.json", "vocabulary.txt")
"""One of them is there."""
_EMBEDDING: Final = "decoder/embeddings/weight"
_LAYER: Final = re.compile(r"decoder/layer_(\d{1,4})/")
_LARGEST_VOCABULARY: Final = 16 * 1024**2
_MOST_HEADS: Final = 64
_MATRIX: Final = 2


def check_whisper(folder: Path, names: Collection[str]) -> int:
    """Checks weights, vocabulary and configuration against each other, and gives the number of
    weights.

    Raises:
        DamagedFileError: They don't fit, or one of them is not whole.
    """
    shapes = whisper_shapes(folder)
    embedding = shapes.get(_EMBEDDING, ())
    if len(embedding) != _MATRIX:
        raise DamagedFileError("model.bin has no table of tokens")
    vocabulary = next((name for name in VOCABULARIES if name in names), None)
    if vocabulary is None:
        raise DamagedFileError("vocabulary.json is not there")
    count = _tokens(folder / vocabulary)
    if count != embedding[0]:
        raise DamagedFileError(f"{vocabulary} has {count} tokens, and model.bin {embedding[0]}")
    layers = {int(match[1]) for name in shapes if (match := _LAYER.match(name))}
    _check_config(_object(folder / "config.json"), count, len(layers))
    return sum(_values(shape) for shape in shapes.values())


def whisper_vocabulary(folder: Path) -> int:
    """How many tokens the network knows."""
    return whisper_shapes(folder)[_EMBEDDING][0]


def _values(shape: tuple[int, ...]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product


def _tokens(path: Path) -> int:
    """How many tokens a vocabulary has."""
    if path.stat().st_size > _LARGEST_VOCABULARY:
        raise DamagedFileError(f"{path.name} is larger than {_LARGEST_VOCABULARY} bytes")
    data = path.read_bytes()
    if path.suffix == ".json":
        content: Any = orjson.loads(data)
        tokens = cast("list[Any]", content) if isinstance(content, list) else []
        if not all(isinstance(token, str) for token in tokens):
            raise DamagedFileError(f"{path.name} is no list of tokens")
        return len(tokens)
    try:
        data.decode()
    except UnicodeDecodeError:
        raise DamagedFileError(f"{path.name} is no list of tokens") from None
    return data.count(b"\n") + (not data.endswith(b"\n"))


def _object(path: Path) -> Mapping[str, Any]:
    content: Any = orjson.loads(path.read_bytes())
    return cast("Mapping[str, Any]", content) if isinstance(content, dict) else {}


def _check_config(config: Mapping[str, Any], tokens: int, layers: int) -> None:
    for key in ("lang_ids", "suppress_ids", "suppress_ids_begin"):
        if not all(_within(one, tokens) for one in _list(config, key)):
            raise DamagedFileError(f"config.json has a token in {key} that there is not")
    for pair in _list(config, "alignment_heads"):
        both = cast("list[Any]", pair) if isinstance(pair, list) else []
        if len(both) != _MATRIX or not (_within(both[0], layers) and _within(both[1], _MOST_HEADS)):
            raise DamagedFileError("config.json has a head in alignment_heads that there is not")


def _list(config: Mapping[str, Any], key: str) -> list[Any]:
    value: Any = config.get(key) or []
    if not isinstance(value, list):
        raise DamagedFileError(f"config.json has no list in {key}")
    return cast("list[Any]", value)


def _within(value: Any, limit: int) -> bool:
    return type(value) is int and 0 <= value < limit
