"""What a task may bring along in its row."""

from __future__ import annotations

import pytest

from funland.v1.images_pb2 import GenerateImagesRequest
from funland.v1.speech_pb2 import TranscribeRequest
from funland.v1.tasks_pb2 import Work
from funland_server.errors import FieldInvalidError
from funland_server.tasks.media.given import MOST_BYTES, check_given, file_ids


def test_small_things_are_taken_as_they_are() -> None:
    check_given(Work(transcription=TranscribeRequest(audio=bytes(MOST_BYTES))))
    check_given(Work(images=GenerateImagesRequest(prompt="a", image=bytes(MOST_BYTES))))


@pytest.mark.parametrize(
    ("work", "told"),
    [
        (
            Work(transcription=TranscribeRequest(audio=bytes(MOST_BYTES + 1))),
            {"work.transcription.audio": "file_id"},
        ),
        (
            Work(images=GenerateImagesRequest(image=bytes(MOST_BYTES), mask=b"1")),
            {"work.images.image": "image_file_id", "work.images.mask": "mask_file_id"},
        ),
    ],
)
def test_what_is_larger_is_refused_with_the_field_for_a_file(
    work: Work, told: dict[str, str]
) -> None:
    with pytest.raises(FieldInvalidError) as raised:
        check_given(work)

    violations = {one.field: one.description for one in raised.value.violations}
    assert violations.keys() == told.keys()
    assert all(violations[field].endswith(f"its id as {told[field]}") for field in told)


def test_the_files_of_a_task_are_those_that_it_names() -> None:
    images = GenerateImagesRequest(image_file_id="a", mask_file_id="b")

    assert file_ids(Work(images=images)) == ["a", "b"]
    assert file_ids(Work(transcription=TranscribeRequest(file_id="c"))) == ["c"]
    assert file_ids(Work()) == []
