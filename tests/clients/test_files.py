"""How the client sends files, takes them, and reads and writes the lines of batches."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty

from funland.v1.batches_pb2 import Batch, CreateBatchRequest
from funland.v1.files_pb2 import (
    DeleteFileRequest,
    DownloadFileRequest,
    File,
    GetFileRequest,
    ListFilesRequest,
    ListFilesResponse,
    UploadFileRequest,
)
from funland.v1.inference_pb2 import ChatRequest, Message
from funland_client import AsyncFunland, BatchAnswer, Funland
from funland_client.batch_lines import AnswerLines
from funland_client.errors import (
    BatchFailedError,
    FileDamagedError,
    FileTooLargeError,
    InvalidRequestError,
    LaneFullError,
    PreconditionError,
    ServerStoppingError,
)
from funland_client.kept_files import Source, Upload, landing_place
from tests.scripted_server import Refusal, ScriptedServer, serving

CONTENT = bytes(range(256)) * 10_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
KEPT = File(file_id="f", name="a.bin", size_bytes=len(CONTENT), sha256=SHA256)


def keeping(file: File | None = None) -> Callable[[Iterable[UploadFileRequest]], Iterator[File]]:
    """Answers uploads with what came, or with a file."""

    def answer(requests: Iterable[UploadFileRequest]) -> Iterator[File]:
        content = b"".join(request.data for request in requests)
        yield file or File(file_id="f", sha256=hashlib.sha256(content).hexdigest())

    return answer


def came(server: ScriptedServer) -> tuple[UploadFileRequest, bytes]:
    """The first message of an upload, and the content of the others."""
    first, *others = server.requests
    assert isinstance(first, UploadFileRequest)
    assert not first.data
    parts = [request.data for request in others if isinstance(request, UploadFileRequest)]
    return first, b"".join(parts)


class Pipe(io.BytesIO):
    """What can be read once."""

    def seekable(self) -> bool:
        return False


@pytest.mark.parametrize(("source", "name"), [("<stdin>", ""), ("/a/b.jsonl", "b.jsonl"), (3, "")])
def test_an_open_file_has_the_name_of_its_path_if_it_has_one(source: Any, name: str) -> None:
    opened: Any = Pipe()
    opened.name = source

    assert next(Upload(opened, "", "", "", 0).messages()).name == name


@pytest.mark.parametrize("kind", ["path", "bytes", "file", "pipe", "parts"])
async def test_a_file_is_sent_with_its_hash_if_that_can_be_known(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"skipped" + CONTENT if kind == "file" else CONTENT)

    def source() -> Source:
        match kind:
            case "path":
                return path
            case "bytes":
                return CONTENT
            case "pipe":
                return Pipe(CONTENT)
            case "file":
                opened = io.BytesIO(path.read_bytes())
                opened.seek(len(b"skipped"))
                return opened
            case _:
                return iter([CONTENT[:7], CONTENT[7:]])

    with serving(UploadFile=keeping()) as server:
        with Funland(server.address) as blocking:
            blocking.files.upload(source(), purpose="batch", retention_seconds=60)
        first, content = came(server)
        server.requests.clear()
        async with AsyncFunland(server.address) as asynchronous:
            file = await asynchronous.files.upload(
                source(), purpose="batch", retention_seconds=60, name=first.name
            )
        assert came(server) == (first, content)

    assert content == CONTENT
    assert file.sha256 == SHA256
    assert first == UploadFileRequest(
        name="a.bin" if kind == "path" else "",
        purpose="batch",
        retention_seconds=60,
        sha256="" if kind in {"pipe", "parts"} else SHA256,
    )


async def test_what_is_kept_damaged_is_not_left_there() -> None:
    with serving(UploadFile=keeping(KEPT), DeleteFile=Empty()) as server:
        with Funland(server.address) as client, pytest.raises(FileDamagedError):
            client.files.upload(iter([b"other"]))
        assert server.requests[-1] == DeleteFileRequest(file_id="f")
        async with AsyncFunland(server.address) as client:
            with pytest.raises(FileDamagedError):
                await client.files.upload(iter([b"other"]))


async def test_a_source_that_can_not_be_read_to_its_end_is_no_file(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def parts() -> Iterator[bytes]:
        yield b"begun"
        raise OSError("The disk is gone.")

    with serving(UploadFile=keeping()) as server:
        with Funland(server.address) as client, pytest.raises(OSError, match="disk is gone"):
            client.files.upload(parts())
        async with AsyncFunland(server.address) as client:
            with pytest.raises(OSError, match="disk is gone"):
                await client.files.upload(parts())

    assert caplog.records == []  # gRPC tells nobody of what is raised.


async def test_a_server_that_takes_no_more_says_why() -> None:
    def refuse(requests: Iterable[UploadFileRequest]) -> Iterator[File]:
        next(iter(requests))
        raise Refusal(grpc.StatusCode.INVALID_ARGUMENT, "FILE_TOO_LARGE", "At most 1 MB.")

    with serving(UploadFile=refuse) as server:
        with Funland(server.address) as client, pytest.raises(FileTooLargeError, match="1 MB"):
            client.files.upload(bytes(64 << 20))
        async with AsyncFunland(server.address) as client:
            with pytest.raises(FileTooLargeError, match="1 MB"):
                await client.files.upload(bytes(64 << 20))


def parts(*contents: bytes) -> Callable[[Any], Iterator[HttpBody]]:
    """Answers a download with these parts."""
    return lambda _: iter([HttpBody(data=content) for content in contents])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


async def test_a_download_takes_its_place_when_it_is_whole(tmp_path: Path) -> None:
    with serving(GetFile=KEPT, DownloadFile=parts(CONTENT[:9], CONTENT[9:])) as server:
        with Funland(server.address) as blocking:
            assert blocking.files.download("f", tmp_path) == tmp_path / "a.bin"
            assert blocking.files.read("f") == CONTENT
        async with AsyncFunland(server.address) as asynchronous:
            other = tmp_path / "other.bin"
            assert await asynchronous.files.download("f", other) == other
            assert await asynchronous.files.read("f") == CONTENT

    assert contents(tmp_path) == {"a.bin": CONTENT, "other.bin": CONTENT}
    assert server.requests[:2] == [GetFileRequest(file_id="f"), DownloadFileRequest(file_id="f")]


def broken_off(_: Any) -> Iterator[HttpBody]:
    yield HttpBody(data=CONTENT[:9])
    raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, "FILE_ELSEWHERE", "It is elsewhere.")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(parts(CONTENT[:9]), FileDamagedError), (broken_off, PreconditionError)],
    ids=["damaged", "broken off"],
)
def test_a_download_that_fails_leaves_what_was_there(
    answer: Callable[[Any], Iterator[HttpBody]], kind: type[Exception], tmp_path: Path
) -> None:
    place = tmp_path / "a.bin"
    place.write_bytes(b"old")

    with (
        serving(GetFile=KEPT, DownloadFile=answer) as server,
        Funland(server.address) as client,
        pytest.raises(kind),
    ):
        client.files.download("f", place)

    assert contents(tmp_path) == {"a.bin": b"old"}


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("a.bin", "a.bin"), ("../../etc/passwd", "passwd"), ("..\\..\\a", "a"), ("..", "f"),
        ("", "f"), ("a/", "f"), ("a\0b", "ab"),
    ],
)  # fmt: skip
def test_no_name_leads_out_of_the_folder(name: str, own: str, tmp_path: Path) -> None:
    assert landing_place(tmp_path, File(file_id="f", name=name)) == tmp_path / own


def test_files_are_listed_to_the_last_page() -> None:
    def files(request: ListFilesRequest) -> ListFilesResponse:
        if not request.page_token:
            return ListFilesResponse(files=[KEPT], next_page_token=KEPT.file_id)
        return ListFilesResponse(files=[KEPT])

    with serving(ListFiles=files) as server, Funland(server.address) as client:
        assert client.files.list(purpose="batch", oldest_first=True) == [KEPT, KEPT]
        assert client.files.list(limit=1) == [KEPT]

    assert server.requests[0] == ListFilesRequest(purpose="batch", oldest_first=True)
    assert server.requests[2] == ListFilesRequest(page_size=1)


HELLO = ChatRequest(messages=[Message(role=Message.USER, content="Hello!")])


def test_a_batch_is_made_of_what_its_lines_ask() -> None:
    with (
        serving(UploadFile=keeping(), CreateBatch=Batch(batch_id="b")) as server,
        Funland(server.address) as client,
    ):
        client.batches.create(
            [
                {"custom_id": "a", "body": HELLO},
                {"custom_id": "b", "body": {"messages": []}, "url": "/elsewhere"},
            ],
            "/funland/v1/chat",
            window_seconds=60,
        )

    *upload, create = server.requests
    server.requests[:] = upload
    first, content = came(server)
    assert (first.purpose, first.media_type) == ("batch", "application/jsonl")
    assert [json.loads(line) for line in content.splitlines()] == [
        {
            "method": "POST",
            "url": "/funland/v1/chat",
            "custom_id": "a",
            "body": {"messages": [{"role": "USER", "content": "Hello!"}]},
        },
        {"method": "POST", "url": "/elsewhere", "custom_id": "b", "body": {"messages": []}},
    ]
    assert create == CreateBatchRequest(
        input_file_id="f", endpoint="/funland/v1/chat", window_seconds=60
    )


def test_a_line_that_can_not_be_written_names_itself() -> None:
    wrong: Any = [{"custom_id": "a", "body": {}}, {"custom_id": "b"}]

    with serving(UploadFile=keeping()) as server, Funland(server.address) as client:
        with pytest.raises(InvalidRequestError, match=r"^requests\[1\]: has no 'body'"):
            client.batches.create(wrong)
        with pytest.raises(InvalidRequestError, match=r"^requests\[0\]: is not JSON"):
            client.batches.create([{"custom_id": "a", "body": {"at": object()}}])


@pytest.mark.parametrize(
    ("code", "reason", "kind", "removed"),
    [
        ("INVALID_ARGUMENT", "FIELD_INVALID", InvalidRequestError, True),
        ("RESOURCE_EXHAUSTED", "LANE_FULL", LaneFullError, True),
        ("UNAVAILABLE", "SERVER_STOPPING", ServerStoppingError, False),
    ],
)
def test_the_file_of_a_batch_that_is_not_made_for_sure_is_removed(
    code: str, reason: str, kind: type[Exception], removed: bool
) -> None:
    def refuse(_: Any) -> Batch:
        raise Refusal(grpc.StatusCode[code], reason, "No.")

    with (
        serving(UploadFile=keeping(), CreateBatch=refuse, DeleteFile=Empty()) as server,
        Funland(server.address) as client,
    ):
        with pytest.raises(kind):
            client.batches.create([])
        assert (server.requests[-1] == DeleteFileRequest(file_id="f")) is removed


def line(custom_id: str, **told: Any) -> bytes:
    return json.dumps({"id": "x", "custom_id": custom_id, **told}).encode()


OUTPUT = line("a", response={"status_code": 200, "body": {"x": "é"}}, error=None) + b"\n"
ERRORS = b"\n".join(
    [
        line("b", response={"status_code": 400, "body": {"error": {}}}, error=None),
        line("c", response=None, error={"code": "batch_expired"}),
    ]
)
ANSWERS = [
    BatchAnswer("a", 200, {"x": "é"}, None),
    BatchAnswer("b", 400, {"error": {}}, None),
    BatchAnswer("c", None, None, {"code": "batch_expired"}),
]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_answers_are_read_however_their_file_is_parted(size: int) -> None:
    content = OUTPUT + b"\n" + ERRORS
    lines = AnswerLines()

    read = [
        answer
        for at in range(0, len(content), size)
        for answer in lines.take(content[at : at + size])
    ]

    assert [*read, *lines.rest()] == ANSWERS
    assert [answer.succeeded for answer in ANSWERS] == [True, False, False]


async def test_answers_come_when_the_batch_has_ended() -> None:
    def content(request: DownloadFileRequest) -> Iterator[HttpBody]:
        yield HttpBody(data=OUTPUT if request.file_id == "out" else ERRORS)

    going = Batch(batch_id="b", state=Batch.IN_PROGRESS)
    ended = Batch(batch_id="b", state=Batch.EXPIRED, output_file_id="out", error_file_id="errors")
    with serving(
        GetBatch=going, WatchBatch=lambda _: iter([going, ended]), DownloadFile=content
    ) as server:
        with Funland(server.address) as blocking:
            assert list(blocking.batches.results("b")) == ANSWERS
        server.answers["GetBatch"] = ended
        del server.answers["WatchBatch"]  # It has ended: nobody has to wait.
        async with AsyncFunland(server.address) as asynchronous:
            assert [answer async for answer in asynchronous.batches.results("b")] == ANSWERS


def test_a_batch_whose_file_is_wrong_has_no_answers() -> None:
    with (
        serving(GetBatch=Batch(state=Batch.FAILED)) as server,
        Funland(server.address) as client,
        pytest.raises(BatchFailedError),
    ):
        list(client.batches.results("b"))
