"""Makes of a list of files what can be installed: pure, for lists that may hold anything."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from funland.v1.models_pb2 import Model
from funland_server.downloads.files import names
from funland_server.hub.clients.protocol import ListedFile
from funland_server.models.formats.pictures import INDEX as PICTURES
from funland_server.models.formats.pictures import picture_files
from funland_server.models.formats.quantizations import quantization_of
from funland_server.models.formats.voices.kokoro import FOLDERS
from funland_server.models.formats.voices.piper import DESCRIBED
from funland_server.models.formats.voices.reading import voice_files
from funland_server.models.installed.layout import is_projector

_SHARD: Final = re.compile(r"(?P<prefix>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf")
_NO_MODEL: Final = re.compile(
    r"(?:^|[^a-z0-9])(?:mmproj|imatrix|projector|vocab|adapter|lora|draft|eagle\d?|mtp|control-vector)"
    r"(?:$|[^a-z0-9])"
)
"""Parts of the names of GGUF files that are no models: projectors, importance matrices,
vocabularies, adapters, and heads that guess for another model."""
_PROJECTORS: Final = ("F16", "BF16", "Q8_0", "F32")
"""The quantizations of projectors, the best first."""
_MOST_SHARDS: Final = 1000
_INDEX: Final = "model.safetensors.index.json"
_ONE: Final = "model.safetensors"
_SAFETENSORS: Final = re.compile(r"model-(?P<number>\d{5})-of-(?P<count>\d{5})\.safetensors")
_DESCRIPTIONS: Final = (
    "config.json", "generation_config.json", "special_tokens_map.json", "tokenizer_config.json",
    "chat_template.jinja",
)  # fmt: skip
"""What a folder's reader reads beside weights and tokenizer, if it is there."""
_OPENVINO_WHISPER: Final = (
    "openvino_encoder_model.xml", "openvino_encoder_model.bin", "openvino_decoder_model.xml",
    "openvino_decoder_model.bin", "config.json", "tokenizer.json",
)  # fmt: skip
_HEARING: Final = ("preprocessor_config.json",)
"""What it reads of models that hear, too."""


@dataclass(frozen=True, slots=True)
class Variant:
    """What can be installed: a GGUF file, several that belong together, or a folder."""

    name: str
    """The quantization where that is unique, else the first file's path; a tag of Ollama's."""
    format: Model.Format.ValueType
    quantization: str
    """By llama.cpp's name; empty if unknown."""
    files: tuple[ListedFile, ...]
    """The weights first."""

    @property
    def size_bytes(self) -> int | None:
        """All files together; None if the hub does not tell."""
        sizes = [file.size_bytes for file in self.files]
        return None if None in sizes else sum(size or 0 for size in sizes)

    def is_called(self, name: str) -> bool:
        """Whether somebody may mean it: by its name, quantization, a file's path or name, or the
        folder that it is in."""
        wanted = name.lower().rstrip("/")
        paths = [file.path.lower() for file in self.files]
        folder = paths[0].rpartition("/")[0]
        known = (self.name.lower(), self.quantization.lower(), folder, *paths)
        return bool(wanted) and (
            wanted in known or any(wanted == path.rpartition("/")[2] for path in paths)
        )


def tagged_variant(tag: str, quantization: str, files: Sequence[ListedFile]) -> Variant:
    """The variant of a tag of Ollama's."""
    first = sorted(files, key=lambda file: not file.path.endswith(".gguf"))
    return Variant(tag, Model.GGUF, quantization, tuple(first))


def variants_of(files: Iterable[ListedFile], quantization: str = "") -> list[Variant]:
    """All that can be installed of a model, the smallest first. `quantization` is what the hub
    says of the model as a whole. Files whose paths lead elsewhere, pickles and programs are in
    none of them, and of shards only complete sets are told."""
    every = {file.path: file for file in files}
    allowed = {
        path: file
        for path, file in every.items()
        if names.complaint(path) is None and not names.is_never_fetched(path, every.keys())
    }
    found = [*_gguf(allowed), *_folders(allowed), *_pictures(allowed), *_voices(allowed)]
    if len(found) == 1 and not found[0].quantization and quantization:
        found = [replace(found[0], quantization=quantization)]
    found.sort(key=lambda one: (one.size_bytes is None, one.size_bytes or 0, one.files[0].path))
    return _named(found)


def _named(variants: list[Variant]) -> list[Variant]:
    """Each by its quantization, or by its first file where another has the same."""
    labels = [one.name or one.quantization for one in variants]
    return [
        replace(one, name=label if label and labels.count(label) == 1 else one.files[0].path)
        for one, label in zip(variants, labels, strict=True)
    ]


def _gguf(files: Mapping[str, ListedFile]) -> Iterable[Variant]:
    for path, file in files.items():
        name = path.rpartition("/")[2]
        if not name.lower().endswith(".gguf") or _NO_MODEL.search(name.lower()):
            continue
        label, quantization = quantization_of(path)
        shard = _SHARD.fullmatch(path)
        beside = _projector(files, path)
        if shard is None:
            yield Variant(label, Model.GGUF, quantization, (file, *beside))
        elif int(shard["number"]) == 1 and (shards := _shards(files, shard)) is not None:
            yield Variant(label, Model.GGUF, quantization, (*shards, *beside))


