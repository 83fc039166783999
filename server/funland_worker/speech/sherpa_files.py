"""The files of a voice that reads by a lexicon, and what its networks say of themselves."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError

logger = logging.getLogger(__name__)

_TOKENS, _LEXICON = "tokens.txt", "lexicon.txt"
_VOCODERS: Final = ("vocos", "hifigan")
_ERRORS_ALONE: Final = 3
_MELS: Final = 80
_FRAMES: Final = 8
_VOCODER_RATE: Final = "22050"
"""Of those that don't say."""
_VOCOS_FFT: Final = 1024
_VOCOS_OUTPUTS: Final = 3
_CHINESE: Final = "chinese", "zh", "mandarin"


@dataclass(frozen=True, slots=True)
class Found:
    """What a folder has."""

    network: Path
    vocoder: Path | None
    """Of Matcha."""
    tokens: Path
    lexicon: Path
    language: str
    sample_rate: int
    speakers: int
    tones: bool
    """Whether the lexicon has tones behind the symbols, as Melo's has."""


def is_lexicon_voice(folder: Path) -> bool:
    """Whether a folder that was checked when it was installed has a voice of this kind."""
    return (folder / _LEXICON).is_file() and (folder / _TOKENS).is_file()


def found_in(folder: Path) -> Found:
    """Reads what the folder has, with ONNX Runtime itself: what that can't load, it raises for.

    Raises:
        EngineError: MODEL_FILE_INVALID, MODEL_LOAD_FAILED.
    """
    networks = sorted(folder.glob("*.onnx"))
    vocoders = [one for one in networks if one.name.startswith(_VOCODERS)]
    others = [one for one in networks if one not in vocoders]
    if len(others) != 1:
        raise _invalid(f"The folder has {len(others)} networks that speak, and is to have one.")
    notes = _notes(_session(others[0]))
    matcha = notes.get("model_type", "").startswith("matcha")
    if matcha:
        if not vocoders:
            raise _invalid("The folder has no vocoder, which Matcha needs.")
        _try(vocoders[0], notes.get("sample_rate", ""))
    try:
        return Found(
            network=others[0],
            vocoder=vocoders[0] if matcha else None,
            tokens=folder / _TOKENS,
            lexicon=folder / _LEXICON,
            language="zh-CN" if notes["language"].lower().startswith(_CHINESE) else "en-US",
            sample_rate=int(notes["sample_rate"]),
            speakers=int(notes["n_speakers"]),
            tones="melo" in notes.get("comment", "").lower(),
        )
    except (KeyError, ValueError):
        raise _invalid(f"{others[0].name} does not say what voice it is.") from None


def _try(vocoder: Path, rate: str) -> None:
    """Sees that a vocoder fits a voice of that rate, and that it gives what sherpa-onnx takes from
    it without looking at its size."""
    session = _session(vocoder)
    notes, told = _notes(session), session.get_inputs()[0]
    mels = told.shape[1] if len(told.shape) > 1 and isinstance(told.shape[1], int) else _MELS
    if (notes.get("sample_rate") or _VOCODER_RATE) != rate:
        raise _invalid(f"{vocoder.name} makes a sound of another rate than the voice has.")
    try:
        given = session.run(None, {told.name: np.zeros((1, mels, _FRAMES), np.float32)})
    except Exception as error:  # its exceptions have no common class
        logger.exception("the vocoder failed")
        raise _invalid(f"{vocoder.name} fails on what a vocoder takes.") from error
    if notes.get("model_type") == "hifigan":
        return
    bins = int(notes.get("n_fft") or _VOCOS_FFT) // 2 + 1
    shapes = {one.shape[:2] for one in given[:_VOCOS_OUTPUTS] if one.ndim == _VOCOS_OUTPUTS}
    frames = {one.shape[2:] for one in given[:_VOCOS_OUTPUTS]}
    if len(given) < _VOCOS_OUTPUTS or shapes != {(1, bins)} or len(frames) != 1:
        raise _invalid(f"{vocoder.name} gives something else than it says.")


def _session(path: Path) -> Any:
    """A network in ONNX Runtime, to be looked at."""
    import onnxruntime  # noqa: PLC0415 - only where it speaks

    runtime = cast("Any", onnxruntime)
    options = runtime.SessionOptions()
    options.log_severity_level = _ERRORS_ALONE
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # as above
        logger.exception("a network can't be loaded")
        raise EngineError(
            ErrorReason.MODEL_LOAD_FAILED, f"{path.name} can't be loaded: it is damaged."
        ) from error


def _notes(session: Any) -> Mapping[str, str]:
    return cast("Mapping[str, str]", session.get_modelmeta().custom_metadata_map)


def _invalid(why: str) -> EngineError:
    return EngineError(ErrorReason.MODEL_FILE_INVALID, why)
