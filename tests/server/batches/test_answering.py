"""Lines are answered several at once, and none for the fault of another."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message

from funland.v1.inference_pb2 import GenerateRequest, GenerateResponse, GenerationOptions
from funland_server.batches import deciding
from funland_server.batches.answering import Answering, Shape
from funland_server.batches.asking import yields
from funland_server.batches.feed import Feed
from funland_server.batches.lines import Request
from funland_server.batches.native import NativeLines
from funland_server.batches.outcomes import Outcome
from funland_server.live import Live
from funland_server.workers.errors import WorkerLostError

URL = "/funland/v1/generate"


class Model:
    """A model whose worker ends with each request for `fatal`, and all that it computes with it."""

    def __init__(self, fatal: str = "") -> None:
        self._fatal = fatal
        self._computed: set[asyncio.Future[None]] = set()
        self.most = 0
        """So many were computed at once."""
        self.gate = asyncio.Event()
        """Answers wait for it."""
        self.gate.set()

    async def ask(self, request: Request) -> Message:
        assert isinstance(request, GenerateRequest)
        future = asyncio.get_running_loop().create_future()
        self._computed.add(future)
        self.most = max(self.most, len(self._computed))
        try:
            for _ in range(3):  # others come meanwhile
                await asyncio.sleep(0)
            await self.gate.wait()
            if request.prompt == self._fatal:
                for each in self._computed:
                    if not each.done():
                        each.set_exception(WorkerLostError("tiny"))
            elif not future.done():
                future.set_result(None)
            await future
        finally:
            self._computed.discard(future)
        return GenerateResponse(text=request.prompt.upper())


def lines(folder: Path, count: int) -> Path:
    path = folder / "lines.jsonl"
    texts = [
        json.dumps({"custom_id": str(n), "method": "POST", "url": URL, "body": {"prompt": f"p{n}"}})
        for n in range(1, count + 1)
    ]
    path.write_text("\n".join(texts))
    return path


class Run:
    def __init__(self, path: Path, model: Model, streams: int) -> None:
        self.kept: list[Outcome] = []
        self.streams = Live(streams)
        feed = Feed(path, URL, lambda number: True)
        shape = Shape("batch_1", URL, NativeLines())
        self.answering = Answering(shape, feed, model.ask, self._keep, self.streams)
        self.streams.tell(lambda _: self.answering.resize())

    async def _keep(self, outcome: Outcome) -> None:
        self.kept.append(outcome)

    def told(self) -> dict[str, Any]:
        """The status of each line."""
        parsed = [json.loads(each.line) for each in self.kept]
        return {each["custom_id"]: each["response"]["status_code"] for each in parsed}


async def test_only_the_line_that_ends_its_worker_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "_FIRST_PAUSE", 0.0)
    run = Run(lines(tmp_path, 40), Model(fatal="p7"), streams=8)

    await run.answering.run()

    assert len(run.kept) == 40
    assert run.told() == {str(n): 503 if n == 7 else 200 for n in range(1, 41)}


async def test_as_many_lines_are_asked_at_once_as_there_are_streams(tmp_path: Path) -> None:
    model = Model()
    model.gate.clear()
    run = Run(lines(tmp_path, 100), model, streams=4)
    running = asyncio.create_task(run.answering.run())
    await until(lambda: model.most == 4)

    run.streams.put(9)
    await until(lambda: model.most == 9)
    run.streams.put(2)
    model.most = 0
    model.gate.set()
    await running

    assert len(run.kept) == 100
    assert model.most <= 9


async def until(condition: Any) -> None:
    async with asyncio.timeout(120):
        while not condition():  # noqa: ASYNC110 - what it waits for has no event of its own
            await asyncio.sleep(0.001)


async def test_to_be_cancelled_ends_all_lines(tmp_path: Path) -> None:
    model = Model()
    model.gate.clear()
    run = Run(lines(tmp_path, 10), model, streams=4)
    running = asyncio.create_task(run.answering.run())
    await until(lambda: model.most == 4)

    running.cancel()

    with pytest.raises(asyncio.CancelledError):
        await running
    assert not run.kept


async def test_a_disk_that_is_full_ends_the_run(tmp_path: Path) -> None:
    async def full(_: Outcome) -> None:
        raise WorkerLostError("anything that is told")

    feed = Feed(lines(tmp_path, 10), URL, lambda number: True)
    shape = Shape("batch_1", URL, NativeLines())

    with pytest.raises(WorkerLostError):
        await Answering(shape, feed, Model().ask, full, Live(4)).run()


def test_whatever_a_line_says_it_yields_to_others() -> None:
    request = GenerateRequest(options=GenerationOptions(priority=GenerationOptions.HIGH, n=2))

    yields(request)

    assert request.options == GenerationOptions(priority=GenerationOptions.LOW, n=2)
