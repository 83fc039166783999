"""Files are whole or not there: whatever ends the server, the caller, the disk or their time."""

from __future__ import annotations

import asyncio
import ctypes
import hashlib
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from funland.v1.files_pb2 import File, ListFilesRequest
from funland_server.blobs.store import Blobs
from funland_server.config import ServerSettings
from funland_server.errors import FieldInvalidError
from funland_server.files.domain import Files
from funland_server.files.errors import FileDamagedError, FileElsewhereError, UnknownFileError
from funland_server.files.pages import chosen, page
from funland_server.live import Live
from funland_server.storage.database import Database
from funland_server.storage.errors import StorageFullError
from tests.server.files.conftest import Clock, Start
from tests.server.files.keeper import content
from tests.server.storage.plans import plan

TEXT = b"some text"
GHOST = "file-ghost"
SHA256 = hashlib.sha256(TEXT).hexdigest()


async def pieces(*contents: bytes) -> AsyncIterator[bytes]:
    for each in contents:
        yield each


async def keep(files: Files, text: bytes = TEXT, name: str = "a.txt", **rest: str | float) -> File:
    said = {"purpose": "test", **rest}
    return await files.keep(pieces(text), name=name, **said)  # pyright: ignore[reportArgumentType]


def on_the_disk(home: Path) -> set[str]:
    """All that is there of files, but for the seals of blobs."""
    return {
        path.name
        for folder in ("files", "blobs")
        if (home / folder).is_dir()
        for path in (home / folder).iterdir()
        if path.suffix != ".seal"
    }


async def test_a_file_that_is_adopted_is_moved(files: Files, tmp_path: Path) -> None:
    made = tmp_path / "home" / "output"
    made.write_bytes(TEXT)

    file = await files.adopt(made, name="output.jsonl", purpose="batch_output", task_id="t")

    assert not made.exists()
    assert (await files.path(file.file_id)).read_bytes() == TEXT
    assert (file.sha256, file.size_bytes, file.task_id) == (SHA256, len(TEXT), "t")
    assert await files.get(file.file_id) == file


async def test_the_files_of_a_task_go_with_it(files: Files, tmp_path: Path) -> None:
    own = [await keep(files, name=f"{n}", task_id="t") for n in range(2)]
    other = await keep(files, b"other")
    assert await files.ids_of("t") == [file.file_id for file in own]

    await files.delete_of("t")

    assert await files.ids_of("t") == []
    assert on_the_disk(tmp_path / "home") == {other.file_id, f"sha256-{other.sha256}"}
    assert await files.ids_of("") == []


async def test_a_file_is_forgotten_when_its_time_is_over(
    files: Files, clock: Clock, tmp_path: Path
) -> None:
    short = await keep(files, retention_seconds=60)
    long = await keep(files, b"long", retention_seconds=61)
    assert short.expire_time.seconds == clock.seconds + 60
    clock.seconds += 60

    with pytest.raises(UnknownFileError):
        await files.get(short.file_id)
    await files.sweep()

    assert await files.get(long.file_id) == long
    assert on_the_disk(tmp_path / "home") == {long.file_id, f"sha256-{long.sha256}"}


async def test_what_has_another_hash_is_not_kept(files: Files, tmp_path: Path) -> None:
    with pytest.raises(FileDamagedError):
        await keep(files, sha256="0" * 64)

    assert on_the_disk(tmp_path / "home") == set()


async def test_a_caller_that_goes_leaves_nothing(files: Files, tmp_path: Path) -> None:
    async def forever() -> AsyncIterator[bytes]:
        yield TEXT
        asyncio.current_task().cancel()  # pyright: ignore[reportOptionalMemberAccess] - a test's
        yield TEXT

    with pytest.raises(asyncio.CancelledError):
        await files.keep(forever(), name="a", purpose="test")

    assert on_the_disk(tmp_path / "home") == set()


