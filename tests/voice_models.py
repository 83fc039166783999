"""Small models that speak: whole ones for ONNX Runtime, written without its package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

_FLOAT, _INT64 = 1, 7
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyzæðŋɐɑɔəɚɛɜɡɪɹɾʃʊʌʒθˈˌːᵻ ,.!?;:'"  # noqa: RUF001 - IPA
PIPER: Final = "en_US-tiny-low.onnx"


def piper_voice(folder: Path, name: str = PIPER, **described: Any) -> Path:
    """A folder with a voice of Piper, whose sound is the numbers of its phonemes."""
    folder.mkdir(parents=True, exist_ok=True)
    inputs = {"input": _INT64, "input_lengths": _INT64, "scales": _FLOAT}
    if described.get("num_speakers", 1) > 1:
        inputs["sid"] = _INT64
    (folder / name).write_bytes(network(inputs, "input"))
    (folder / f"{name}.json").write_text(json.dumps(description(**described)))
    (folder / "MODEL_CARD").write_text(
        "# Model card\n\n* URL: https://example.org\n* License: CC0\n"
    )
    return folder


def description(**changed: Any) -> dict[str, Any]:
    """What lies beside it."""
    ids = {"_": [0], "^": [1], "$": [2]}
    ids |= {letter: [3 + number] for number, letter in enumerate(_LETTERS)}
    return {
        "audio": {"sample_rate": 16000, "quality": "low"},
        "espeak": {"voice": "en-us"},
        "inference": {"noise_scale": 0.667, "length_scale": 1, "noise_w": 0.8},
        "phoneme_type": "espeak",
        "phoneme_id_map": ids,
        "num_speakers": 1,
    } | changed


def kokoro_model(folder: Path, *voices: str) -> Path:
    """A folder with a model of Kokoro, as its hub has it, whose sound is its phonemes' numbers."""
    for below in ("onnx", "voices"):
        (folder / below).mkdir(parents=True, exist_ok=True)
    inputs = {"input_ids": _INT64, "style": _FLOAT, "speed": _FLOAT}
    (folder / "onnx" / "model_quantized.onnx").write_bytes(network(inputs, "input_ids"))
    for voice in voices or ("af_heart", "zf_xiaobei"):
        np.zeros((510, 256), "<f4").tofile(folder / "voices" / f"{voice}.bin")
    return folder


def vits_voice(folder: Path, **noted: object) -> Path:
    """A folder with a voice of VITS that reads by a lexicon, whose sound is its symbols' numbers;
    `noted` changes what it says of itself, None takes a note out."""
    folder.mkdir(parents=True, exist_ok=True)
    inputs = {"x": _INT64, "x_length": _INT64, "noise_scale": _FLOAT, "length_scale": _FLOAT}
    inputs["noise_scale_w"] = _FLOAT
    if noted.get("n_speakers", 1) != 1:
        inputs["sid"] = _INT64
    told = {"model_type": "vits", "comment": "ljspeech", "language": "English", "n_speakers": 1}
    told |= {"sample_rate": 16000, "add_blank": 1, "punctuation": ", . ? !"} | noted
    (folder / "model.onnx").write_bytes(network(inputs, "x") + notes(told))
    symbols = ["_", "HH", "AH", "L", "OW", "W", "D", ",", ".", "?", "!"]
    table = [f"{symbol} {number}" for number, symbol in enumerate(symbols)]
    (folder / "tokens.txt").write_text("\n".join([*table, f"  {len(symbols)}"]) + "\n")
    words = {"hello": "HH AH L OW", "world": "W OW L D", "two": "D OW", "don't": "D OW D"}
    lines = [f"{word} {said}\n" for word, said in words.items()]
    (folder / "lexicon.txt").write_text("".join(lines))
    return folder


