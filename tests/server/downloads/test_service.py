"""Downloads as callers see them: begun, stopped, gone on with, watched, listed, forgotten."""

from __future__ import annotations

import asyncio
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
from funland_server.downloads.jobs import control
from funland_server.downloads.jobs.jobs import QueueSettings
from funland_server.errors import FieldInvalidError, FunlandError
from funland_server.models.errors import ModelExistsError
from funland_server.storage.errors import StorageFullError
from tests.hubs import kinds
from tests.hubs.content import seeded
from tests.hubs.server import FakeHub
from tests.server.downloads.depot import Depot, files_of
from tests.server.downloads.fetching import MIB, SECONDS

LARGE = seeded(6 * MIB + 7)
Q, D, W, P = Download.QUEUED, Download.DOWNLOADING, Download.WAITING, Download.PAUSED
DONE, FAILED, CANCELLED = Download.COMPLETED, Download.FAILED, Download.CANCELLED


@pytest.fixture
async def depot(hub: FakeHub, tmp_path: Path) -> AsyncIterator[Depot]:
    hub.huggingface.add("o/one", {"model.gguf": LARGE, "config.json": b"{}"})
    hub.huggingface.add("o/two", {"model.gguf": seeded(2 * MIB, "two")})
    hub.huggingface.add("o/three", {"model.gguf": seeded(2 * MIB, "three")})
    depot = Depot(hub, tmp_path, queue=QueueSettings(active=1))
    await depot.start()
    yield depot
    await depot.stop()


async def test_a_download_ends_with_an_installed_model(depot: Depot) -> None:
    begun = await depot.begin("o/one", aliases=["other"])

    done = await depot.reaches(begun, DONE)

    assert begun.state in (Q, D)
    assert (done.model_id, done.verified, done.resumable) == ("one", True, True)
    assert done.downloaded_bytes == done.total_bytes == done.fetched_bytes == LARGE.length + 2
    assert [file.done for file in done.files] == [True, True]
    assert [len(file.sha256) for file in done.files] == [64, 64]
    assert (depot.home / "models" / "one" / "model.gguf").read_bytes() == LARGE.bytes()
    counted = depot.site.metrics.registry.get_sample_value
    assert counted("funland_download_bytes_total") == LARGE.length + 2
    assert counted("funland_downloads_ended_total", {"state": "COMPLETED"}) == 1
    assert done.start_time.ToMicroseconds() >= done.create_time.ToMicroseconds()
    assert done.end_time.ToMicroseconds() >= done.start_time.ToMicroseconds()
    await depot.roster.get(begun.download_id).settled()
    assert [path.name for path in (depot.home / "downloads").iterdir()] == []


async def test_a_second_pull_of_the_same_fetches_nothing(hub: FakeHub, depot: Depot) -> None:
    await depot.reaches(await depot.begin("o/one"), DONE)
    hub.requests.clear()

    again = await depot.reaches(await depot.begin("o/one"), DONE)

    assert len(hub.requests) == 0
    assert again.fetched_bytes == 0
    assert all(file.reused for file in again.files)


async def test_what_two_models_share_is_fetched_once(hub: FakeHub, depot: Depot) -> None:
    hub.huggingface.add("o/same", {"model.gguf": LARGE, "config.json": b"{} "})
    await depot.reaches(await depot.begin("o/one"), DONE)

    same = await depot.reaches(await depot.begin("o/same"), DONE)

    assert [file.reused for file in same.files] == [True, False]
    assert same.fetched_bytes == 3
    first, second = (depot.home / "models" / name / "model.gguf" for name in ("one", "same"))
    assert first.stat().st_ino == second.stat().st_ino


async def test_one_that_is_unfinished_is_answered_as_it_is(hub: FakeHub, depot: Depot) -> None:
    hub.faults.add(kinds.stall(), host="cdn")
    first = await depot.begin("o/one", paused=True)
    assert first.state == P

    second = await depot.begin("o/one")

    assert second.download_id == first.download_id
    assert second.state in (Q, D)


