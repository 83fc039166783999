"""Which batches this server is answering, and how far they are."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

from funland.v1.batches_pb2 import Batch
from funland_server.batches.answering import Answering
from funland_server.batches.finishing import count
from funland_server.batches.journal import Tally


class Under:
    """One that is under way."""

    def __init__(self) -> None:
        self.tally: Tally | None = None
        """What is answered; None: nothing is known of it yet."""
        self.answering: Answering | None = None
        self.over = asyncio.Event()


class Here:
    """All that are under way in this process."""

    def __init__(self) -> None:
        self._under: dict[str, Under] = {}

    @contextmanager
    def under_way(self, batch_id: str) -> Generator[Under]:
        """One, until the block ends."""
        under = self._under[batch_id] = Under()
        try:
            yield under
        finally:
            del self._under[batch_id]
            under.over.set()

    async def idle(self, batch_id: str) -> None:
        """Waits until a batch is not under way."""
        if (under := self._under.get(batch_id)) is not None:
            await under.over.wait()

    def present(self, batch: Batch) -> Batch:
        """The batch with what is answered of it by now."""
        under = self._under.get(batch.batch_id)
        if under is not None and under.tally is not None:
            count(batch, under.tally)
        return batch

    def resize(self) -> None:
        """Tells all that the number of streams is another."""
        for under in self._under.values():
            if under.answering is not None:
                under.answering.resize()
