"""Gives adapters away as files, and takes those of PEFT."""

from __future__ import annotations

import asyncio
import re
import tempfile
import zipfile
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from google.api.httpbody_pb2 import HttpBody

from funland.v1 import training_pb2
from funland.v1.training_pb2 import ExportAdapterRequest
from funland_server.errors import FieldInvalidError, Violation
from funland_server.files.on_disk import to_its_end
from funland_server.models.adapters.peft.config import PeftError
from funland_server.models.formats.gguf import read_contents
from funland_server.models.formats.gguf_model import read_gguf
from funland_server.models.installed.model import InstalledModel, slug
from funland_server.training.leg import Parts
from funland_server.training.planning import Planning
from funland_server.training.store import Kept
from funland_server.training.submitting import made_of, refused
from funland_server.training.templates import FULL, LORA
from funland_server.workers.errors import AdapterInvalidError

_PART_BYTES: Final = 256 * 1024
_GGUF: Final = "application/octet-stream"
_ZIP: Final = "application/zip"
_DOWN: Final = ".lora_a"


@dataclass(frozen=True, slots=True)
class AdapterFiles:
    """The files of what was learnt, here or elsewhere."""

    parts: Parts
    planning: Planning

    async def export(
        self, kept: Kept, format_: ExportAdapterRequest.Format.ValueType
    ) -> AsyncGenerator[HttpBody]:
        """The file of a run's adapter, in parts; raises what `ExportAdapter` promises."""
        run = kept.run
        if kept.home_id != self.parts.store.home_id:
            raise refused(run, "another server of the database has it: ask that one")
        path = self.parts.folder(run.run_id).result
        if run.template_id == FULL and format_ == ExportAdapterRequest.PEFT:
            raise FieldInvalidError([Violation("format", "must be GGUF: a model came of the run")])
        try:
            if format_ == ExportAdapterRequest.PEFT:
                model = self.parts.catalog.get(run.model_id)
                file, kind = await to_its_end(_zipped, path, model), _ZIP
            else:
                file, kind = await to_its_end(path.open, "rb"), _GGUF
        except FileNotFoundError:
            raise refused(run, "it has no checkpoint yet") from None
        try:
            while data := await asyncio.to_thread(file.read, _PART_BYTES):
                yield HttpBody(content_type=kind, data=data)
        finally:
            file.close()

    async def take(
        self, request: training_pb2.ImportPeftAdapterRequest
    ) -> training_pb2.ImportPeftAdapterResponse:
        """Attaches an adapter of PEFT's; raises what `ImportPeftAdapter` promises."""
        model = self.parts.catalog.get(request.model_id)
        folder = Path(request.path)
        if "\0" in request.path or not folder.is_absolute():
            raise FieldInvalidError([Violation("path", "must be an absolute path")])
        await self.planning.network(model, LORA)
        adapter_id = request.adapter_id or made_of(slug(folder.name), ())
        await to_its_end(_make, self.parts.folders)
        with tempfile.TemporaryDirectory(prefix=".import-", dir=self.parts.folders) as work:
            made = Path(work) / f"{adapter_id}.gguf"
            try:
                layers, rank = await to_its_end(_taken, folder, model, made)
            except PeftError as error:
                raise AdapterInvalidError(
                    f"{folder.name[:120]!r} is no adapter for {model.model_id!r}: {error}.",
                    model=model.model_id,
                    file=folder.name[:120],
                ) from None
            await self.parts.attaching.attach(model, str(made), adapter_id)
        return training_pb2.ImportPeftAdapterResponse(
            adapter_id=adapter_id, layers=layers, rank=rank
        )


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)


def _taken(folder: Path, model: InstalledModel, made: Path) -> tuple[list[str], int]:
    """Writes an adapter of PEFT's as a GGUF; gives its layers and its rank."""
    from funland_server.models.adapters.peft.importing import import_peft  # noqa: PLC0415 - numpy, for who needs it

    import_peft(folder, read_gguf(model.path).contents, made)
    shapes = read_contents(made).shapes
    pairs = {name.removesuffix(_DOWN): shape for name, shape in shapes.items() if _DOWN in name}
    layers = [name.removesuffix(".weight") for name in pairs]
    layers.sort(
        key=lambda name: [int(part) if part.isdecimal() else part for part in _parted(name)]
    )
    return layers, max(shape[1] for shape in pairs.values())


def _parted(name: str) -> list[str]:
    return re.split(r"(\d+)", name)


def _zipped(path: Path, model: InstalledModel) -> IO[bytes]:
    """A ZIP of what PEFT reads, at its beginning; it is gone when it is closed."""
    from funland_server.models.adapters.peft.exporting import export_peft  # noqa: PLC0415 - numpy, for who needs it

    files = export_peft(path, read_gguf(model.path).contents, model.header.name or model.model_id)
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever gets it closes it
    try:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(_entry("adapter_config.json"), files.config)
            archive.writestr(_entry("adapter_model.safetensors"), files.weights)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _entry(name: str) -> zipfile.ZipInfo:
    """Without the time of day, so that equal adapters are equal files."""
    entry = zipfile.ZipInfo(name)
    entry.external_attr = 0o644 << 16
    return entry
