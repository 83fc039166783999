"""Tasks that paint, with a real model: their pictures are files that go with them."""

from __future__ import annotations

import io
from typing import Any

import grpc.aio
import pytest
from PIL import Image as Pillow

from funland.v1.images_pb2 import GenerateImagesRequest, Image
from funland.v1.tasks_pb2 import Lane, ListLanesRequest, Task, Work
from funland_server.app import Server
from tests.server.conftest import call, details
from tests.server.tasks import calls
from tests.server.tasks.media.conftest import content, files, upload, workers


def work(**fields: Any) -> Work:
    asked: dict[str, Any] = {"prompt": "a cat", "steps": 2, "seed": 7, **fields}
    return Work(images=GenerateImagesRequest(**asked))


def endless(**fields: Any) -> Work:
    """So many steps that a test does something amid them."""
    return work(**{"steps": 200, "n": 16, **fields})


async def until_begun(server: Server, task_id: str) -> None:
    async for event in calls.watch(server, task_id):
        if event.task.progress_percent > 0:
            return
    raise AssertionError("It ended before.")


async def test_pictures_are_files_of_the_task(server: Server) -> None:
    asked = work(n=2)
    task = await calls.submit(server, asked)

    done = await calls.ended(server, task.task_id)

    answer = await call(server, "GenerateImages", asked.images)
    painted = done.result.images
    assert (done.state, done.lane, done.model) == (Task.COMPLETED, Lane.PICTURES, "painter")
    assert [image.data for image in painted.images] == [b"", b""]
    assert list(done.file_ids) == [image.file_id for image in painted.images]
    assert [await content(server, file_id) for file_id in done.file_ids] == [
        image.data for image in answer.images
    ]
    assert [(image.seed, image.media_type) for image in painted.images] == [
        (7, "image/png"),
        (8, "image/png"),
    ]
    assert (painted.model, painted.steps) == ("painter", 2)
    kept = await files(server)
    assert {(file.task_id, file.media_type) for file in kept} == {(task.task_id, "image/png")}
    assert [file.name for file in kept] == ["picture-1.png", "picture-2.png"]


async def test_a_task_that_is_deleted_takes_its_pictures_along(server: Server) -> None:
    task = await calls.submit(server, work())
    await calls.ended(server, task.task_id)
    assert await files(server)

    await calls.delete(server, task.task_id)

    assert not await files(server)


async def test_a_cancelled_task_ends_within_a_step_and_keeps_no_picture(server: Server) -> None:
    task = await calls.submit(server, endless())
    await until_begun(server, task.task_id)

    cancelled = await calls.cancel(server, task.task_id)

    assert cancelled.state == Task.CANCELLED
    assert 0 < cancelled.progress_percent < 100
    assert not await files(server)
    (worker,) = workers()
    after = await calls.ended(server, (await calls.submit(server, work())).task_id)
    assert after.state == Task.COMPLETED
    assert [one.pid for one in workers()] == [worker.pid]  # what was broken off is over


async def test_a_lost_worker_costs_a_try_and_leaves_no_picture_twice(server: Server) -> None:
    task = await calls.submit(server, endless(width=64, height=64))
    async for event in calls.watch(server, task.task_id):
        if event.task.file_ids:
            break

    for worker in workers():
        worker.kill()

    done = await calls.ended(server, task.task_id)
    assert (done.state, done.attempts) == (Task.COMPLETED, 2)
    assert len(await files(server)) == 16
    assert list(done.file_ids) == [image.file_id for image in done.result.images.images]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"model": "nobody's"}, "MODEL_NOT_FOUND"),
        ({"model": "funland-tiny"}, "MODEL_KIND_WRONG"),
        ({"prompt": "a Forbidden thing"}, "PROMPT_REFUSED"),
    ],
)
async def test_what_the_call_refuses_is_refused_at_once(
    server: Server, fields: dict[str, Any], reason: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await calls.submit(server, work(**fields))

    assert details(raised.value)["ErrorInfo"].reason == reason
    assert not (await calls.listed(server)).tasks


async def test_what_the_model_refuses_fails_at_once(server: Server) -> None:
    task = await calls.submit(server, work(width=34))

    failed = await calls.ended(server, task.task_id)

    assert (failed.state, failed.attempts) == (Task.FAILED, 1)
    assert [one.field for one in failed.error.field_violations] == ["width"]


async def test_a_picture_begins_with_a_kept_file(server: Server) -> None:
    given = io.BytesIO()
    Pillow.new("RGB", (32, 32), "red").save(given, "PNG")
    file_id = await upload(server, given.getvalue())
    task = await calls.submit(server, work(steps=4, image_file_id=file_id, format=Image.JPEG))

    done = await calls.ended(server, task.task_id)

    assert done.state == Task.COMPLETED, done.error
    (image,) = done.result.images.images
    picture = Pillow.open(io.BytesIO(await content(server, image.file_id)))
    assert (picture.format, picture.size) == ("JPEG", (32, 32))
    assert done.work.images.image_file_id == file_id


async def test_the_lane_tells_what_its_tasks_take(server: Server) -> None:
    await calls.ended(server, (await calls.submit(server, work())).task_id)

    lanes = (await call(server, "ListLanes", ListLanesRequest())).lanes

    (lane,) = [lane for lane in lanes if lane.name == Lane.PICTURES]
    assert lane.mean_duration.ToMilliseconds() > 0