def _projector(files: Mapping[str, ListedFile], weights: str) -> tuple[ListedFile, ...]:
    """What shows a model pictures or sounds: the projector that lies in its folder, or else in the
    first; of several the one in 16 bits, as others are coarser or twice as large."""
    for folder in dict.fromkeys((weights.rpartition("/")[0], "")):
        found = [path for path in files if path.rpartition("/")[0] == folder and is_projector(path)]
        if found:
            return (files[min(found, key=lambda path: (_coarseness(path), path))],)
    return ()


def _coarseness(path: str) -> int:
    quantization = quantization_of(path)[1]
    return _PROJECTORS.index(quantization) if quantization in _PROJECTORS else len(_PROJECTORS)


def _shards(files: Mapping[str, ListedFile], first: re.Match[str]) -> tuple[ListedFile, ...] | None:
    """All files of a set, in order; None if one is missing."""
    count = int(first["count"])
    if not 0 < count <= _MOST_SHARDS:
        return None
    paths = [f"{first['prefix']}-{n:05}-of-{count:05}.gguf" for n in range(1, count + 1)]
    if not all(path in files for path in paths):
        return None
    return tuple(files[path] for path in paths)


def _folders(files: Mapping[str, ListedFile]) -> Iterable[Variant]:
    folders: dict[str, dict[str, ListedFile]] = {}
    for path, file in files.items():
        folder, _, name = path.rpartition("/")
        folders.setdefault(folder, {})[name] = file
    for there in folders.values():
        if chosen := _chosen(there):
            kind, required, optional = chosen
            wanted = (*required, *(name for name in (*optional, *_DESCRIPTIONS) if name in there))
            if all(name in there for name in required):
                ordered = tuple(there[name] for name in dict.fromkeys(wanted))
                yield Variant("", kind, "", ordered)


def _pictures(files: Mapping[str, ListedFile]) -> Iterable[Variant]:
    """Models that paint: folders of several networks."""
    for path in files:
        folder, _, name = path.rpartition("/")
        if name != PICTURES:
            continue
        root = f"{folder}/" if folder else ""
        below = {one.removeprefix(root) for one in files if one.startswith(root)}
        if (chosen := picture_files(below)) is not None:
            ordered = tuple(files[root + one] for one in chosen)
            yield Variant("", Model.OPENVINO_IR, "", ordered)


def _voices(files: Mapping[str, ListedFile]) -> Iterable[Variant]:
    """Models that speak, each in a folder, or in that and those below it."""
    roots = dict.fromkeys(
        path.rpartition("/")[0] for path in files if path.endswith((DESCRIBED, ".onnx"))
    )
    parents = {
        root.rpartition("/")[0] if root.rpartition("/")[2] in FOLDERS else root for root in roots
    }
    for folder in sorted(parents):
        root = f"{folder}/" if folder else ""
        below = {one.removeprefix(root) for one in files if one.startswith(root)}
        for chosen in voice_files(below):
            ordered = tuple(files[root + one] for one in chosen)
            yield Variant("", Model.ONNX, "", ordered)


def _chosen(
    there: Mapping[str, ListedFile],
) -> tuple[Model.Format.ValueType, Sequence[str], Sequence[str]] | None:
    """A folder's format, and the files that it must have and may have: as the folder's reader
    (`models.formats.folder`) has it."""
    if "openvino_model.xml" in there:
        required = ("openvino_model.xml", "openvino_model.bin", "tokenizer.json")
        return Model.OPENVINO_IR, required, ()
    if "openvino_encoder_model.xml" in there:  # a Whisper
        return Model.OPENVINO_IR, _OPENVINO_WHISPER, _HEARING
    if "model.bin" in there and "vocabulary.json" in there:
        required = ("model.bin", "config.json", "vocabulary.json", "tokenizer.json")
        return Model.CTRANSLATE2, required, _HEARING
    if "model.bin" in there and "vocabulary.txt" in there:  # a Whisper, as it was converted once
        return Model.CTRANSLATE2, ("model.bin", "config.json", "vocabulary.txt"), (
            "tokenizer.json", *_HEARING,
        )  # fmt: skip
    if "config.json" in there and (weights := _weights(there)):
        return Model.SAFETENSORS, (*weights, "config.json", "tokenizer.json"), (_INDEX,)
    return None


def _weights(there: Mapping[str, ListedFile]) -> tuple[str, ...]:
    """The safetensors files of a folder; none if a shard is missing. What lies beside those of
    the usual names is the same weights in another cut."""
    shards = {name: found for name in there if (found := _SAFETENSORS.fullmatch(name))}
    if _INDEX in there and shards:
        count = int(next(iter(shards.values()))["count"])
        if count > _MOST_SHARDS:
            return ()
        wanted = tuple(f"model-{n:05}-of-{count:05}.safetensors" for n in range(1, count + 1))
        return wanted if all(name in there for name in wanted) else ()
    return (_ONE,) if _ONE in there else ()