async def test_asked_for_by_many_at_once_there_is_one(hub: FakeHub, depot: Depot) -> None:
    hub.faults.add(kinds.stall(), host="cdn")

    begun = await asyncio.gather(*(depot.begin("o/one") for _ in range(5)))

    assert len({each.download_id for each in begun}) == 1
    assert len(list(depot.roster)) == 1


async def test_one_that_is_unfinished_takes_no_other_names(hub: FakeHub, depot: Depot) -> None:
    hub.faults.add(kinds.stall(), host="cdn")
    first = await depot.begin("o/one", paused=True, aliases=["uno"])

    for names, field in (
        ({"model_id": "other"}, "model_id"),
        ({"aliases": ["uno", "ein"]}, "aliases[1]"),
    ):
        with pytest.raises(FieldInvalidError) as caught:
            await depot.begin("o/one", **names)
        (violation,) = caught.value.violations
        assert violation.field == field
        assert first.download_id in violation.description
    again = await depot.begin("o/one", model_id=first.model_id, aliases=["uno"])

    assert again.download_id == first.download_id


async def test_a_pause_keeps_what_is_there_and_a_resume_goes_on(hub: FakeHub, depot: Depot) -> None:
    hub.faults.add(kinds.stall(after=MIB), host="cdn")
    begun = await depot.begin("o/one", max_connections=1)
    await hub.until_stalled()

    paused = await depot.service.PauseDownload(PauseDownloadRequest(download_id=begun.download_id))
    assert paused.state == P
    assert not paused.HasField("error")
    await depot.roster.get(begun.download_id).settled()
    assert depot.now(begun).active_connections == 0
    hub.faults.clear()
    hub.release()
    await depot.service.ResumeDownload(ResumeDownloadRequest(download_id=begun.download_id))
    done = await depot.reaches(begun, DONE)

    assert done.fetched_bytes <= done.total_bytes + MIB


async def test_a_cancel_removes_what_was_fetched_and_a_retry_begins_again(
    hub: FakeHub, depot: Depot
) -> None:
    hub.faults.add(kinds.stall(after=MIB), host="cdn")
    begun = await depot.begin("o/one")
    await hub.until_stalled()

    request = CancelDownloadRequest(download_id=begun.download_id)
    cancelled = await depot.service.CancelDownload(request)
    assert cancelled == await depot.service.CancelDownload(request)
    await depot.roster.get(begun.download_id).settled()
    assert list((depot.home / "downloads").iterdir()) == []
    assert (cancelled.state, cancelled.downloaded_bytes) == (CANCELLED, 0)
    hub.faults.clear()
    hub.release()
    await depot.service.RetryDownload(RetryDownloadRequest(download_id=begun.download_id))

    await depot.reaches(begun, DONE)


async def test_one_that_waits_says_until_when_and_goes_on_by_itself(
    hub: FakeHub, depot: Depot
) -> None:
    hub.faults.add(kinds.status(503, retry_after=1), path="model.gguf", times=1)
    begun = await depot.begin("o/one")

    waits = await depot.reaches(begun, W)

    assert waits.HasField("wait_until")
    assert ErrorReason.Name(waits.error.reason) == "HUB_UNREACHABLE"
    done = await depot.reaches(begun, DONE)
    assert not done.HasField("error")
    assert not done.HasField("wait_until")


async def test_a_resume_ends_a_wait_at_once(hub: FakeHub, depot: Depot) -> None:
    hub.faults.add(kinds.status(503, retry_after=3000), path="model.gguf", times=1)
    begun = await depot.begin("o/one")
    await depot.reaches(begun, W)

    await depot.service.ResumeDownload(ResumeDownloadRequest(download_id=begun.download_id))

    await depot.reaches(begun, DONE)


