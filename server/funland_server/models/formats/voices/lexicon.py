"""Voices that read by a lexicon: VITS, and Matcha with its vocoder, as sherpa-onnx has them.

model.onnx                  the network, with notes of what it is
vocos-22khz-univ.onnx       of Matcha: what makes a sound of what that gives; or hifigan_v2.onnx
tokens.txt, lexicon.txt     its symbols, and how words are said with them

sherpa-onnx ends the process for notes that are missing or no numbers, and for networks with other
inputs; so all of that is seen to here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from funland_server.models.formats.damage import DamagedFileError
from funland_server.models.formats.header import ModelHeader, VoiceFacts
from funland_server.models.formats.plain_files import check_regular
from funland_server.models.formats.voices.lexicon_files import check_lexicon, check_tokens
from funland_server.models.formats.voices.onnx import Onnx, check_onnx

TOKENS: Final = "tokens.txt"
LEXICON: Final = "lexicon.txt"
_NETWORK: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,127}\.onnx")
_VOCODER: Final = re.compile(r"(?:vocos|hifigan)[A-Za-z0-9_.-]{0,64}\.onnx")
_MATCHA: Final = re.compile(r"model-steps-\d+\.onnx|.*matcha.*\.onnx")
_VOCODERS: Final = frozenset({"hifigan", "vocos", "matcha-tts vocos"})
_LANGUAGES: Final = {
    "english": "en-US", "en": "en-US", "chinese": "zh-CN", "zh": "zh-CN", "mandarin": "zh-CN",
    "chinese + english": "zh-CN",
}  # fmt: skip
"""What the notes call those whose texts Funland reads."""
_SCALES: Final = ("noise_scale", "length_scale")
_VITS: Final = ("x", "x_length", *_SCALES, "noise_scale_w")
_TONES: Final = ("x", "x_length", "tones", "sid", *_SCALES, "noise_scale_w")
_INPUTS: Final[Mapping[str, Collection[tuple[str, ...]]]] = {
    "vits": (_VITS, (*_VITS, "sid")),
    "melo": (_TONES,),
    "matcha": (("x", "x_length", *_SCALES), ("x", "x_length", *_SCALES, "sid")),
}
_SAME: Final = {"x_lengths": "x_length", "speaker": "sid"}
_NUMBERS: Final[Mapping[str, Collection[str]]] = {
    "vits": ("sample_rate", "n_speakers"),
    "melo": ("sample_rate", "n_speakers", "version"),
    "matcha": ("sample_rate", "n_speakers", "use_eos_bos", "pad_id"),
}
"""The notes that must be there."""
_OTHER_NUMBERS: Final = (
    "add_blank", "speaker_id", "version", "jieba", "blank_id", "bos_id", "eos_id", "use_eos_bos",
    "pad_id", "has_g2pw", "num_emotions", "has_espeak", "n_fft", "hop_length", "win_length",
    "center", "normalized",
)  # fmt: skip
_PHONEMES: Final = ("piper", "coqui", "inflect")
_NO_VOCODER: Final = (
    "Matcha needs a vocoder in its folder, such as sherpa-onnx's vocos-22khz-univ.onnx"
)
_VOCODER_RATE: Final = 22_050
"""Of vocoders that don't say."""
_RATES: Final = range(8_000, 48_001)
_MOST_SPEAKERS: Final = 4096
_MELO_VERSION: Final = 2
_LONGEST_NUMBER: Final = 6
_WORKING_BYTES: Final = 250 * 1024**2
"""What voices of Piper, networks of the same kind, were seen to take beyond their weights."""


def lexicon_files(there: Collection[str]) -> list[tuple[str, ...]]:
    """The files of each voice that reads by a lexicon, the network first."""
    if TOKENS not in there or LEXICON not in there:
        return []
    vocoders = sorted(filter(_VOCODER.fullmatch, there))[-1:]  # of several the newest
    return [
        (name, *vocoders, TOKENS, LEXICON)
        for name in sorted(there)
        if _NETWORK.fullmatch(name)
        and not _VOCODER.fullmatch(name)
        and (vocoders or not _MATCHA.fullmatch(name))
    ]


def is_lexicon_voice(there: Collection[str]) -> bool:
    """Whether a folder has such a voice, or what is left of one."""
    return {TOKENS, LEXICON}.issubset(there) and any(map(_NETWORK.fullmatch, there))


