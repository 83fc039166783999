"""Datasets over gRPC and REST: from each kind of source to rows, tokens and the end."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any

import psutil
import pytest
from google.protobuf import json_format

from funland.v1.datasets_pb2 import (
    AddDatasetVersionRequest,
    CountDatasetTokensRequest,
    CreateDatasetRequest,
    Dataset,
    DatasetSource,
    DatasetVersion,
    DeleteDatasetRequest,
    GetDatasetRequest,
    InlineRows,
    ListDatasetRowsRequest,
    ListDatasetsRequest,
    UpdateDatasetRequest,
    WatchDatasetRequest,
)
from funland.v1.files_pb2 import UploadFileRequest
from funland.v1.models_pb2 import Origin
from funland_client import Funland
from funland_client.dataset_sources import of_path
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.conftest import StartStack
from tests.e2e.wires import Refused, Wire, wire_to
from tests.hubs.server import FakeHub

SECONDS = 120
CHATS = [
    {"instruction": "Say hello", "input": "", "output": "Hello"},
    {"instruction": "Add", "input": "1, 2", "output": "3"},
]
KEPT = [
    {
        "messages": [
            {"role": "user", "content": "Say hello"},
            {"role": "assistant", "content": "Hello"},
        ]
    },
    {
        "messages": [
            {"role": "user", "content": "Add\n\n1, 2"},
            {"role": "assistant", "content": "3"},
        ]
    },
]


def lines(rows: list[Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def inline(text: str, name: str = "rows.jsonl") -> DatasetSource:
    return DatasetSource(inline=InlineRows(name=name, text=text))


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    async with FakeHub() as hub:
        yield hub


@pytest.fixture
async def server(tmp_path: Path, hub: FakeHub) -> AsyncIterator[Server]:
    settings = ServerSettings(
        home=tmp_path / "home", port=0, dataset_bytes=1 << 20, dataset_row_bytes=4096,
        modelscope_endpoint=hub.modelscope.url, huggingface_endpoint=hub.huggingface.url,
        ollama_endpoint=hub.ollama.url,
    )  # fmt: skip
    server = Server(settings)
    await server.start()
    yield server
    await server.stop(0)


@pytest.fixture(params=["gRPC", "REST"])
async def wire(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[Wire]:
    async with wire_to(server, request.param) as wire:
        yield wire


async def create(wire: Wire, source: DatasetSource, name: str = "a") -> Dataset:
    return await wire.call("CreateDataset", CreateDatasetRequest(name=name, source=source))


async def settled(wire: Wire, dataset: Dataset) -> Dataset:
    """A dataset once nothing more comes of it."""
    request = WatchDatasetRequest(dataset_id=dataset.dataset_id)
    async with asyncio.timeout(SECONDS):
        return (await wire.call("WatchDataset", request))[-1].dataset


async def made(wire: Wire, source: DatasetSource, name: str = "a") -> Dataset:
    return await settled(wire, await create(wire, source, name))


async def rows(wire: Wire, dataset: Dataset, **asked: int) -> list[Mapping[str, Any]]:
    request = ListDatasetRowsRequest(dataset_id=dataset.dataset_id, **asked)
    answer = await wire.call("ListDatasetRows", request)
    return [json_format.MessageToDict(row) for row in answer.rows]


async def test_rows_that_are_given_become_a_version(wire: Wire, server: Server) -> None:
    text = lines(CHATS) + "nothing\n" + json.dumps({"instruction": "x"}) + "\n"

    begun = await create(wire, inline(text), "Greetings")
    dataset = await settled(wire, begun)

    assert (begun.status, begun.number, begun.name) == (Dataset.PREPARING, 1, "Greetings")
    assert dataset.status == Dataset.READY
    assert not dataset.HasField("error")
    assert dataset.revision > begun.revision
    (version,) = dataset.versions
    assert (version.version, version.format, version.form) == (
        1,
        DatasetVersion.JSONL,
        DatasetVersion.INSTRUCTION,
    )
    assert (version.row_count, version.bad_row_count) == (2, 2)
    assert version.source_bytes == len(text)
    assert [(bad.file, bad.line) for bad in version.bad_rows] == [
        ("rows.jsonl", 3),
        ("rows.jsonl", 4),
    ]
    assert "no JSON" in version.bad_rows[0].problem
    assert [(f.name, list(f.types), f.row_count) for f in version.fields] == [
        ("input", ["string"], 2),
        ("instruction", ["string"], 2),
        ("output", ["string"], 2),
    ]
    assert [json_format.MessageToDict(row) for row in version.first_rows] == CHATS
    assert await rows(wire, dataset) == KEPT
    assert await rows(wire, dataset, skip=1, limit=1) == KEPT[1:]
    assert await rows(wire, dataset, skip=2) == []
    folder = server.settings.now.home / "datasets" / dataset.dataset_id
    (content,) = folder.iterdir()
    digest = hashlib.sha256(content.read_bytes()).hexdigest()
    assert (version.sha256, version.size_bytes) == (digest, content.stat().st_size)
    assert (server.settings.now.home / "blobs" / f"sha256-{digest}").samefile(content)


SHARED = {
    "conversations": [{"from": "human", "value": "Say hello"}, {"from": "gpt", "value": "Hello"}]
}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.json", json.dumps(CHATS, indent=1), ("JSON", "INSTRUCTION", KEPT[0])),
        ("a.csv", "prompt;completion\nSay hello;Hello\n", ("CSV", "INSTRUCTION", KEPT[0])),
        ("a.txt", "One\ntext.\n\nAnother.", ("TEXT", "PLAIN", {"text": "One\ntext."})),
        ("a.json", lines([SHARED]), ("JSONL", "SHAREGPT", KEPT[0])),
        ("a.ndjson", lines(KEPT), ("JSONL", "MESSAGES", KEPT[0])),
    ],
)
async def test_kinds_of_files(wire: Wire, name: str, text: str, expected: Any) -> None:
    dataset = await made(wire, inline(text, name))

    (version,) = dataset.versions
    format_ = DatasetVersion.Format.Name(version.format)
    form = DatasetVersion.Form.Name(version.form)
    (first,) = await rows(wire, dataset, limit=1)
    assert (format_, form, first) == expected


async def test_a_file_and_a_folder(wire: Wire, tmp_path: Path) -> None:
    head = UploadFileRequest(name="chats.jsonl")

    async def content() -> AsyncIterator[bytes]:
        yield lines(CHATS).encode()

    file = await wire.send("UploadFile", head, content())
    folder = tmp_path / "folder"
    (folder / "train").mkdir(parents=True)
    (folder / "train" / "b.jsonl").write_text(lines(CHATS[1:]))
    (folder / "a.csv").write_text("instruction,output\nSay hello,Hello\n")
    for name in ("README.md", "code.py", "weights.pkl", "more.zip", "dataset_info.json"):
        (folder / name).write_text("{}")

    of_file = await made(wire, DatasetSource(file_id=file.file_id))
    of_folder = await made(wire, DatasetSource(path=str(folder)))

    assert await rows(wire, of_file) == await rows(wire, of_folder) == KEPT
    assert of_folder.versions[0].format == DatasetVersion.MIXED
    assert of_file.versions[0].sha256 == of_folder.versions[0].sha256


async def test_what_a_folder_must_not_hold(wire: Wire, tmp_path: Path) -> None:
    link, pipe, code = (tmp_path / name for name in ("link", "pipe", "code"))
    for folder in (link, pipe, code):
        folder.mkdir()
    (link / "a.jsonl").symlink_to("/etc/hostname")
    os.mkfifo(pipe / "a.jsonl")
    (code / "a.py").write_text("x")
    for folder in (link, pipe, code):
        with pytest.raises(Refused, match="DATASET_INVALID"):
            await create(wire, DatasetSource(path=str(folder)))
    fifo = tmp_path / "b.jsonl"
    os.mkfifo(fifo)
    for path in (fifo, tmp_path / "none", code / "a.py"):
        with pytest.raises(Refused, match="DATASET_INVALID"):
            await create(wire, DatasetSource(path=str(path)))
    with pytest.raises(Refused) as raised:
        await create(wire, DatasetSource(path="relative.jsonl"))
    assert raised.value.fields == ["source.path"]


async def test_what_can_not_be_read_is_refused_at_once(wire: Wire) -> None:
    with pytest.raises(Refused, match="FILE_NOT_FOUND"):
        await create(wire, DatasetSource(file_id="file-none"))
    with pytest.raises(Refused, match="DATASET_INVALID"):
        await create(wire, inline("x", "a.pkl"))
    with pytest.raises(Refused, match="FIELD_INVALID"):
        await create(wire, DatasetSource())
    request = CreateDatasetRequest(name="a", project_id="prj_none", source=inline("x"))
    with pytest.raises(Refused, match="PROJECT_NOT_FOUND"):
        await wire.call("CreateDataset", request)
    listed = await wire.call("ListDatasets", ListDatasetsRequest())
    assert listed.total_size == 0


async def test_a_dataset_of_which_nothing_can_be_used_has_failed(wire: Wire) -> None:
    dataset = await made(wire, inline("nothing\n"))

    assert dataset.status == Dataset.FAILED
    assert not dataset.versions
    assert "rows.jsonl, line 1: it is no JSON" in dataset.error.message
    with pytest.raises(Refused, match="DATASET_NOT_READY"):
        await rows(wire, dataset)


async def test_rows_beyond_the_limits(wire: Wire, tmp_path: Path) -> None:
    long = await made(wire, inline(lines([{"text": "x" * 5000}, {"text": "y"}])))
    (tmp_path / "large.txt").write_text(("z" * 3000 + "\n\n") * 400)

    assert (long.versions[0].row_count, long.versions[0].bad_row_count) == (1, 1)
    assert "4096 bytes" in long.versions[0].bad_rows[0].problem
    with pytest.raises(Refused, match=r"DATASET_INVALID.*server\.dataset_bytes"):
        await create(wire, DatasetSource(path=str(tmp_path / "large.txt")))


async def test_versions(wire: Wire) -> None:
    dataset = await made(wire, inline(lines(CHATS)))
    request = AddDatasetVersionRequest(
        dataset_id=dataset.dataset_id, source=inline(lines([{"text": "x"}]))
    )
    again = AddDatasetVersionRequest(dataset_id=dataset.dataset_id, source=inline(lines(CHATS)))
    bad = AddDatasetVersionRequest(dataset_id=dataset.dataset_id, source=inline("x"))

    begun = await wire.call("AddDatasetVersion", request)
    second = await settled(wire, begun)
    await wire.call("AddDatasetVersion", again)
    same = await settled(wire, dataset)
    await wire.call("AddDatasetVersion", bad)
    failed = await settled(wire, dataset)

    assert [version.version for version in second.versions] == [2, 1]
    assert [version.version for version in same.versions] == [2, 1]
    assert failed.status == Dataset.READY
    assert "None of its 1 rows" in failed.error.message
    assert await rows(wire, dataset) == [{"text": "x"}]
    assert await rows(wire, dataset, version=1) == KEPT
    with pytest.raises(Refused, match="DATASET_VERSION_NOT_FOUND"):
        await rows(wire, dataset, version=3)


async def test_pages_changes_and_the_end(wire: Wire, server: Server) -> None:
    first = await made(wire, inline(lines(CHATS)), "first")
    second = await made(wire, inline(lines(CHATS)), "second")
    changed = await wire.call(
        "UpdateDataset", UpdateDatasetRequest(dataset_id=first.dataset_id, description="more")
    )
    page = await wire.call("ListDatasets", ListDatasetsRequest(page_size=1))
    rest = await wire.call("ListDatasets", ListDatasetsRequest(page_token=page.next_page_token))

    assert (changed.name, changed.description) == ("first", "more")
    assert changed.revision == first.revision + 1
    assert page.total_size == 2
    assert [one.dataset_id for one in (*page.datasets, *rest.datasets)] == [
        first.dataset_id,
        second.dataset_id,
    ]
    assert [len(page.datasets[0].versions), len(page.datasets[0].versions[0].fields)] == [1, 0]
    with pytest.raises(Refused, match="FIELD_INVALID"):
        await wire.call("ListDatasets", ListDatasetsRequest(page_token="x"))  # noqa: S106 - no secret

    blobs = server.settings.now.home / "blobs"
    blob = blobs / f"sha256-{first.versions[0].sha256}"
    await wire.call("DeleteDataset", DeleteDatasetRequest(dataset_id=first.dataset_id))
    assert blob.exists()
    await wire.call("DeleteDataset", DeleteDatasetRequest(dataset_id=second.dataset_id))
    assert not blob.exists()
    assert not list((server.settings.now.home / "datasets").iterdir())
    for name, request in (
        ("GetDataset", GetDatasetRequest(dataset_id=first.dataset_id)),
        ("WatchDataset", WatchDatasetRequest(dataset_id=first.dataset_id)),
        ("DeleteDataset", DeleteDatasetRequest(dataset_id=first.dataset_id)),
        ("UpdateDataset", UpdateDatasetRequest(dataset_id=first.dataset_id, name="x")),
    ):
        with pytest.raises(Refused, match="DATASET_NOT_FOUND"):
            await wire.call(name, request)


@pytest.mark.parametrize("kind", ["huggingface", "modelscope"])
async def test_a_dataset_of_a_hub(wire: Wire, hub: FakeHub, kind: str) -> None:
    shelf = getattr(hub, kind).datasets
    shelf.add(
        "owner/chats",
        {
            "README.md": "# Chats",
            "train/a.jsonl": lines(CHATS[:1]),
            "train/b.jsonl": lines(CHATS[1:]),
            "test/c.jsonl": lines([{"text": "x"}]),
            "load.py": "raise SystemExit",
        },
    )
    source = DatasetSource()
    source.hub.repository = "owner/chats"
    source.hub.hub = Origin.Hub.Value(kind.upper())
    source.hub.include.append("train/*")

    dataset = await made(wire, source)

    assert dataset.status == Dataset.READY, dataset.error
    assert await rows(wire, dataset) == KEPT
    assert not hub.bytes_sent("*load.py*")
    source.hub.repository = "owner/none"
    with pytest.raises(Refused, match="HUB_MODEL_NOT_FOUND") as raised:
        await create(wire, source)
    assert "dataset 'owner/none'" in raised.value.message


async def test_tokens_are_counted_once(wire: Wire) -> None:
    chats = await made(wire, inline(lines(CHATS)))
    texts = await made(wire, inline(lines([{"text": "a b c"}, {"text": "a"}])))

    first = await wire.call(
        "CountDatasetTokens", CountDatasetTokensRequest(dataset_id=chats.dataset_id)
    )
    again = await wire.call(
        "CountDatasetTokens", CountDatasetTokensRequest(dataset_id=chats.dataset_id, version=1)
    )
    plain = await wire.call(
        "CountDatasetTokens", CountDatasetTokensRequest(dataset_id=texts.dataset_id)
    )

    assert first == again
    assert (first.model_id, first.version) == ("funland-tiny", 1)
    assert 0 < first.answers < first.total
    assert first.shortest <= first.median <= first.percentile_95 <= first.longest
    assert first.mean == pytest.approx(first.total / 2)
    assert plain.answers == plain.total == plain.shortest + plain.longest
    unknown = CountDatasetTokensRequest(dataset_id=chats.dataset_id, model_id="none")
    with pytest.raises(Refused, match="MODEL_NOT_FOUND"):
        await wire.call("CountDatasetTokens", unknown)


async def test_who_watches_sees_it_come(wire: Wire) -> None:
    begun = await create(wire, inline(lines(CHATS)))
    seen: list[Dataset] = []

    request = WatchDatasetRequest(dataset_id=begun.dataset_id)
    async with aclosing(wire.watch("WatchDataset", request)) as changes:
        async for event in changes:
            seen.append(event.dataset)

    assert seen[0].dataset_id == begun.dataset_id
    assert [one.status for one in seen[:-1]] == [Dataset.PREPARING] * (len(seen) - 1)
    assert seen[-1].status == Dataset.READY


def reads(process: psutil.Process) -> bool:
    """Whether it reads a dataset. Others may end while one looks."""
    try:
        return "funland_server.datasets.reading.main" in process.cmdline()
    except psutil.NoSuchProcess:  # a zombie too
        return False


def test_a_killed_server_reads_it_anew_and_leaves_no_process(
    start_stack: StartStack, tmp_path: Path
) -> None:
    path = tmp_path / "large.jsonl"
    path.write_text(lines([{"text": f"row {n}"} for n in range(1000)]) * 200)
    first = start_stack(tmp_path / "home")
    with Funland(first.grpc_address) as client:
        dataset = client.datasets.create("a", of_path(str(path)))
        for state in client.datasets.follow(dataset.dataset_id):
            if state.progress_percent > 0:
                break
    readers = [
        child for child in psutil.Process(first.pid).children(recursive=True) if reads(child)
    ]
    first.process.kill()
    first.process.wait()

    second = start_stack(tmp_path / "home")
    with Funland(second.grpc_address) as client:
        *_, last = client.datasets.follow(dataset.dataset_id)

    assert len(readers) == 1
    _, alive = psutil.wait_procs(readers, timeout=SECONDS)
    assert not alive
    assert last.status == Dataset.READY
    assert last.versions[0].row_count == 200_000
    assert [version.version for version in last.versions] == [1]
