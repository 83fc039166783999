"""Where a model's files lie in its folder of the store, whatever a hub or a user calls them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Mapping
from pathlib import PurePosixPath
from typing import Final

from funland.v1.models_pb2 import Model
from funland_server.models.formats.gguf_model import part_name
from funland_server.models.formats.header import ModelHeader
from funland_server.models.formats.pictures import INDEX as PICTURES
from funland_server.models.formats.pictures import picture_files
from funland_server.models.formats.projector import FILE as PROJECTOR
from funland_server.models.formats.voices.reading import voice_files
from funland_server.workers.errors import ModelFileInvalidError

_STEM, _FILE, _FOLDER = "model", "model.gguf", "model"
_MMPROJ: Final = re.compile(r"(?:^|[^a-z0-9])mmproj(?:$|[^a-z0-9]).*\.gguf$")
_PART: Final = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf", re.DOTALL)


def place(header: ModelHeader) -> str:
    """Where the weights of an installed model lie: its only file, the first of several, or their
    folder."""
    if header.format != "GGUF":
        return _FOLDER
    return gguf_names(header.files)[0]


def gguf_names(files: int) -> list[str]:
    """The names of a GGUF model's files, by which llama.cpp finds all of several."""
    if files == 1:
        return [_FILE]
    return [part_name(_STEM, number, files) for number in range(files)]


def folder_name(name: str) -> str:
    """The path of a file that lies in the folder of a model that has one."""
    return f"{_FOLDER}/{name}"


def layout(model_format: Model.Format.ValueType, paths: Collection[str]) -> Mapping[str, str]:
    """The paths on a hub of the files that a model is made of, by those that they get here.

    Raises:
        ModelFileInvalidError: They don't belong together, or one of several is missing. The message
            names the file.
    """
    if model_format == Model.GGUF:
        return _gguf(paths)
    if roots := [path for path in paths if PurePosixPath(path).name == PICTURES]:
        return {folder_name(name): path for name, path in _below(roots[0], paths).items()}
    if model_format == Model.ONNX:
        return {folder_name(name): path for name, path in _spoken(paths).items()}
    folders = {str(PurePosixPath(path).parent) for path in paths}
    if len(folders) != 1:
        first, *_, last = sorted(paths) or [""]
        raise _invalid(last, f"it does not lie in one folder with {first}")
    return {folder_name(_plain(path)): path for path in paths}


def _below(index: str, paths: Collection[str]) -> Mapping[str, str]:
    """The files of a model that paints by their paths below its index, all of which count."""
    root = index.removesuffix(PICTURES)
    below = {path.removeprefix(root): path for path in paths if path.startswith(root)}
    known = picture_files(below.keys()) or ()
    for path in sorted(paths):
        if not path.startswith(root) or path.removeprefix(root) not in known:
            raise _invalid(path, f"it is no part of the model of {index}")
    return below


def _spoken(paths: Collection[str]) -> Mapping[str, str]:
    """The files of a model that speaks by their paths below its folder, all of which count."""
    if paths:
        root = posixpath.commonpath([posixpath.dirname(path) for path in paths])
        below = {posixpath.relpath(path, root or "."): path for path in paths}
        if any(below.keys() == set(found) for found in voice_files(below.keys())):
            return below
    raise _invalid(min(paths, default="The model"), "it is no part of a model that speaks")


def _gguf(paths: Collection[str]) -> Mapping[str, str]:
    projectors = sorted(filter(is_projector, paths))
    beside = {PROJECTOR: projectors[0]} if projectors else {}
    return {**_gguf_weights([path for path in paths if path not in projectors]), **beside}


def is_projector(path: str) -> bool:
    """Whether a file's name says that it shows a model pictures or sounds."""
    return _MMPROJ.search(path.rpartition("/")[2].lower()) is not None


def _gguf_weights(paths: Collection[str]) -> Mapping[str, str]:
    weights = sorted(path for path in paths if path.endswith(".gguf"))
    if len(weights) == 1:
        return {_FILE: weights[0]}
    if not weights:
        raise _invalid(next(iter(paths), "The model"), "there is no GGUF file")
    parts = {path: _PART.fullmatch(path) for path in weights}
    first = parts[weights[0]]
    if first is None:
        raise _invalid(weights[1], f"it is no part of the model of {weights[0]}")
    count = int(first[3])
    wanted = [part_name(first[1], number, count) for number in range(count)]
    for path in weights:
        if path not in wanted:
            raise _invalid(path, f"it is no part of the model of {weights[0]}")
    for path in wanted:
        if path not in parts:
            raise _invalid(path, "it is missing")
    return dict(zip(gguf_names(count), wanted, strict=True))


def _plain(path: str) -> str:
    name = PurePosixPath(path).name
    if name in ("", "..") or "\\" in name or "\0" in name:
        raise _invalid(path, "its name is none")
    return name


def _invalid(path: str, why: str) -> ModelFileInvalidError:
    name = path.rpartition("/")[2][:200]
    return ModelFileInvalidError(f"{name} can't be installed: {why}.", file=name)
