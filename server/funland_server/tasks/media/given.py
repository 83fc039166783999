"""What the work of a task may bring along: a task is a row in the database, and files are files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from funland.v1.tasks_pb2 import Work
from funland_server.errors import FieldInvalidError, Violation

MOST_BYTES: Final = 256 * 1024
"""Of sound or of pictures, all together: some seconds of speech, or a small picture."""


def check_given(work: Work) -> None:
    """Raises FieldInvalidError for work that brings more than belongs into a row."""
    given = list(_given(work))
    if sum(count for _, count, _ in given) > MOST_BYTES:
        raise FieldInvalidError(
            [
                Violation(
                    field,
                    f"may have {MOST_BYTES} bytes in a task, with the others together; upload it"
                    f" with FileService.UploadFile and give its id as {instead}",
                )
                for field, count, instead in given
                if count
            ]
        )


def file_ids(work: Work) -> list[str]:
    """The kept files that a task begins with."""
    named = (
        work.transcription.file_id,
        work.images.image_file_id,
        work.images.mask_file_id,
    )
    return [file_id for file_id in named if file_id]


def _given(work: Work) -> Iterator[tuple[str, int, str]]:
    """Each field of bytes, how many it has, and the field for a file in its place."""
    yield "work.transcription.audio", len(work.transcription.audio), "file_id"
    yield "work.images.image", len(work.images.image), "image_file_id"
    yield "work.images.mask", len(work.images.mask), "mask_file_id"