async def test_one_at_a_time_in_the_order_of_the_queue(hub: FakeHub, depot: Depot) -> None:
    hub.faults.add(kinds.stall(), host="cdn")
    one = await depot.begin("o/one")
    await hub.until_stalled()
    two, three = await depot.begin("o/two"), await depot.begin("o/three")
    assert [depot.now(each).queue_position for each in (one, two, three)] == [0, 1, 2]

    queue = await depot.service.GetDownloadQueue(GetDownloadQueueRequest())
    assert [download.download_id for download in queue.queued] == [
        two.download_id, three.download_id,
    ]  # fmt: skip
    assert [download.download_id for download in queue.active] == [one.download_id]
    assert queue.max_active == 1
    await depot.service.UpdateDownload(
        UpdateDownloadRequest(download_id=three.download_id, priority=Download.HIGH)
    )

    assert depot.now(three).state == D
    assert [depot.now(each).queue_position for each in (one, two)] == [1, 2]
    hub.faults.clear()
    hub.release()
    for each in (one, two, three):
        await depot.reaches(each, DONE)


async def test_where_nothing_may_be_sent_any_more_downloads_wait_and_go_on_later(
    hub: FakeHub, depot: Depot
) -> None:
    hub.faults.add(kinds.stall(after=MIB), host="cdn")
    begun = await depot.begin("o/one")
    await hub.until_stalled()
    allowed = depot.site.policy.now

    depot.site.policy.put(replace(allowed, offline=True))
    depot.look_again()

    assert depot.now(begun).state == Q
    await depot.roster.get(begun.download_id).settled()
    hub.faults.clear()
    hub.release()
    sent = len(hub.requests.of())
    other = await depot.begin("o/two")
    assert depot.now(other).state == Q
    assert len(hub.requests.of()) == sent
    depot.site.policy.put(allowed)
    depot.look_again()
    done = await depot.reaches(begun, DONE)
    await depot.reaches(other, DONE)
    assert done.fetched_bytes <= done.total_bytes + MIB


async def test_fewer_and_more_may_have_a_turn_while_downloads_run(
    hub: FakeHub, depot: Depot
) -> None:
    hub.faults.add(kinds.stall(), host="cdn")
    one, two = await depot.begin("o/one"), await depot.begin("o/two")
    assert [depot.now(each).state for each in (one, two)] == [D, Q]

    depot.queue.put(replace(depot.queue.now, active=2))
    depot.look_again()
    assert [depot.now(each).state for each in (one, two)] == [D, D]

    depot.queue.put(replace(depot.queue.now, active=1))
    depot.look_again()
    assert [depot.now(each).state for each in (one, two)] == [D, Q]
    hub.faults.clear()
    hub.release()
    for each in (one, two):
        await depot.reaches(each, DONE)


async def test_what_a_state_does_not_allow_is_refused_and_says_why(depot: Depot) -> None:
    done = await depot.reaches(await depot.begin("o/one"), DONE)

    for act, request in (
        (depot.service.PauseDownload, PauseDownloadRequest),
        (depot.service.ResumeDownload, ResumeDownloadRequest),
        (depot.service.CancelDownload, CancelDownloadRequest),
        (depot.service.RetryDownload, RetryDownloadRequest),
        (depot.service.UpdateDownload, UpdateDownloadRequest),
    ):
        with pytest.raises(DownloadStateError) as raised:
            await act(request(download_id=done.download_id))  # pyright: ignore[reportArgumentType] - each has its own
        assert raised.value.metadata["state"] == "COMPLETED"
        with pytest.raises(DownloadNotFoundError):
            await act(request(download_id="dl-none"))  # pyright: ignore[reportArgumentType] - as above


async def test_one_that_failed_says_why_and_keeps_what_is_there_for_a_retry(
    hub: FakeHub, depot: Depot
) -> None:
    hub.faults.add(kinds.status(404), path="config.json")
    begun = await depot.begin("o/one")

    failed = await depot.reaches(begun, FAILED)
    assert ErrorReason.Name(failed.error.reason) == "HUB_MODEL_NOT_FOUND"
    hub.faults.clear()
    await depot.service.RetryDownload(RetryDownloadRequest(download_id=begun.download_id))

    done = await depot.reaches(begun, DONE)
    assert done.fetched_bytes <= done.total_bytes + MIB


async def test_one_that_cannot_be_installed_fails(depot: Depot) -> None:
    depot.shelf.refuse = ModelExistsError("one")

    failed = await depot.reaches(await depot.begin("o/one"), FAILED)

    assert ErrorReason.Name(failed.error.reason) == "MODEL_EXISTS"


