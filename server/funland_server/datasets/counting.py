"""Counts the tokens of a version with a model's tokenizer and its chat template."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import AsyncGenerator
from contextlib import aclosing
from itertools import islice
from pathlib import Path
from typing import Any, Final

import orjson

from funland.v1.datasets_pb2 import DatasetTokens, DatasetVersion
from funland.v1.inference_pb2 import Message
from funland.worker.v1.worker_pb2 import Conversation, TokenizeText
from funland_server.datasets.figures import summed_up
from funland_server.datasets.store import DatasetStore
from funland_server.models.installed.catalog import ModelCatalog
from funland_server.models.loading.loader import ModelLoader
from funland_server.turns import Turns
from funland_server.workers.callee import Callee

_AT_ONCE: Final = 16
"""Rows that are asked of the worker at a time."""
_ROLES: Final = {
    "system": Message.SYSTEM,
    "user": Message.USER,
    "assistant": Message.ASSISTANT,
}


class Counting:
    """What was counted is kept, and counted once though several ask."""

    def __init__(self, store: DatasetStore, catalog: ModelCatalog, loader: ModelLoader) -> None:
        self._store = store
        self._catalog = catalog
        self._loader = loader
        self._turns = Turns[tuple[str, int, str]]()

    async def count(
        self, dataset_id: str, version: DatasetVersion, rows: Path, model: str
    ) -> DatasetTokens:
        """The tokens of a version whose rows lie there; raises as
        `DatasetService.CountDatasetTokens` promises."""
        model_id = self._loader.model_id(model)
        sha256 = self._catalog.get(model_id).sha256
        key = (dataset_id, version.version, sha256)
        async with self._turns.of(key):
            if (known := await self._store.counted(*key)) is not None:
                known.model_id = model_id
                return known
            callee = await self._loader.worker(model)
            counts = await self._counted(callee, version, rows)
            await self._store.keep_count(dataset_id, sha256, counts)
            return counts

    async def _counted(self, callee: Callee, version: DatasetVersion, rows: Path) -> DatasetTokens:
        lengths, answers = array("q"), 0
        async with aclosing(_batches(rows)) as batches:
            async for batch in batches:
                for total, answered in await asyncio.gather(
                    *(count_row(callee, row) for row in batch)
                ):
                    lengths.append(total)
                    answers += answered
        return summed_up(callee.model_id, version.version, lengths, answers)


async def count_row(callee: Callee, row: dict[str, Any]) -> tuple[int, int]:
    """The tokens of a row, and those of them that are answers: all of a text; of a conversation
    what its template adds to what stands before an answer."""
    if "text" in row:
        tokens = await callee.tokenize(TokenizeText(text=row["text"], add_special=True))
        return len(tokens.tokens), len(tokens.tokens)
    messages = [
        Message(role=_ROLES[message["role"]], content=message["content"])
        for message in row["messages"]
    ]
    answers = 0
    total = 0
    for place, message in enumerate(messages):
        if message.role != Message.ASSISTANT:
            continue
        asked = await callee.render(Conversation(messages=messages[:place]))
        told = await callee.render(Conversation(messages=messages[: place + 1], continue_last=True))
        total = len(told.tokens)
        answers += max(total - len(asked.tokens), 0)
    return total, answers


async def _batches(rows: Path) -> AsyncGenerator[list[dict[str, Any]]]:
    file = await asyncio.to_thread(rows.open, "rb")
    try:
        while lines := await asyncio.to_thread(lambda: list(islice(file, _AT_ONCE))):
            yield [orjson.loads(line) for line in lines]
    finally:
        file.close()
