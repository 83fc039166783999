"""Models on the disk: a folder for each, with the weights and what is known of them.

    models/
      qwen2.5-0.5b-instruct-q8_0/
        model.gguf
        model.json
      qwen3-235b/                    for a GGUF in several files
        model-00001-of-00003.gguf
        model-00002-of-00003.gguf
        model-00003-of-00003.gguf
        model.json
      tinyllama/
        model/                       for the other formats
        model.json

A folder gets its final name only when all its files are whole and on the disk.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import structlog
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from funland_server.models.formats.folder import read_folder
from funland_server.models.formats.gguf_model import named_parts, part_name, read_gguf
from funland_server.models.formats.header import ModelHeader
from funland_server.models.formats.reading import is_folder
from funland_server.models.installed.model import Fingerprint, InstalledModel, sha256_of_files

logger = structlog.get_logger(__name__)

_STEM, _FILE, _FOLDER, _MANIFEST = "model", "model.gguf", "model", "model.json"
_CHUNK = 4 * 1024**2


@dataclass(frozen=True)
class _Manifest:
    model_id: str
    aliases: tuple[str, ...]
    source: str
    sha256: str
    fingerprint: Fingerprint
    header: ModelHeader
    create_time: datetime


_adapter = TypeAdapter(_Manifest)


class ModelStore:
    """The installed models' files. Its methods block: call them from a thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self) -> list[InstalledModel]:
        """All models that are whole; what is not is logged and passed over."""
        self._folder.mkdir(parents=True, exist_ok=True)
        models: list[InstalledModel] = []
        for folder in sorted(self._folder.iterdir()):
            if folder.name.startswith("."):  # an import or a delete that never ended
                shutil.rmtree(folder, ignore_errors=True)
                continue
            if folder.is_symlink() or not folder.is_dir():
                continue
            try:
                models.append(self._read(folder))
            except (OSError, ValidationError) as error:
                logger.warning("model_passed_over", folder=folder.name, error=str(error))
        return models

    def add(self, source: Path, model_id: str, aliases: tuple[str, ...], header: ModelHeader,
            expected_sha256: str | None) -> InstalledModel | None:  # fmt: skip
        """Copies a model's file or files, those of a folder that count, into the store; None if the
        SHA-256 is not the expected one.

        Raises:
            OSError: The disk is full, or a file can't be read.
            ModelFileInvalidError: The files have changed since they were checked.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=".import-", dir=self._folder))
        try:
            weights = partial / _place(header)
            if is_folder(source):
                digest = _copy_folder(source, weights)
                header = read_folder(weights).header
            elif header.files > 1:
                digest = _copy_parts(named_parts(source), named_parts(weights))
                header = read_gguf(weights).header
            else:
                digest = _copy(source, weights)
            if expected_sha256 and digest != expected_sha256:
                return None
            model = InstalledModel(
                model_id=model_id,
                aliases=aliases,
                source=source.name,
                path=weights,
                sha256=digest,
                fingerprint=Fingerprint.of(weights),
                header=header,
                create_time=datetime.now(UTC),
            )
            _write_manifest(partial, model)
            final = self._folder / model_id
            partial.rename(final)
            _sync(self._folder)
            return replace(model, path=final / weights.name)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def update(self, model: InstalledModel) -> None:
        """Writes anew what is known of a model."""
        _write_manifest(model.path.parent, model)

    def remove(self, model: InstalledModel) -> None:
        """Deletes a model's folder: at once by name, so that no half of it is ever found."""
        trash = Path(tempfile.mkdtemp(prefix=".deleted-", dir=self._folder))
        model.path.parent.rename(trash / model.model_id)
        shutil.rmtree(trash)

    def _read(self, folder: Path) -> InstalledModel:
        manifest = _adapter.validate_json((folder / _MANIFEST).read_bytes())
        return InstalledModel(
            model_id=folder.name,
            aliases=manifest.aliases,
            source=manifest.source,
            path=folder / _place(manifest.header),
            sha256=manifest.sha256,
            fingerprint=manifest.fingerprint,
            header=manifest.header,
            create_time=manifest.create_time,
        )


def _place(header: ModelHeader) -> str:
    """Where the weights lie in a model's folder."""
    if header.format != "GGUF":
        return _FOLDER
    return _FILE if header.files == 1 else part_name(_STEM, 0, header.files)


def _copy_folder(source: Path, target: Path) -> str:
    """Copies the files of a folder that count and gives the SHA-256 of them all."""
    target.mkdir()
    copied: dict[str, tuple[int, str]] = {}
    for name in read_folder(source).files:
        digest = _copy(source / name, target / name, flags=os.O_NOFOLLOW | os.O_NONBLOCK)
        copied[name] = ((target / name).stat().st_size, digest)
    _sync(target)
    return sha256_of_files(copied)


def _copy_parts(sources: Sequence[Path], targets: Sequence[Path]) -> str:
    """Copies a model's files and gives the SHA-256 of them all."""
    copied: dict[str, tuple[int, str]] = {}
    for source, target in zip(sources, targets, strict=True):
        digest = _copy(source, target)
        copied[target.name] = (target.stat().st_size, digest)
    return sha256_of_files(copied)


def _copy(source: Path, target: Path, flags: int = 0) -> str:
    """Copies a file, opened with these flags more, and gives its SHA-256; on return it is on the
    disk."""
    digest = hashlib.sha256()
    handle = os.open(source, os.O_RDONLY | flags)
    with os.fdopen(handle, "rb") as reader, target.open("xb") as writer:
        while chunk := reader.read(_CHUNK):
            digest.update(chunk)
            writer.write(chunk)
        writer.flush()
        os.fsync(writer.fileno())
    return digest.hexdigest()


def _write_manifest(folder: Path, model: InstalledModel) -> None:
    values = asdict(model)
    del values["path"]
    partial = folder / (_MANIFEST + ".new")
    with partial.open("wb") as file:
        file.write(_adapter.dump_json(_adapter.validate_python(values), indent=2))
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / _MANIFEST)
    _sync(folder)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
