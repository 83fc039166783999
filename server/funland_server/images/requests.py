"""A request for pictures, as a worker is told of it."""

from __future__ import annotations

import secrets
from pathlib import Path

from funland.v1.images_pb2 import GenerateImagesRequest
from funland.worker.v1.worker_pb2 import Job, PaintImages
from funland_server.errors import FieldInvalidError, Violation
from funland_server.files.domain import Files

_SEEDS = 2**32


async def job_of(
    request: GenerateImagesRequest,
    files: Files,
    *,
    most_pixels: int,
    most_bytes: int = 0,
    background: bool = False,
) -> Job:
    """The job of a request, with a seed; see `PaintImages`.

    Raises:
        FieldInvalidError: A picture is given twice.
        UnknownFileError, FileElsewhereError: A file can't be had.
    """
    told = GenerateImagesRequest()
    told.CopyFrom(request)
    if not told.HasField("seed"):
        told.seed = secrets.randbelow(_SEEDS)
    paint = PaintImages(most_pixels=most_pixels, most_bytes=most_bytes)
    if path := await _path(told, "image", files):
        paint.image_path = str(path)
    if path := await _path(told, "mask", files):
        paint.mask_path = str(path)
    told.ClearField("image_file_id")
    told.ClearField("mask_file_id")
    paint.request.CopyFrom(told)
    return Job(paint=paint, background=background)


async def _path(request: GenerateImagesRequest, field: str, files: Files) -> Path | None:
    file_id: str = getattr(request, f"{field}_file_id")
    if not file_id:
        return None
    if getattr(request, field):
        raise FieldInvalidError([Violation(f"{field}_file_id", f"must be empty beside `{field}`")])
    return await files.path(file_id)
