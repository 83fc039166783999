"""Models that are folders: OpenVINO's, CTranslate2's, and safetensors as hubs have them.

A folder is hostile until proven otherwise. Only files of known names are looked at, none of which
is a link, and only those are installed: programs (`.py`) and pickles (`.pt`, `.pkl`, a hub's
`.bin`) are never among them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from funland_server.models.formats.ctranslate2 import WEIGHTS, check_ctranslate2, is_whisper
from funland_server.models.formats.damage import DamagedFileError
from funland_server.models.formats.header import ModelHeader
from funland_server.models.formats.openvino import check_openvino
from funland_server.models.formats.openvino_whisper import (
    DECODER,
    ENCODER,
    check_openvino_whisper,
)
from funland_server.models.formats.openvino_whisper import FILES as OPENVINO_WHISPER
from funland_server.models.formats.pictures import INDEX as INDEX_OF_PICTURES
from funland_server.models.formats.pictures import read_pictures
from funland_server.models.formats.plain_files import check_regular, read_json
from funland_server.models.formats.safetensors import INDEX, check_safetensors, shard_names
from funland_server.models.formats.voices.reading import read_voices
from funland_server.models.formats.whisper import VOCABULARIES, check_whisper, whisper_vocabulary
from funland_server.workers.errors import ModelFileInvalidError

_LARGEST_TEMPLATE = 1024**2
_DESCRIPTIONS = (
    "config.json",
    "generation_config.json",
    "special_tokens_map.json",
    "tokenizer_config.json",
    "chat_template.jinja",
)
_SHARD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.safetensors")


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder that was checked: what it says of itself, and the names of the files that count."""

    header: ModelHeader
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Format:
    name: str
    marks: tuple[str, ...]
    """The files that tell the format."""
    required: tuple[str, ...]
    optional: tuple[str, ...]
    parameters: Callable[[Path, Collection[str]], int]
    """Checks the weights, given the names of the files that are there, and counts them."""
    cached_bytes: int
    """How many bytes its engine takes at most for a number of the cache."""
    when: Callable[[Path], bool] = lambda _: True
    """Whether a folder that has the marks is of this format."""
    purpose: str = ""
    """See `ModelHeader`."""
    architecture: str = ""
    """What it is if its `config.json` does not say."""
    vocabulary: Callable[[Path], int] = lambda _: 0
    """See `ModelHeader.vocabulary_size`."""


def _is_whisper(path: Path) -> bool:
    check_regular(path / WEIGHTS)
    return is_whisper(path)


# The first whose marks are there.
_FORMATS = (
    _Format(
        "OPENVINO_IR",
        marks=("openvino_model.xml",),
        required=("openvino_model.xml", "openvino_model.bin", "tokenizer.json"),
        optional=(),
        parameters=check_openvino,
        cached_bytes=2,
    ),
    _Format(
        "OPENVINO_IR",
        marks=(f"{ENCODER}.xml", f"{DECODER}.xml"),
        required=OPENVINO_WHISPER,
        optional=("preprocessor_config.json",),
        parameters=check_openvino_whisper,
        cached_bytes=4,
        purpose="TRANSCRIPTION",
        architecture="whisper",
    ),
    _Format(
        "CTRANSLATE2",
        marks=(WEIGHTS,),
        required=(WEIGHTS, "config.json"),
        optional=(*VOCABULARIES, "tokenizer.json", "preprocessor_config.json"),
        parameters=check_whisper,
        cached_bytes=4,
        when=_is_whisper,
        purpose="TRANSCRIPTION",
        architecture="whisper",
        vocabulary=whisper_vocabulary,
    ),
    _Format(
        "CTRANSLATE2",
        marks=("model.bin", "vocabulary.json"),
        required=("model.bin", "config.json", "vocabulary.json", "tokenizer.json"),
        optional=(),
        parameters=check_ctranslate2,
        cached_bytes=4,
    ),
    _Format(
        "SAFETENSORS",
        marks=("config.json",),
        required=("config.json", "tokenizer.json"),
        optional=(INDEX,),
        parameters=check_safetensors,
        cached_bytes=4,
    ),
)


