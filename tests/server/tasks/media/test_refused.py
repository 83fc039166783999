"""Tasks of speech and pictures that are refused at once, or fail for good."""

from __future__ import annotations

import grpc.aio
import pytest

from funland.v1.images_pb2 import GenerateImagesRequest
from funland.v1.speech_pb2 import SynthesizeRequest, TranscribeRequest
from funland.v1.tasks_pb2 import Lane, ListLanesRequest, Work
from funland_server.app import Server
from funland_server.tasks.media.given import MOST_BYTES
from tests.server.conftest import call, details
from tests.server.tasks import calls


@pytest.mark.parametrize(
    ("work", "reason", "fields"),
    [
        (Work(speech=SynthesizeRequest()), "FIELD_INVALID", ["work.speech.text"]),
        (
            Work(transcription=TranscribeRequest(audio=bytes(MOST_BYTES + 1))),
            "FIELD_INVALID",
            ["work.transcription.audio"],
        ),
        (Work(transcription=TranscribeRequest(file_id="none")), "FILE_NOT_FOUND", []),
        (
            Work(images=GenerateImagesRequest(prompt="a", image=bytes(MOST_BYTES + 1))),
            "FIELD_INVALID",
            ["work.images.image"],
        ),
        (
            Work(images=GenerateImagesRequest(prompt="a", image_file_id="none")),
            "FILE_NOT_FOUND",
            [],
        ),
    ],
)
async def test_what_no_server_could_do_is_no_task(
    server: Server, work: Work, reason: str, fields: list[str]
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await calls.submit(server, work)

    told = details(raised.value)
    violations = told["BadRequest"].field_violations if "BadRequest" in told else ()
    assert told["ErrorInfo"].reason == reason
    assert [one.field for one in violations] == fields
    assert not (await calls.listed(server)).tasks


async def test_speech_and_pictures_have_lanes_of_their_own(server: Server) -> None:
    lanes = (await call(server, "ListLanes", ListLanesRequest())).lanes

    limits = {lane.name: lane.limit for lane in lanes}
    assert (limits[Lane.SPEECH], limits[Lane.PICTURES]) == (2, 1)
