"""Uploads in several calls: whose they are, when they are forgotten, what a start finds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from funland.v1.uploads_pb2 import (
    AppendUploadRequest,
    CompleteUploadRequest,
    CreateUploadRequest,
    Upload,
)
from funland_server.errors import FieldInvalidError
from funland_server.files.domain import Files
from funland_server.files.errors import UnknownUploadError, UploadOffsetError
from funland_server.files.resuming import Resuming
from funland_server.files.room import lacks_room
from funland_server.identity import Identity, acting_as
from tests.server.files.conftest import Clock, Start

DAY = 24 * 3600
ANNE, BERT = (Identity(user_id=name, scopes=frozenset({"infer"})) for name in ("anne", "bert"))
ADMIN = Identity(user_id="root", is_admin=True)


def of(files: Files) -> Resuming:
    (_, _), (_, service) = files.services()
    resuming: Resuming = getattr(service, "_resuming")  # noqa: B009 - the service has no other face
    return resuming


async def said(*requests: AppendUploadRequest) -> AsyncIterator[AppendUploadRequest]:
    for request in requests:
        yield request


async def begun(uploads: Resuming, size: int = 10) -> Upload:
    return await uploads.create(CreateUploadRequest(name="a.bin", size_bytes=size))


async def add(uploads: Resuming, upload: Upload, offset: int, data: bytes) -> Upload:
    head = AppendUploadRequest(upload_id=upload.upload_id, offset=offset, data=data)
    return await uploads.append(said(head))


@pytest.mark.parametrize(
    ("free", "reserve", "promised", "size", "lacks"),
    [
        (100, 0, 0, 100, False),
        (100, 0, 0, 101, True),
        (100, 1, 0, 100, True),
        (100, 10, 50, 40, False),
        (100, 10, 50, 41, True),
        (0, 10, 50, 0, False),
    ],
)
def test_there_is_room_beside_what_was_promised(
    free: int, reserve: int, promised: int, size: int, lacks: bool
) -> None:
    assert lacks_room(free, reserve, promised, size) is lacks


async def test_an_upload_is_there_for_its_owner_and_admins_alone(files: Files) -> None:
    uploads = of(files)
    with acting_as(ANNE):
        upload = await begun(uploads)
        await add(uploads, upload, 0, b"abc")

    with acting_as(BERT):
        for act in (
            uploads.get(upload.upload_id),
            add(uploads, upload, 3, b"d"),
            uploads.complete(CompleteUploadRequest(upload_id=upload.upload_id)),
            uploads.cancel(upload.upload_id),
        ):
            with pytest.raises(UnknownUploadError) as raised:
                await act
            assert raised.value.message == UnknownUploadError(upload.upload_id).message
    with acting_as(ADMIN):
        assert (await uploads.get(upload.upload_id)).offset == 3


async def test_a_day_without_news_ends_an_upload(
    files: Files, clock: Clock, tmp_path: Path
) -> None:
    uploads = of(files)
    old, young = await begun(uploads), await begun(uploads)
    clock.seconds += DAY - 10
    await add(uploads, young, 0, b"a")
    clock.seconds += 10

    with pytest.raises(UnknownUploadError):
        await uploads.get(old.upload_id)
    await files.sweep()

    assert (await uploads.get(young.upload_id)).offset == 1
    folder = tmp_path / "home" / "uploads"
    assert [path.name for path in folder.iterdir()] == [young.upload_id]


async def test_a_start_removes_what_is_half_there(start: Start, tmp_path: Path) -> None:
    first = await start()
    whole, lost = await begun(of(first)), await begun(of(first))
    await add(of(first), whole, 0, b"abc")
    folder = tmp_path / "home" / "uploads"
    (folder / lost.upload_id).unlink()
    (folder / "upload-of-nobody").write_bytes(b"x")

    second = of(await start())

    assert (await second.get(whole.upload_id)).offset == 3
    with pytest.raises(UnknownUploadError):
        await second.get(lost.upload_id)
    assert [path.name for path in folder.iterdir()] == [whole.upload_id]


async def test_another_homes_server_has_none_of_it(start: Start) -> None:
    upload = await begun(of(await start("one")))

    with pytest.raises(UnknownUploadError):
        await of(await start("two")).get(upload.upload_id)


async def test_a_tail_that_was_not_acknowledged_is_cut_off(files: Files, tmp_path: Path) -> None:
    uploads = of(files)
    upload = await begun(uploads, 6)
    await add(uploads, upload, 0, b"abc")
    path = tmp_path / "home" / "uploads" / upload.upload_id
    path.write_bytes(b"abcTORN")

    await add(uploads, upload, 3, b"def")
    with path.open("ab") as file:
        file.write(b"TORN")
    file = await uploads.complete(CompleteUploadRequest(upload_id=upload.upload_id))

    assert (await files.path(file.file_id)).read_bytes() == b"abcdef"


async def test_a_stream_names_one_upload(files: Files) -> None:
    uploads = of(files)
    upload, other = await begun(uploads), await begun(uploads)

    with pytest.raises(FieldInvalidError, match="upload_id"):
        await uploads.append(said())
    with pytest.raises(FieldInvalidError, match="upload_id"):
        await uploads.append(said(AppendUploadRequest(data=b"a")))
    with pytest.raises(FieldInvalidError, match="upload_id"):
        await uploads.append(
            said(
                AppendUploadRequest(upload_id=upload.upload_id, data=b"ab"),
                AppendUploadRequest(upload_id=other.upload_id, data=b"c"),
            )
        )

    assert (await uploads.get(upload.upload_id)).offset == 2
    with pytest.raises(UploadOffsetError):
        await add(uploads, upload, 0, b"x")