def read_folder(path: Path) -> ModelFolder:
    """Checks a folder.

    Raises:
        ModelFileInvalidError: It is not a whole model. The message names files of the folder but
            not where it lies.
    """
    try:
        return _read(path)
    except DamagedFileError as error:
        why = str(error)
    except OSError as error:
        why = f"it can't be read ({error.strerror})"
    raise ModelFileInvalidError(f"{path.name} is not a whole model: {why}.", file=path.name)


def _read(path: Path) -> ModelFolder:
    there = {file.name for file in path.iterdir()}
    if INDEX_OF_PICTURES in there:
        header, files = read_pictures(path)
        return ModelFolder(header, files)
    if (speaking := read_voices(path)) is not None:
        header, files = speaking
        return ModelFolder(header, tuple(sorted(files)))
    marked = (one for one in _FORMATS if there.issuperset(one.marks))
    chosen = next((one for one in marked if one.when(path)), None)
    if chosen is None:
        raise DamagedFileError(_unknown(there))
    if missing := [name for name in chosen.required if name not in there]:
        raise DamagedFileError(f"{missing[0]} is not there")
    wanted = {*chosen.required, *chosen.optional, *_DESCRIPTIONS} & there
    if chosen.name == "SAFETENSORS":
        wanted |= _shards(path, there)
    for name in sorted(wanted):
        check_regular(path / name)
    for name in wanted:
        if name.endswith(".json"):
            read_json(path / name)
    header = _describe(path, wanted, chosen)
    return ModelFolder(header, tuple(sorted(wanted)))


def _shards(path: Path, there: Collection[str]) -> set[str]:
    """The files that the weights are in, as the index says if there is one."""
    if INDEX in there:
        check_regular(path / INDEX)
        names = shard_names(read_json(path / INDEX))
    else:
        names = {name for name in there if name.endswith(".safetensors")}
    for name in names:
        if not _SHARD.fullmatch(name):
            raise DamagedFileError(f"{name[:80]!r} is no name for a file of weights")
        if name not in there:
            raise DamagedFileError(f"{name[:80]} is not there")
    if not names:
        raise DamagedFileError(_unknown(there))
    return names


def _unknown(there: Collection[str]) -> str:
    if any(name.endswith((".bin", ".pt", ".pth", ".pkl", ".ckpt")) for name in there):
        return (
            "its weights are pickles, which can run programs; Funland reads safetensors, GGUF,"
            " OpenVINO and CTranslate2"
        )
    if any(name.endswith(".gguf") for name in there):
        return "name its GGUF file itself, or the first of several"
    return "it has no weights of a format that Funland reads"


def _describe(path: Path, names: Collection[str], chosen: _Format) -> ModelHeader:
    config, tokenizer = (
        read_json(path / name) if name in names else dict[str, Any]()
        for name in ("config.json", "tokenizer_config.json")
    )
    template = "chat_template.jinja"
    if template in names and (path / template).stat().st_size > _LARGEST_TEMPLATE:
        raise DamagedFileError(f"{template} is larger than {_LARGEST_TEMPLATE} bytes")
    architecture = config.get("model_type")
    return ModelHeader(
        architecture=architecture[:80] if isinstance(architecture, str) else chosen.architecture,
        name="",
        description="",
        license="",
        quantization="",
        parameter_count=chosen.parameters(path, names),
        context_length=_number(config, "max_position_embeddings"),
        embedding_length=_number(config, "hidden_size"),
        has_chat_template=template in names or bool(tokenizer.get("chat_template")),
        format=chosen.name,
        cache_bytes_per_token=_cached_numbers(config) * chosen.cached_bytes,
        writes_text=not chosen.purpose,
        purpose=chosen.purpose,
        vocabulary_size=chosen.vocabulary(path),
    )


def _cached_numbers(config: Mapping[str, Any]) -> int:
    """How many numbers a token's keys and values are; 0 if the folder does not tell."""
    heads = _number(config, "num_attention_heads")
    length = _number(config, "head_dim")
    if not length and heads:
        length = _number(config, "hidden_size") // heads
    kept = _number(config, "num_key_value_heads") or heads
    return 2 * _number(config, "num_hidden_layers") * kept * length


def _number(config: Mapping[str, Any], key: str) -> int:
    value = config.get(key)
    return value if isinstance(value, int) and 0 < value < 2**31 else 0