def matcha_voice(folder: Path, **noted: object) -> Path:
    """A folder with a Mandarin voice of Matcha and its vocoder, as `vits_voice`."""
    folder.mkdir(parents=True, exist_ok=True)
    inputs = {"x": _INT64, "x_length": _INT64, "noise_scale": _FLOAT, "length_scale": _FLOAT}
    told = {"model_type": "matcha-tts", "language": "Chinese", "n_speakers": 1, "jieba": 1}
    told |= {"sample_rate": 16000, "use_eos_bos": 0, "pad_id": 0, "version": 1} | noted
    (folder / "model-steps-3.onnx").write_bytes(_spectrogram(inputs) + notes(told))
    vocoder = _repeated() + notes({"model_type": "hifigan", "sample_rate": 16000})
    (folder / "hifigan_v2.onnx").write_bytes(vocoder)
    (folder / "tokens.txt").write_text("_ 0\nn 1\ni3 2\nh 3\nao3 4\n. 5\ner4 6\n")
    (folder / "lexicon.txt").write_text("你 n i3\n好 h ao3\n二 er4\n")
    return folder


def notes(told: dict[str, Any]) -> bytes:
    """What is written behind a network of what it is."""
    return b"".join(
        _bytes(14, _bytes(1, key.encode()) + _bytes(2, str(value).encode()))
        for key, value in told.items()
        if value is not None
    )


def _spectrogram(inputs: dict[str, int]) -> bytes:
    """A network that gives [1, 1, n] of the numbers of `x`: a 500th of each."""
    nodes = [
        _node("Cast", ["x"], ["numbers"], _attribute("to", _FLOAT)),
        _node("Mul", ["numbers", "scale"], ["small"]),
        _node("Unsqueeze", ["small", "axis"], ["mel"]),
    ]
    scale = _tensor("scale", _FLOAT, (1, 1), np.full(1, 1 / 500, "<f4").tobytes())
    axis = _tensor("axis", _INT64, (1,), np.array([1], "<i8").tobytes())
    return _model(nodes, [scale, axis], inputs, "mel")


def _repeated() -> bytes:
    """A vocoder that gives all it is given 160 times."""
    times = _tensor("times", _INT64, (3,), np.array([1, 1, 160], "<i8").tobytes())
    return _model([_node("Tile", ["mel", "times"], ["sound"])], [times], {"mel": _FLOAT}, "sound")


def network(inputs: dict[str, int], heard: str) -> bytes:
    """A network that makes samples of the numbers of one input: a 500th of each, 160 times."""
    cast = _node("Cast", [heard], ["numbers"], _attribute("to", _FLOAT))
    scale = _node("Mul", ["numbers", "scale"], ["samples"])
    repeat = _node("Tile", ["samples", "times"], ["sound"])
    scales = _tensor("scale", _FLOAT, (1, 1), np.full(1, 1 / 500, "<f4").tobytes())
    times = _tensor("times", _INT64, (2,), np.array([1, 160], "<i8").tobytes())
    return _model([cast, scale, repeat], [scales, times], inputs, "sound")


def _model(nodes: list[bytes], weights: list[bytes], inputs: dict[str, int], output: str) -> bytes:
    graph = b"".join(_bytes(1, node) for node in nodes) + _bytes(2, b"voice")
    graph += b"".join(_bytes(5, weight) for weight in weights)
    graph += b"".join(_bytes(11, _value(name, kind)) for name, kind in inputs.items())
    graph += _bytes(12, _value(output, _FLOAT))
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 13))


def _node(kind: str, inputs: list[str], outputs: list[str], attribute: bytes = b"") -> bytes:
    places = b"".join(_bytes(1, name.encode()) for name in inputs)
    places += b"".join(_bytes(2, name.encode()) for name in outputs)
    return places + _bytes(4, kind.encode()) + (_bytes(5, attribute) if attribute else b"")


def _attribute(name: str, value: int) -> bytes:
    return _bytes(1, name.encode()) + _number(3, value) + _number(20, 2)


def _tensor(name: str, kind: int, shape: tuple[int, ...], data: bytes) -> bytes:
    dimensions = b"".join(_number(1, size) for size in shape)
    return dimensions + _number(2, kind) + _bytes(8, name.encode()) + _bytes(9, data)


def _value(name: str, kind: int) -> bytes:
    """An input or output of any shape."""
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _number(1, kind)))


def _bytes(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])