async def test_two_who_ask_at_once_get_one_download(
    depot: Depot, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = await depot.begin("o/two", paused=True)
    monkeypatch.setattr(control, "time_ns", lambda: 0)  # the clock has jumped back meanwhile

    begun = await asyncio.gather(*(depot.begin("o/one") for _ in range(4)), depot.begin("o/three"))

    assert len({download.download_id for download in begun}) == 2
    await depot.reaches(begun[0], DONE)
    listed = await depot.service.ListDownloads(ListDownloadsRequest())
    assert listed.downloads[-1].download_id == last.download_id


async def test_a_model_that_is_deleted_takes_no_file_from_a_download(
    hub: FakeHub, depot: Depot
) -> None:
    hub.huggingface.add("o/other", {"model.gguf": LARGE, "more.gguf": seeded(2 * MIB, "more")})
    await depot.reaches(await depot.begin("o/one"), DONE)
    hub.faults.add(kinds.stall(after=MIB), host="cdn")
    other = await depot.begin("o/other")
    await hub.until_stalled()

    (depot.home / "models" / "one" / "model.gguf").unlink()
    depot.site.blobs.release(LARGE.sha256)
    hub.faults.clear()
    hub.release()

    done = await depot.reaches(other, DONE)
    assert done.files[0].reused
    assert done.fetched_bytes == 2 * MIB


async def test_a_deleted_download_is_gone_and_its_model_stays(hub: FakeHub, depot: Depot) -> None:
    done = await depot.reaches(await depot.begin("o/one"), DONE)
    hub.faults.add(kinds.stall(after=MIB), host="cdn")
    running = await depot.begin("o/two")
    await hub.until_stalled()

    for download in (done, running):
        await depot.service.DeleteDownload(DeleteDownloadRequest(download_id=download.download_id))
        with pytest.raises(DownloadNotFoundError):
            await depot.service.GetDownload(GetDownloadRequest(download_id=download.download_id))

    assert (depot.home / "models" / "one" / "model.gguf").exists()
    assert list((depot.home / "downloads").iterdir()) == []
    assert (await depot.service.ListDownloads(ListDownloadsRequest())).total_size == 0


async def test_pages_are_the_newest_first_and_filtered(depot: Depot) -> None:
    begun = [await depot.begin(f"o/{name}", paused=True) for name in ("one", "two", "three")]
    ids = [download.download_id for download in reversed(begun)]
    list_them = depot.service.ListDownloads

    first = await list_them(ListDownloadsRequest(page_size=2))
    second = await list_them(ListDownloadsRequest(page_token=first.next_page_token))

    assert [download.download_id for download in first.downloads] == ids[:2]
    assert [download.download_id for download in second.downloads] == ids[2:]
    assert (first.total_size, second.next_page_token) == (3, "")
    for request, expected in (
        (ListDownloadsRequest(model="o/two"), ids[1:2]),
        (ListDownloadsRequest(model="two"), ids[1:2]),
        (ListDownloadsRequest(model="o/two:it"), ids[1:2]),
        (ListDownloadsRequest(states=[P]), ids),
        (ListDownloadsRequest(states=[Q, DONE]), []),
        (ListDownloadsRequest(skip=2), ids[2:]),
    ):
        assert [one.download_id for one in (await list_them(request)).downloads] == expected
    with pytest.raises(FieldInvalidError, match="page_token"):
        await list_them(ListDownloadsRequest(page_token="x"))  # noqa: S106 - no secret


async def test_a_watch_shows_all_then_what_changes_then_the_end(depot: Depot) -> None:
    begun = await depot.begin("o/one", paused=True)
    request = WatchDownloadsRequest(download_id=begun.download_id)

    async with aclosing(depot.service.WatchDownloads(request)) as events:
        assert (await anext(events)).download.state == P
        assert (await anext(events)).HasField("synced")
        await depot.service.ResumeDownload(ResumeDownloadRequest(download_id=begun.download_id))
        states = set[Download.State.ValueType]()
        async for event in events:
            states.add(event.download.state)
            if event.download.state == DONE:
                break
        await depot.service.DeleteDownload(DeleteDownloadRequest(download_id=begun.download_id))
        assert (await anext(events)).deleted_download_id == begun.download_id

    assert states <= {Q, D, Download.INSTALLING, DONE}


async def test_a_watch_shows_how_one_under_way_comes_on(hub: FakeHub, depot: Depot) -> None:
    hub.faults.add(kinds.stall(after=MIB), host="cdn")
    begun = await depot.begin("o/one", max_connections=1)
    await hub.until_stalled()

    async with aclosing(depot.service.WatchDownloads(WatchDownloadsRequest())) as events:
        async with asyncio.timeout(SECONDS):
            seen = [(await anext(events)).download for _ in range(5)]

    assert {each.download_id for each in seen[2:]} == {begun.download_id}
    assert all(each.state == D for each in seen[2:])


async def test_a_watch_shows_a_change_of_one_that_is_paused(depot: Depot) -> None:
    begun = await depot.begin("o/one", paused=True)
    request = UpdateDownloadRequest(download_id=begun.download_id, priority=Download.HIGH)

    async with aclosing(depot.service.WatchDownloads(WatchDownloadsRequest())) as events:
        while not (await anext(events)).HasField("synced"):
            pass
        await depot.service.UpdateDownload(request)
        async with asyncio.timeout(SECONDS):
            changed = (await anext(events)).download

    assert (changed.state, changed.priority) == (P, Download.HIGH)
    assert changed.update_time.ToMicroseconds() > begun.update_time.ToMicroseconds()


async def test_a_watch_until_the_end_ends(depot: Depot) -> None:
    begun = await depot.begin("o/one")
    request = WatchDownloadsRequest(download_id=begun.download_id, until_end=True)

    seen = [event async for event in depot.service.WatchDownloads(request)]
    again = [event async for event in depot.service.WatchDownloads(request)]

    assert seen[-1].download.state == DONE
    assert [event.download.state for event in again] == [DONE]
    with pytest.raises(DownloadNotFoundError):
        await anext(depot.service.WatchDownloads(WatchDownloadsRequest(download_id="dl-none")))


async def test_a_name_that_another_model_has_is_refused(depot: Depot) -> None:
    with pytest.raises(ModelExistsError):
        await depot.begin("o/one", model_id="taken")


async def test_the_storage_is_counted(hub: FakeHub, depot: Depot) -> None:
    await depot.reaches(await depot.begin("o/one"), DONE)
    hub.faults.add(kinds.stall(after=MIB), host="cdn")
    await depot.begin("o/two")
    await hub.until_stalled()

    storage = await depot.service.GetStorage(GetStorageRequest())

    assert LARGE.length <= storage.models_bytes < LARGE.length + MIB
    assert 0 < storage.reserved_bytes <= 2 * MIB
    assert storage.free_bytes < storage.total_bytes


async def test_a_disk_without_room_refuses_a_download_before_it_begins(
    hub: FakeHub, tmp_path: Path
) -> None:
    hub.huggingface.add("o/one", {"model.gguf": LARGE})
    depot = Depot(hub, tmp_path, queue=QueueSettings(reserve_bytes=2**60))
    await depot.start()

    with pytest.raises(StorageFullError):
        await depot.begin("o/one")

    assert (await depot.service.ListDownloads(ListDownloadsRequest())).total_size == 0
    await depot.stop()


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
    hub: FakeHub, depot: Depot, bad: dict[str, object]
) -> None:
    (good, *_) = files_of(hub, "o/one")
    worse = replace(good, **bad)  # pyright: ignore[reportArgumentType] - bad on purpose
    depot.shelf.plans = {"o/bad": (worse,)}

    with pytest.raises(FunlandError) as raised:
        await depot.service.StartDownload(StartDownloadRequest(source="o/bad"))

    reason = ErrorReason.Name(raised.value.reason)
    assert reason in ("HUB_ANSWER_INVALID", "ADDRESS_NOT_ALLOWED")
    if reason == "HUB_ANSWER_INVALID":
        assert raised.value.metadata["file"] == worse.path
    assert len(hub.requests) == 0
