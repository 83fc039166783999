"""Voices of Piper: a network, and beside it a description of the same name with `.json` behind."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, cast

from funland_server.models.formats.damage import DamagedFileError
from funland_server.models.formats.header import ModelHeader, VoiceFacts
from funland_server.models.formats.plain_files import check_regular, read_json
from funland_server.models.formats.voices.onnx import check_onnx

CARD: Final = "MODEL_CARD"
DESCRIBED: Final = ".onnx.json"
_FILE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,127}\.onnx\.json")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_CODE: Final = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
_PHONEMES: Final = ("espeak", "text")
_MOST_SPEAKERS, _MOST_IDS, _LARGEST_CARD = 4096, 4096, 64 * 1024
_RATES: Final = range(8_000, 48_001)
_WORKING_BYTES: Final = 250 * 1024**2
"""What a process that speaks with one was seen to take beyond its weights."""
_LICENSE: Final = re.compile(r"^\* *[Ll]icense: *(?P<license>[^\n]{1,120})$", re.MULTILINE)
_DATASET: Final = re.compile(r"^\* *(?:URL|Dataset): *(?P<url>[^\n]{1,200})$", re.MULTILINE)
_SPDX: Final = {
    "cc0": "CC0-1.0",
    "mit": "MIT",
    "apache 2.0": "Apache-2.0",
    "cc by 4.0": "CC-BY-4.0",
}


def piper_files(there: Collection[str]) -> list[tuple[str, ...]]:
    """The files of each voice of Piper in a folder, the network first."""
    voices = sorted(
        name for name in there if _FILE.fullmatch(name) and name.removesuffix(".json") in there
    )
    card = (CARD,) if CARD in there else ()
    return [(name.removesuffix(".json"), name, *card) for name in voices]


def read_piper(folder: Path, there: Collection[str]) -> tuple[ModelHeader, tuple[str, ...]]:
    """Checks a voice, and gives what it says of itself and the names of its files.

    Raises:
        DamagedFileError: It is not a whole voice, or one of a kind that does not speak here.
    """
    found = piper_files(there)
    if len(found) != 1:
        raise DamagedFileError(f"it has {len(found)} voices of Piper; a model is a folder of one")
    network, description, *card = files = found[0]
    for name in files:
        check_regular(folder / name)
    told = read_json(folder / description)
    onnx = check_onnx(folder / network)
    if not {"input", "input_lengths", "scales"}.issubset(onnx.inputs):
        raise DamagedFileError(f"{network} is no voice of Piper: it takes other inputs")
    license_, origin = _of_card(folder / CARD) if card else ("", "")
    language, rate = _language(told, description), _rate(told, description)
    _check_phonemes(told, description, language)
    voices = tuple(
        VoiceFacts(
            name=name,
            display_name=name.replace("_", " ").title(),
            language=language,
            sample_rate=rate,
            license=license_,
            origin=origin,
            repeatable=False,
        )
        for name in _speakers(description, told)
    )
    if (len(voices) > 1) != ("sid" in onnx.inputs):
        raise DamagedFileError(f"{description} names other speakers than {network} has")
    return _header(voices, onnx.parameters, license_), files


def _language(told: Mapping[str, Any], name: str) -> str:
    code = _object(told, "language", name).get("code") or _object(told, "espeak", name).get("voice")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise DamagedFileError(f"{name} names no language")
    language, _, region = code.replace("_", "-").partition("-")
    return f"{language.lower()}-{region.upper()}" if region else language.lower()


def _rate(told: Mapping[str, Any], name: str) -> int:
    rate = _object(told, "audio", name).get("sample_rate")
    if not isinstance(rate, int) or rate not in _RATES:
        raise DamagedFileError(f"{name} names a sample rate that no voice has")
    return rate


def _check_phonemes(told: Mapping[str, Any], name: str, language: str) -> None:
    kind = told.get("phoneme_type", "espeak")
    if kind not in _PHONEMES:
        raise DamagedFileError(
            f"its phonemes are of the kind {str(kind)[:40]!r}, which Funland does not make"
        )
    if kind == "espeak" and not language.startswith("en"):
        raise DamagedFileError(
            f"it speaks {language} by the phonemes of espeak-ng, which Funland makes for English"
            " alone"
        )
    ids = _object(told, "phoneme_id_map", name)
    if not 0 < len(ids) <= _MOST_IDS or not all(map(_is_ids, ids.values())):
        raise DamagedFileError(f"{name} has a table of phonemes that is none")
    inference = _object(told, "inference", name)
    for key in ("noise_scale", "length_scale", "noise_w"):
        if not isinstance(inference.get(key, 1), int | float):
            raise DamagedFileError(f"{name} has no number for {key}")


def _is_ids(value: object) -> bool:
    return (
        isinstance(value, list)
        and 0 < len(cast("list[Any]", value)) <= 8  # noqa: PLR2004 - it is one mostly
        and all(isinstance(one, int) and 0 <= one < _MOST_IDS for one in cast("list[Any]", value))
    )


def _speakers(name: str, told: Mapping[str, Any]) -> list[str]:
    """As the worker names them (`funland_worker.speech.piper_files.speakers`)."""
    count = told.get("num_speakers", 1)
    if not isinstance(count, int) or not 0 < count <= _MOST_SPEAKERS:
        raise DamagedFileError(f"{name} names {str(count)[:20]} speakers")
    if count == 1:
        parts = name.removesuffix(DESCRIBED).split("-")
        plain = parts[1] if len(parts) > 1 else parts[0]
        return [plain if _NAME.fullmatch(plain) else "voice"]
    known = {number: one for one, number in _object(told, "speaker_id_map", name).items()}
    names = [str(known.get(number, "")) for number in range(count)]
    return [one if _NAME.fullmatch(one) else str(number) for number, one in enumerate(names)]


def _of_card(path: Path) -> tuple[str, str]:
    """The license and the origin that a voice's card has."""
    with path.open(encoding="utf-8", errors="replace") as file:
        text = file.read(_LARGEST_CARD)
    license_, dataset = _LICENSE.search(text), _DATASET.search(text)
    told = license_["license"].strip() if license_ else ""
    return _SPDX.get(told.lower(), told), dataset["url"].strip() if dataset else ""


def _object(told: Mapping[str, Any], key: str, name: str) -> Mapping[str, Any]:
    value = told.get(key, {})
    if not isinstance(value, dict):
        raise DamagedFileError(f"{name} has no object for {key}")
    return cast("Mapping[str, Any]", value)


def _header(voices: tuple[VoiceFacts, ...], parameters: int, license_: str) -> ModelHeader:
    return ModelHeader(
        architecture="piper",
        name="",
        description="",
        license=license_,
        quantization="",
        parameter_count=parameters,
        context_length=0,
        embedding_length=0,
        has_chat_template=False,
        writes_text=False,
        purpose="SPEECH",
        voices=voices,
        working_bytes=_WORKING_BYTES,
        format="ONNX",
    )
