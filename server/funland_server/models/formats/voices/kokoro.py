"""Voices of Kokoro: a network, a table of styles for each voice, and its alphabet.

kokoro-v1.0.onnx, or onnx/model.onnx
zf_xiaobei.bin, or voices/zf_xiaobei.bin    510 x 256 numbers
config.json                                 may be missing: then its alphabet is that of 1.0
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final, cast

from funland_server.models.formats.damage import DamagedFileError
from funland_server.models.formats.header import ModelHeader, VoiceFacts
from funland_server.models.formats.plain_files import check_regular, read_json
from funland_server.models.formats.voices.onnx import check_onnx

STYLE_BYTES: Final = 510 * 256 * 4
FOLDERS: Final = ("onnx", "voices")
"""In which networks and voices may lie."""
SAMPLE_RATE: Final = 24_000
WORKING_BYTES: Final = 400 * 1024**2
"""What a process that speaks with it was seen to take beyond one without a model."""
LANGUAGES: Final = {"a": "en-US", "b": "en-GB", "z": "zh-CN"}
"""By the first letter of a voice's name; those of other languages are passed over."""
_GENDERS: Final = {"f": "female", "m": "male"}
_VOICE: Final = re.compile(r"(?:voices/)?(?P<name>[abz][fm]_[a-z0-9]{1,40})\.bin")
_NETWORK: Final = re.compile(r"(?:onnx/)?(?:kokoro|model)[A-Za-z0-9_.-]{0,64}\.onnx")
_CONFIG: Final = "config.json"
_MOST_SYMBOLS: Final = 512
ORIGIN: Final = "Kokoro-82M, by hexgrad"


def kokoro_files(there: Collection[str]) -> list[tuple[str, ...]]:
    """The files of each model of Kokoro among the paths of a folder, the network first: as many as
    there are networks, each with all voices that speak here."""
    voices = sorted(path for path in there if _VOICE.fullmatch(path))
    if not voices:
        return []
    more = (_CONFIG,) if _CONFIG in there else ()
    return [(path, *voices, *more) for path in sorted(there) if _NETWORK.fullmatch(path)]


def read_kokoro(folder: Path, there: Collection[str]) -> tuple[ModelHeader, tuple[str, ...]]:
    """Checks a model, and gives what it says of itself and the paths in it that count.

    Raises:
        DamagedFileError: It is not a whole model.
    """
    found = kokoro_files(there)
    if len(found) != 1:
        raise DamagedFileError(f"it has {len(found)} networks of Kokoro; a model has one")
    network, *others = files = found[0]
    for path in files:
        check_regular(folder / path)
    if _CONFIG in others:
        _check_alphabet(folder / _CONFIG)
    onnx = check_onnx(folder / network)
    if "style" not in onnx.inputs or {"tokens", "input_ids"}.isdisjoint(onnx.inputs):
        raise DamagedFileError(f"{network} is no network of Kokoro: it takes other inputs")
    names = {found["name"]: path for path in others if (found := _VOICE.fullmatch(path))}
    for path in names.values():
        if (folder / path).stat().st_size != STYLE_BYTES:
            raise DamagedFileError(f"{path} has not the {STYLE_BYTES} bytes of a voice")
    return header(onnx.parameters, "", voices(names)), files


def voices(names: Collection[str]) -> tuple[VoiceFacts, ...]:
    """What the names of voices tell of them; the one that its makers rate highest comes first."""
    return tuple(
        VoiceFacts(
            name=name,
            display_name=name[3:].title(),
            language=LANGUAGES[name[0]],
            sample_rate=SAMPLE_RATE,
            gender=_GENDERS[name[1]],
            license="Apache-2.0",
            origin=ORIGIN,
        )
        for name in sorted(names, key=lambda one: (one != "af_heart", one))
    )


def header(parameters: int, quantization: str, who: tuple[VoiceFacts, ...]) -> ModelHeader:
    """What is known of a model with such voices."""
    return ModelHeader(
        architecture="kokoro",
        name="Kokoro",
        description="",
        license="Apache-2.0",
        quantization=quantization,
        parameter_count=parameters,
        context_length=0,
        embedding_length=0,
        has_chat_template=False,
        writes_text=False,
        purpose="SPEECH",
        voices=who,
        working_bytes=WORKING_BYTES,
        format="ONNX",
    )


def _check_alphabet(path: Path) -> None:
    alphabet = read_json(path).get("vocab", {})
    if not isinstance(alphabet, dict):
        raise DamagedFileError(f"{path.name} has an alphabet that is none")
    known = cast("dict[str, Any]", alphabet)
    if len(known) > _MOST_SYMBOLS or not all(
        isinstance(number, int) and 0 <= number < _MOST_SYMBOLS for number in known.values()
    ):
        raise DamagedFileError(f"{path.name} has an alphabet that is none")
