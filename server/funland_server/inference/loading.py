"""What a call that wants to know is told while its model is loaded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from funland.v1.inference_pb2 import Loading
from funland_server.models.loading.loader import ModelLoader
from funland_server.workers.callee import Callee


async def loading(loader: ModelLoader, model: str) -> AsyncGenerator[Loading]:
    """How far the load of a model is, until it is loaded. Closing it ends nothing of the load.

    Raises:
        FunlandError: See `ModelLoader.worker`.
    """
    acquiring = asyncio.create_task(loader.worker(model))
    acquiring.add_done_callback(_look_at)
    try:
        async with aclosing(loader.progress(model, acquiring)) as news:
            async for one in news:
                yield one
        await acquiring
    finally:
        acquiring.cancel()


def _look_at(acquired: asyncio.Task[Callee]) -> None:
    """A failure that came when its caller was leaving is nobody's: it is not told as a defect."""
    if not acquired.cancelled():
        acquired.exception()