def read_lexicon_voice(folder: Path, there: Collection[str]) -> tuple[ModelHeader, tuple[str, ...]]:
    """Checks a voice, and gives what it says of itself and the names of its files.

    Raises:
        DamagedFileError: It is not a whole voice, or one of a kind that does not speak here.
    """
    found = lexicon_files(there)
    if not found and any(map(_MATCHA.fullmatch, there)):
        raise DamagedFileError(_NO_VOCODER)
    if len(found) != 1:
        raise DamagedFileError(f"it has {len(found)} networks that speak; a model has one")
    network, *vocoder, tokens, lexicon = files = found[0]
    for name in files:
        check_regular(folder / name)
    onnx = check_onnx(folder / network)
    kind = _kind(network, onnx)
    _check_network(network, onnx, kind)
    if kind == "matcha":
        if not vocoder:
            raise DamagedFileError(_NO_VOCODER)
        rate = int(onnx.metadata["sample_rate"])
        _check_vocoder(vocoder[0], check_onnx(folder / vocoder[0]), rate)
    symbols = check_tokens(folder / tokens)
    check_lexicon(folder / lexicon, symbols, tones=kind == "melo")
    return _header(network, onnx, kind), files


def _kind(name: str, onnx: Onnx) -> str:
    """`vits`, `melo` or `matcha`."""
    notes = onnx.metadata
    comment, model_type = notes.get("comment", "").lower(), notes.get("model_type", "")
    if model_type.startswith("matcha"):
        if notes.get("jieba") != "1":
            raise DamagedFileError(f"{name} is a Matcha that reads by no lexicon")
        return "matcha"
    if "vits" not in model_type:
        raise DamagedFileError(f"{name} is of the kind {model_type[:40]!r}, which is not run here")
    if notes.get("frontend") or any(one in comment for one in _PHONEMES) or not comment:
        raise DamagedFileError(f"{name} is a VITS that reads by no lexicon")
    return "melo" if "melo" in comment else "vits"


def _check_network(name: str, onnx: Onnx, kind: str) -> None:
    inputs = tuple(_SAME.get(one, one) for one in onnx.inputs)
    if inputs not in _INPUTS[kind]:
        raise DamagedFileError(f"{name} takes other inputs than a voice of its kind")
    for key in _NUMBERS[kind]:
        if not onnx.metadata.get(key):
            raise DamagedFileError(f"{name} does not say its {key}")
    _check_numbers(name, onnx)
    speakers = int(onnx.metadata["n_speakers"])
    if int(onnx.metadata["sample_rate"]) not in _RATES:
        raise DamagedFileError(f"{name} names a sample rate that no voice has")
    if speakers > _MOST_SPEAKERS or (speakers > 1 and "sid" not in inputs):
        raise DamagedFileError(f"{name} names {speakers} speakers, and has others")
    if kind == "melo" and int(onnx.metadata["version"]) < _MELO_VERSION:
        raise DamagedFileError(f"{name} is an old voice of Melo; take the one of today")
    if _language(onnx) is None:
        told = onnx.metadata.get("language", "")[:40]
        raise DamagedFileError(f"{name} speaks {told!r}; Funland reads English and Chinese for it")


def _check_vocoder(name: str, onnx: Onnx, rate: int) -> None:
    kind = onnx.metadata.get("model_type")
    outputs = 1 if kind == "hifigan" else 3
    if kind not in _VOCODERS or len(onnx.inputs) != 1 or len(onnx.outputs) < outputs:
        raise DamagedFileError(f"{name} is no vocoder that Funland runs")
    _check_numbers(name, onnx)
    own = int(onnx.metadata.get("sample_rate") or _VOCODER_RATE)
    if own != rate:
        raise DamagedFileError(f"{name} makes a sound of {own} Hz, and the voice has {rate}")


def _check_numbers(name: str, onnx: Onnx) -> None:
    for key in (*_OTHER_NUMBERS, "sample_rate", "n_speakers"):
        said = onnx.metadata.get(key, "0") or "0"
        if not said.isdecimal() or len(said) > _LONGEST_NUMBER:
            raise DamagedFileError(f"{name} has no number for {key}")


def _language(onnx: Onnx) -> str | None:
    return _LANGUAGES.get(onnx.metadata.get("language", "").lower())


def speakers(count: int) -> list[str]:
    """Their names; as the worker has them (`funland_worker.speech.sherpa`)."""
    return [str(number) for number in range(count)] if count > 1 else ["voice"]


def _header(network: str, onnx: Onnx, kind: str) -> ModelHeader:
    voices = tuple(
        VoiceFacts(
            name=name,
            display_name=name.title(),
            language=_language(onnx) or "",
            sample_rate=int(onnx.metadata["sample_rate"]),
            repeatable=False,
        )
        for name in speakers(int(onnx.metadata["n_speakers"]))
    )
    return ModelHeader(
        architecture="matcha" if kind == "matcha" else "vits",
        name="",
        description="",
        license="",
        quantization="",
        parameter_count=onnx.parameters,
        context_length=0,
        embedding_length=0,
        has_chat_template=False,
        writes_text=False,
        purpose="SPEECH",
        voices=voices,
        working_bytes=_WORKING_BYTES,
        format="ONNX",
    )
