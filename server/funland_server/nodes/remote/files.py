"""The files that a worker needs on another machine, by the names that they get there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from funland.worker.v1.remote_pb2 import RemoteLaunch, WeightsFile
from funland_server.blobs.placing import sha256_of
from funland_server.workers.spec import WorkerSpec, to_wire

_MODEL, _DRAFT, _ADAPTERS = "model", "draft", "adapters"


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent for a worker."""

    launch: RemoteLaunch
    paths: dict[str, Path]
    """Where its files lie here, by digest."""

    @property
    def size_bytes(self) -> int:
        """Of all files together, each once."""
        return sum({file.sha256: file.size_bytes for file in self.launch.files.values()}.values())


def pack(spec: WorkerSpec, token: str) -> Parcel:
    """What a worker is told at its start on another machine, and the files for it. Blocks: files
    whose digest is not known are hashed. Raises OSError."""
    launch = to_wire(spec, "", token, 0)
    # What this machine keeps of a model is nothing to another.
    for name in (
        "prefix_folder", "prefix_folder_bytes", "prefix_key", "conversion_folder", "compile_folder",
    ):  # fmt: skip
        launch.ClearField(name)
    told: dict[str, WeightsFile] = {}
    paths: dict[str, Path] = {}

    def add(path: Path, name: str) -> None:
        sha256 = spec.digests.get(path) or sha256_of(path)
        told[name] = WeightsFile(sha256=sha256, size_bytes=path.stat().st_size)
        paths[sha256] = path

    def place(path: Path, folder: str) -> str:
        """Adds a model's files, and gives the name of the one that its engine is told."""
        if path.is_dir():
            for file in sorted(
                one for one in path.rglob("*") if one.is_symlink() or not one.is_dir()
            ):
                add(file, f"{folder}/{file.relative_to(path).as_posix()}")
            return folder
        several = [file for file in spec.digests if file.parent == path.parent]
        for file in several or [path]:
            add(file, f"{folder}/{file.name}")
        return f"{folder}/{path.name}"

    launch.model_path = place(spec.path, _MODEL)
    if spec.projector_path is not None:  # among the model's files
        launch.projector_path = f"{_MODEL}/{spec.projector_path.name}"
    if spec.draft_model_path is not None:
        launch.draft_model_path = place(spec.draft_model_path, _DRAFT)
    for adapter_id, path in spec.adapters.items():
        name = f"{_ADAPTERS}/{adapter_id}{path.suffix}"
        add(path, name)
        launch.adapters[adapter_id] = name
    return Parcel(RemoteLaunch(launch=launch, files=told), paths)
