"""Downloads as callers see them: begun, stopped, gone on with, watched, listed, forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from funland.v1.downloads_pb2 import (
    CancelDownloadRequest,
    DeleteDownloadRequest,
    Download,
    GetDownloadQueueRequest,
    GetDownloadRequest,
    GetStorageRequest,
    ListDownloadsRequest,
    PauseDownloadRequest,
    ResumeDownloadRequest,
    RetryDownloadRequest,
    StartDownloadRequest,
    UpdateDownloadRequest,
    WatchDownloadsRequest,
)
from funland.v1.errors_pb2 import ErrorReason
from funland_server.downloads.errors import DownloadNotFoundError, DownloadStateError
from funland_server.downloads.jobs.runner import QueueSettings
from funland_server.errors import FieldInvalidError, FunlandError
from funland_server.models.errors import ModelExistsError
from funland_server.storage.errors import StorageFullError
from tests.hubs import kinds
from tests.hubs.content import seeded
from tests.hubs.server import FakeHub
from tests.server.downloads.fetching import MIB
from tests.server.downloads.place import Place, files_of

LARGE = seeded(6 * MIB + 7)
Q, D, W, P = Download.QUEUED, Download.DOWNLOADING, Download.WAITING, Download.PAUSED
DONE, FAILED, CANCELLED = Download.COMPLETED, Download.FAILED, Download.CANCELLED


@pytest.fixture
async def place(hub: FakeHub, tmp_path: Path) -> AsyncIterator[Place]:
    hub.huggingface.add("o/one", {"model.gguf": LARGE, "config.json": b"{}"})
    hub.huggingface.add("o/two", {"model.gguf": seeded(2 * MIB, "two")})
    hub.huggingface.add("o/three", {"model.gguf": seeded(2 * MIB, "three")})
    place = Place(hub, tmp_path, queue=QueueSettings(active=1))
    await place.start()
    yield place
    await place.stop()


async def test_a_download_ends_with_an_installed_model(place: Place) -> None:
    begun = await place.begin("o/one", aliases=["other"])

    done = await place.reaches(begun, DONE)

    assert begun.state in (Q, D)
    assert (done.model_id, done.verified, done.resumable) == ("one", True, True)
    assert done.downloaded_bytes == done.total_bytes == done.fetched_bytes == LARGE.length + 2
    assert [file.done for file in done.files] == [True, True]
    assert [len(file.sha256) for file in done.files] == [64, 64]
    assert (place.home / "models" / "one" / "model.gguf").read_bytes() == LARGE.bytes()
    assert done.start_time.ToMicroseconds() >= done.create_time.ToMicroseconds()
    assert done.end_time.ToMicroseconds() >= done.start_time.ToMicroseconds()
    await place.runner.get(begun.download_id).settled()
    assert [path.name for path in (place.home / "downloads").iterdir()] == []


async def test_a_second_pull_of_the_same_fetches_nothing(hub: FakeHub, place: Place) -> None:
    await place.reaches(await place.begin("o/one"), DONE)
    hub.requests.clear()

    again = await place.reaches(await place.begin("o/one"), DONE)

    assert len(hub.requests) == 0
    assert again.fetched_bytes == 0
    assert all(file.reused for file in again.files)


async def test_what_two_models_share_is_fetched_once(hub: FakeHub, place: Place) -> None:
    hub.huggingface.add("o/same", {"model.gguf": LARGE, "config.json": b"{} "})
    await place.reaches(await place.begin("o/one"), DONE)

    same = await place.reaches(await place.begin("o/same"), DONE)

    assert [file.reused for file in same.files] == [True, False]
    assert same.fetched_bytes == 3
    first, second = (place.home / "models" / name / "model.gguf" for name in ("one", "same"))
    assert first.stat().st_ino == second.stat().st_ino


async def test_one_that_is_unfinished_is_answered_as_it_is(hub: FakeHub, place: Place) -> None:
    hub.faults.add(kinds.stall(), host="cdn")
    first = await place.begin("o/one", paused=True)
    assert first.state == P

    second = await place.begin("o/one")

    assert second.download_id == first.download_id
    assert second.state in (Q, D)


async def test_a_pause_keeps_what_is_there_and_a_resume_goes_on(hub: FakeHub, place: Place) -> None:
    hub.faults.add(kinds.stall(after=2 * MIB), host="cdn")
    begun = await place.begin("o/one", max_connections=1)
    await hub.until_stalled()

    paused = await place.service.PauseDownload(PauseDownloadRequest(download_id=begun.download_id))
    assert paused.state == P
    assert not paused.HasField("error")
    await place.runner.get(begun.download_id).settled()
    assert place.now(begun).active_connections == 0
    hub.faults.clear()
    hub.release()
    await place.service.ResumeDownload(ResumeDownloadRequest(download_id=begun.download_id))
    done = await place.reaches(begun, DONE)

    assert done.fetched_bytes <= done.total_bytes + MIB


async def test_a_cancel_removes_what_was_fetched_and_a_retry_begins_again(
    hub: FakeHub, place: Place
) -> None:
    hub.faults.add(kinds.stall(after=2 * MIB), host="cdn")
    begun = await place.begin("o/one")
    await hub.until_stalled()

    request = CancelDownloadRequest(download_id=begun.download_id)
    cancelled = await place.service.CancelDownload(request)
    assert cancelled == await place.service.CancelDownload(request)
    await place.runner.get(begun.download_id).settled()
    assert list((place.home / "downloads").iterdir()) == []
    assert (cancelled.state, cancelled.downloaded_bytes) == (CANCELLED, 0)
    hub.faults.clear()
    hub.release()
    await place.service.RetryDownload(RetryDownloadRequest(download_id=begun.download_id))

    await place.reaches(begun, DONE)


async def test_one_that_waits_says_until_when_and_goes_on_by_itself(
    hub: FakeHub, place: Place
) -> None:
    hub.faults.add(kinds.status(503, retry_after=1), path="model.gguf", times=1)
    begun = await place.begin("o/one")

    waits = await place.reaches(begun, W)

    assert waits.HasField("wait_until")
    assert ErrorReason.Name(waits.error.reason) == "HUB_UNREACHABLE"
    done = await place.reaches(begun, DONE)
    assert not done.HasField("error")
    assert not done.HasField("wait_until")


async def test_a_resume_ends_a_wait_at_once(hub: FakeHub, place: Place) -> None:
    hub.faults.add(kinds.status(503, retry_after=3000), path="model.gguf", times=1)
    begun = await place.begin("o/one")
    await place.reaches(begun, W)

    await place.service.ResumeDownload(ResumeDownloadRequest(download_id=begun.download_id))

    await place.reaches(begun, DONE)


async def test_one_at_a_time_in_the_order_of_the_queue(hub: FakeHub, place: Place) -> None:
    hub.faults.add(kinds.stall(), host="cdn")
    one = await place.begin("o/one")
    await hub.until_stalled()
    two, three = await place.begin("o/two"), await place.begin("o/three")
    assert [place.now(each).queue_position for each in (one, two, three)] == [0, 1, 2]

    queue = await place.service.GetDownloadQueue(GetDownloadQueueRequest())
    assert [download.download_id for download in queue.queued] == [
        two.download_id, three.download_id,
    ]  # fmt: skip
    assert [download.download_id for download in queue.active] == [one.download_id]
    assert queue.max_active == 1
    await place.service.UpdateDownload(
        UpdateDownloadRequest(download_id=three.download_id, priority=Download.HIGH)
    )

    assert place.now(three).state == D
    assert [place.now(each).queue_position for each in (one, two)] == [1, 2]
    hub.faults.clear()
    hub.release()
    for each in (one, two, three):
        await place.reaches(each, DONE)


async def test_what_a_state_does_not_allow_is_refused_and_says_why(place: Place) -> None:
    done = await place.reaches(await place.begin("o/one"), DONE)

    for act, request in (
        (place.service.PauseDownload, PauseDownloadRequest),
        (place.service.ResumeDownload, ResumeDownloadRequest),
        (place.service.CancelDownload, CancelDownloadRequest),
        (place.service.RetryDownload, RetryDownloadRequest),
        (place.service.UpdateDownload, UpdateDownloadRequest),
    ):
        with pytest.raises(DownloadStateError) as raised:
            await act(request(download_id=done.download_id))  # pyright: ignore[reportArgumentType] - each has its own
        assert raised.value.metadata["state"] == "COMPLETED"
        with pytest.raises(DownloadNotFoundError):
            await act(request(download_id="dl-none"))  # pyright: ignore[reportArgumentType] - as above


async def test_one_that_failed_says_why_and_keeps_what_is_there_for_a_retry(
    hub: FakeHub, place: Place
) -> None:
    hub.faults.add(kinds.status(404), path="config.json")
    begun = await place.begin("o/one")

    failed = await place.reaches(begun, FAILED)
    assert ErrorReason.Name(failed.error.reason) == "HUB_MODEL_NOT_FOUND"
    hub.faults.clear()
    await place.service.RetryDownload(RetryDownloadRequest(download_id=begun.download_id))

    done = await place.reaches(begun, DONE)
    assert done.fetched_bytes <= done.total_bytes + MIB


async def test_one_that_cannot_be_installed_fails(place: Place) -> None:
    place.shelf.refuse = ModelExistsError("one")

    failed = await place.reaches(await place.begin("o/one"), FAILED)

    assert ErrorReason.Name(failed.error.reason) == "MODEL_EXISTS"


async def test_a_deleted_download_is_gone_and_its_model_stays(hub: FakeHub, place: Place) -> None:
    done = await place.reaches(await place.begin("o/one"), DONE)
    hub.faults.add(kinds.stall(after=MIB), host="cdn")
    running = await place.begin("o/two")
    await hub.until_stalled()

    for download in (done, running):
        await place.service.DeleteDownload(DeleteDownloadRequest(download_id=download.download_id))
        with pytest.raises(DownloadNotFoundError):
            await place.service.GetDownload(GetDownloadRequest(download_id=download.download_id))

    assert (place.home / "models" / "one" / "model.gguf").exists()
    assert list((place.home / "downloads").iterdir()) == []
    assert (await place.service.ListDownloads(ListDownloadsRequest())).total_size == 0


async def test_pages_are_the_newest_first_and_filtered(place: Place) -> None:
    begun = [await place.begin(f"o/{name}", paused=True) for name in ("one", "two", "three")]
    ids = [download.download_id for download in reversed(begun)]
    list_them = place.service.ListDownloads

    first = await list_them(ListDownloadsRequest(page_size=2))
    second = await list_them(ListDownloadsRequest(page_token=first.next_page_token))

    assert [download.download_id for download in first.downloads] == ids[:2]
    assert [download.download_id for download in second.downloads] == ids[2:]
    assert (first.total_size, second.next_page_token) == (3, "")
    for request, expected in (
        (ListDownloadsRequest(model="o/two"), ids[1:2]),
        (ListDownloadsRequest(model="two"), ids[1:2]),
        (ListDownloadsRequest(states=[P]), ids),
        (ListDownloadsRequest(states=[Q, DONE]), []),
        (ListDownloadsRequest(skip=2), ids[2:]),
    ):
        assert [one.download_id for one in (await list_them(request)).downloads] == expected
    with pytest.raises(FieldInvalidError, match="page_token"):
        await list_them(ListDownloadsRequest(page_token="x"))  # noqa: S106 - no secret


async def test_a_watch_shows_all_then_what_changes_then_the_end(place: Place) -> None:
    begun = await place.begin("o/one", paused=True)
    request = WatchDownloadsRequest(download_id=begun.download_id)

    async with aclosing(place.service.WatchDownloads(request)) as events:
        assert (await anext(events)).download.state == P
        assert (await anext(events)).HasField("synced")
        await place.service.ResumeDownload(ResumeDownloadRequest(download_id=begun.download_id))
        states = set[Download.State.ValueType]()
        async for event in events:
            states.add(event.download.state)
            if event.download.state == DONE:
                break
        await place.service.DeleteDownload(DeleteDownloadRequest(download_id=begun.download_id))
        assert (await anext(events)).deleted_download_id == begun.download_id

    assert states <= {Q, D, Download.INSTALLING, DONE}


async def test_a_watch_until_the_end_ends(place: Place) -> None:
    begun = await place.begin("o/one")
    request = WatchDownloadsRequest(download_id=begun.download_id, until_end=True)

    seen = [event async for event in place.service.WatchDownloads(request)]
    again = [event async for event in place.service.WatchDownloads(request)]

    assert seen[-1].download.state == DONE
    assert [event.download.state for event in again] == [DONE]
    with pytest.raises(DownloadNotFoundError):
        await anext(place.service.WatchDownloads(WatchDownloadsRequest(download_id="dl-none")))


async def test_a_name_that_another_model_has_is_refused(place: Place) -> None:
    with pytest.raises(ModelExistsError):
        await place.begin("o/one", model_id="taken")


async def test_the_storage_is_counted(hub: FakeHub, place: Place) -> None:
    await place.reaches(await place.begin("o/one"), DONE)
    hub.faults.add(kinds.stall(after=MIB), host="cdn")
    await place.begin("o/two")
    await hub.until_stalled()

    storage = await place.service.GetStorage(GetStorageRequest())

    assert LARGE.length <= storage.models_bytes < LARGE.length + MIB
    assert 0 < storage.reserved_bytes <= 2 * MIB
    assert storage.free_bytes < storage.total_bytes


async def test_a_disk_without_room_refuses_a_download_before_it_begins(
    hub: FakeHub, tmp_path: Path
) -> None:
    hub.huggingface.add("o/one", {"model.gguf": LARGE})
    place = Place(hub, tmp_path, queue=QueueSettings(reserve_bytes=2**60))
    await place.start()

    with pytest.raises(StorageFullError):
        await place.begin("o/one")

    assert (await place.service.ListDownloads(ListDownloadsRequest())).total_size == 0
    await place.stop()


BAD_FILES = {
    "a path out of the folder": {"path": "../model.gguf"},
    "a path out of the folder by backslashes": {"path": "..\\model.gguf"},
    "an absolute path": {"path": "/etc/passwd"},
    "a path with NUL": {"path": "model\0.gguf"},
    "an escaped path": {"path": "%2e%2e/model.gguf"},
    "a device": {"path": "con.gguf"},
    "a pickle": {"path": "pytorch_model.bin"},
    "a program": {"path": "modeling.py"},
    "a digest that is none": {"sha256": "../../blobs/x"},
    "a size that is none": {"size_bytes": -1},
    "a file URL": {"urls": ("file:///etc/passwd",)},
    "a URL with a password": {"urls": ("https://a:b@hub.example/x",)},
    "no URL": {"urls": ()},
}


@pytest.mark.parametrize("bad", BAD_FILES.values(), ids=BAD_FILES)
async def test_a_plan_that_is_not_safe_is_refused_and_names_the_file(
    hub: FakeHub, place: Place, bad: dict[str, object]
) -> None:
    (good, *_) = files_of(hub, "o/one")
    worse = replace(good, **bad)  # pyright: ignore[reportArgumentType] - bad on purpose
    place.shelf.plans = {"o/bad": (worse,)}

    with pytest.raises(FunlandError) as raised:
        await place.service.StartDownload(StartDownloadRequest(source="o/bad"))

    reason = ErrorReason.Name(raised.value.reason)
    assert reason in ("HUB_ANSWER_INVALID", "ADDRESS_NOT_ALLOWED")
    if reason == "HUB_ANSWER_INVALID":
        assert raised.value.metadata["file"] == worse.path
    assert len(hub.requests) == 0
