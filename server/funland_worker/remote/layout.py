"""Lays a model's files out by the names that its engine wants, and names them in the launch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from funland.v1.errors_pb2 import ErrorReason
from funland.worker.v1.remote_pb2 import RemoteLaunch
from funland.worker.v1.worker_pb2 import Launch
from funland_worker.engines.protocol import EngineError


def lay_out(request: RemoteLaunch, found: Mapping[str, Path], folder: Path) -> Launch:
    """The launch with paths of this machine; the files are links in `folder`, which is empty.
    `found` says where they lie, by digest. Blocks; raises OSError.

    Raises:
        EngineError: MODEL_LOAD_FAILED: a file is not there, or its name leads out of the folder.
    """
    for name, file in request.files.items():
        if file.sha256 not in found:
            raise EngineError(ErrorReason.MODEL_LOAD_FAILED, f"The file {name!r} is not there.")
        path = _inside(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(found[file.sha256])
    launch = Launch()
    launch.CopyFrom(request.launch)
    launch.model_path = str(_inside(folder, launch.model_path))
    if launch.draft_model_path:
        launch.draft_model_path = str(_inside(folder, launch.draft_model_path))
    if launch.projector_path:
        launch.projector_path = str(_inside(folder, launch.projector_path))
    for adapter_id, name in request.launch.adapters.items():
        launch.adapters[adapter_id] = str(_inside(folder, name))
    return launch


def _inside(folder: Path, name: str) -> Path:
    pure = PurePosixPath(name)
    if pure.is_absolute() or not pure.parts or ".." in pure.parts or "\0" in name:
        raise EngineError(ErrorReason.MODEL_LOAD_FAILED, f"{name!r} is no name of a file.")
    return folder / pure
