"""A model that is installed on this machine."""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from funland.v1.models_pb2 import Model, Origin
from funland_server.blobs.placing import sha256_of
from funland_server.models.formats.gguf_model import named_parts
from funland_server.models.formats.header import ModelHeader
from funland_server.models.formats.projector import FILE as PROJECTOR
from funland_server.models.installed.defaults import Defaults

MAX_ID = 96
_RANK: Final = 4
"""llama.cpp's number for a score instead of a vector."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What shows cheaply that a file is probably unchanged."""

    size_bytes: int
    modified_ns: int

    @classmethod
    def of(cls, path: Path) -> Fingerprint:
        """The file's, or that of several together, as it is now; raises OSError."""
        paths = files_of(path)
        files = [file.stat() for file in paths]
        if paths == [path]:
            return cls(files[0].st_size, files[0].st_mtime_ns)
        # A sum, since any of them may have changed; in the range of JSON's usual integers.
        changes = sum(file.st_mtime_ns for file in files) % 2**53
        return cls(sum(file.st_size for file in files), changes)


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """A set of weights in the store, or the one that comes with Funland."""

    model_id: str
    aliases: tuple[str, ...]
    source: str
    path: Path
    """The file, the first of several, or the folder of a format that has several."""
    sha256: str
    fingerprint: Fingerprint
    header: ModelHeader
    create_time: datetime | None
    """None for the built-in model."""
    files: Mapping[str, str] = field(default_factory=dict[str, str])
    """The SHA-256 of each of its files, by its path in the model's folder. Empty for a model that
    was installed before there was a content store."""
    origin: Origin | None = None
    """Where on a hub it was downloaded."""
    defaults: Defaults = field(default_factory=Defaults)

    @property
    def built_in(self) -> bool:
        """Whether the model comes with Funland."""
        return self.create_time is None

    @property
    def projector(self) -> Path | None:
        """The file that shows it pictures and sounds, if it has one."""
        return self.path.parent / PROJECTOR if self.header.projector is not None else None

    @property
    def size_bytes(self) -> int:
        """All its files together."""
        projector = self.header.projector
        return self.fingerprint.size_bytes + (projector.size_bytes if projector else 0)

    @property
    def has_chat_template(self) -> bool:
        """Whether its files have one, or whoever published it gave one."""
        return self.header.has_chat_template or bool(self.defaults.chat_template)

    @property
    def kind(self) -> Model.Kind.ValueType:
        """What calls of it are for, as far as its files tell."""
        header = self.header
        if header.purpose:
            return Model.Kind.Value(header.purpose)
        if header.pooling == _RANK:
            return Model.RANKING
        if header.pooling or not header.writes_text:
            return Model.EMBEDDING
        return Model.TEXT

    @property
    def format(self) -> Model.Format.ValueType:
        """How the weights are stored."""
        return Model.Format.Value(self.header.format)


def slug(file_name: str) -> str:
    """A model id made of a file's name: `Qwen2.5 0.5B Q8.gguf` gives `qwen2.5-0.5b-q8`."""
    stem = re.sub(r"(-\d{5}-of-\d{5})?\.gguf$", "", file_name.lower())
    cleaned = re.sub(r"[^a-z0-9._-]+", "-", stem).strip("-._")
    return cleaned[:MAX_ID].rstrip("-._") or "model"


_BEFORE: Final[Mapping[Origin.Hub.ValueType, tuple[str, ...]]] = {
    Origin.MODELSCOPE: ("modelscope:", "ms:"),
    Origin.HUGGINGFACE: ("hf.co/", "huggingface:", "hf:"),
    Origin.OLLAMA: ("ollama:",),
}
"""What a name may have before it that was pulled, to say the hub."""


def hub_names(origin: Origin) -> tuple[str, ...]:
    """What requests may call a model of a hub, the plainest first."""
    named = f"{origin.model_id}:{origin.variant}"
    if origin.hub != Origin.OLLAMA:
        plain = (origin.model_id, named)
    else:
        plain = (named, origin.model_id) if origin.variant == "latest" else (named,)
    before = _BEFORE.get(origin.hub, ())
    return (*plain, *(prefix + name for prefix in before for name in plain))


def hub_slug(origin: Origin) -> str:
    """A model id made of a place on a hub: `Qwen/Qwen2.5-0.5B-Instruct-GGUF` and `Q4_K_M` give
    `qwen2.5-0.5b-instruct-q4_k_m`, `qwen2.5` and `0.5b` give `qwen2.5-0.5b`."""
    name = re.sub(r"[-_.]gguf$", "", origin.model_id.rpartition("/")[2].lower())
    variant = origin.variant.lower()
    if variant.endswith(".gguf") or "/" in variant:  # a path, which has the model's name mostly
        return slug(variant.rpartition("/")[2])
    if variant in ("", "latest") or slug(name).endswith(slug(variant)):
        return slug(name)
    return slug(f"{name[: MAX_ID - len(variant) - 1]}-{variant}")


def files_of(path: Path) -> list[Path]:
    """The files of an installed model: those of a folder and of the folders in it, all of several,
    or the only one. Raises OSError if there is nothing."""
    if stat.S_ISDIR(path.stat().st_mode):
        return [file for file in path.rglob("*") if not stat.S_ISDIR(file.lstat().st_mode)]
    return list(named_parts(path))


def sha256(path: Path) -> str:
    """The SHA-256 of a file as hexadecimal digits; of several, that of a list of them."""
    files = files_of(path)
    if files != [path]:
        folder = path if path.is_dir() else path.parent
        sums = {
            file.relative_to(folder).as_posix(): (file.stat().st_size, sha256_of(file))
            for file in files
        }
        return sha256_of_files(sums)
    return sha256_of(path)


def sha256_of_files(files: Mapping[str, tuple[int, str]]) -> str:
    """The SHA-256 of a line for each file, ordered by name: its SHA-256, size and name."""
    lines = [f"{digest} {size} {name}\n" for name, (size, digest) in sorted(files.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