@contextmanager
def small_disk(most: int) -> Generator[None]:
    """No file may have more bytes, for as long as that lasts."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_disk_without_room_is_told_and_nothing_is_left(
    files: Files, tmp_path: Path
) -> None:
    with small_disk(1 << 20), pytest.raises(StorageFullError):
        await keep(files, bytes(2 << 20))

    assert on_the_disk(tmp_path / "home") == set()


async def test_a_full_disk_lets_files_go(start: Start, tmp_path: Path, place: Path | str) -> None:
    if isinstance(place, str):
        pytest.skip("that database has a disk of its own")
    disk = ctypes.CDLL(None)
    if disk.mount(b"tmpfs", bytes(tmp_path), b"tmpfs", 0, b"size=8m"):
        pytest.skip("no disk can be made here")
    try:
        files = await start()
        file = await keep(files, bytes(1 << 20))
        with suppress(OSError), (tmp_path / "rest").open("wb", 0) as rest:
            while rest.write(bytes(4096)):
                pass

        await files.delete(file.file_id)

        with pytest.raises(UnknownFileError):
            await files.get(file.file_id)
        assert on_the_disk(tmp_path / "home") == set()
    finally:
        disk.umount2(bytes(tmp_path), 2)  # as soon as nobody uses it


async def test_another_homes_files_are_known_and_not_here(
    start: Start, tmp_path: Path, place: Path | str
) -> None:
    one, other = await start("one"), await start("other")
    file = await keep(one)

    assert await other.get(file.file_id) == file
    with pytest.raises(FileElsewhereError):
        await other.path(file.file_id)
    await other.delete(file.file_id)

    with pytest.raises(UnknownFileError):
        await one.get(file.file_id)
    # SQLite's database is one home's: nobody else deletes there while its server runs.
    await (one if isinstance(place, str) else await start("one")).sweep()
    assert on_the_disk(tmp_path / "one") == set()


async def test_a_start_removes_what_belongs_together_no_more(start: Start, tmp_path: Path) -> None:
    files = await start()
    whole, lost, cut = [await keep(files, text) for text in (b"whole", b"lost", b"cut")]
    home = tmp_path / "home"
    (home / "files" / lost.file_id).unlink()
    (home / "files" / cut.file_id).unlink()
    (home / "files" / cut.file_id).write_bytes(b"cu")
    (home / "files" / "file-stray").hardlink_to(home / "blobs" / f"sha256-{lost.sha256}")
    (home / "files" / ".new-1").write_bytes(b"half")

    again = await start()

    assert (await again.path(whole.file_id)).read_bytes() == b"whole"
    for gone in (lost, cut):
        with pytest.raises(UnknownFileError):
            await again.get(gone.file_id)
    assert on_the_disk(home) == {whole.file_id, f"sha256-{whole.sha256}"}


async def test_a_page_goes_on_after_a_file_that_is_gone(files: Files, clock: Clock) -> None:
    kept: list[File] = []
    for _ in range(4):
        clock.seconds += 1
        kept.append(await keep(files))
    now = clock.seconds * 10**6

    async def listed(**asked: str | int | bool) -> tuple[list[str], str, int]:
        request = ListFilesRequest(**asked)  # pyright: ignore[reportArgumentType] - a test's
        found = await page(files._database, request, now)  # pyright: ignore[reportPrivateUsage]
        return [file.file_id for file in found.files], found.next_page_token, found.total_size

    ids = [file.file_id for file in kept]
    first, token, total = await listed(page_size=2)
    assert (first, total) == ([ids[3], ids[2]], 4)
    assert (await listed(page_token=ids[2]))[0] == [ids[1], ids[0]]
    await files.delete(ids[2])
    assert await listed(page_token=token) == ([ids[1], ids[0]], "", 3)
    assert (await listed(oldest_first=True, page_size=1))[0] == [ids[0]]
    assert await listed(purpose="other") == ([], "", 0)
    with pytest.raises(FieldInvalidError, match="page_token"):
        await listed(page_token=GHOST)


@pytest.mark.parametrize(
    ("asked", "index"),
    [(ListFilesRequest(), "files_by_time"), (ListFilesRequest(purpose="b"), "files_by_purpose")],
)
async def test_a_page_reads_no_more_than_it_gives(
    tmp_path: Path, asked: ListFilesRequest, index: str
) -> None:
    database = Database(tmp_path / "funland.sqlite3")
    await database.open()

    found = await plan(database, chosen(asked, 1, None).limit(10))

    assert found.indexes == {index}
    assert not found.sorts
    await database.close()


def told_until_killed(home: Path, last: int) -> dict[str, int]:
    """Which files a server said to have kept, by id with their number, until it was killed after
    the last of these."""
    told: dict[str, int] = {}
    command = [sys.executable, "-m", "tests.server.files.keeper", str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as keeper:
        assert keeper.stdout is not None
        for line in keeper.stdout:
            if line.startswith("file-"):
                file_id, number = line.split()
                told[file_id] = int(number)
                if int(number) >= last:
                    keeper.kill()
    return told


async def test_what_was_told_to_be_kept_outlives_kills(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    told: dict[str, int] = {}
    for last in (4, 9, 11):
        told |= await asyncio.to_thread(told_until_killed, home, last)

    database = Database(home / "funland.sqlite3")
    await database.open()
    files = Files(Live(ServerSettings(home=home)), database, Blobs(home / "blobs"))
    await files.start()
    try:
        for file_id, number in told.items():
            assert (await files.path(file_id)).read_bytes() == content(number)
        found = await page(database, ListFilesRequest(page_size=1000), 0)
        kept = {file.file_id for file in found.files}
        assert told.keys() <= kept
        digests = {f"sha256-{file.sha256}" for file in found.files}
        assert on_the_disk(home) == kept | digests
    finally:
        await files.stop()
        await database.close()
