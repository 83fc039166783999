"""Waits for what comes, unless something happens first."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Coming = TypeVar("Coming")


async def unless(event: asyncio.Event, coming: Coroutine[Any, Any, Coming]) -> Coming | None:
    """What comes; None, and it comes no more, if the event is set before. Raises what it does."""
    there = asyncio.ensure_future(coming)
    happens = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait([there, happens], return_when=asyncio.FIRST_COMPLETED)
        return there.result() if there.done() else None
    finally:
        happens.cancel()
        if not there.done():
            there.cancel()
            await asyncio.wait([there])
