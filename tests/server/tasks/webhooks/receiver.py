"""A receiver of webhooks, on loopback, that believes what the specification lets it."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks.webhooks import Webhook

SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes, ok").decode()


@dataclass(frozen=True, slots=True)
class Told:
    """One request whose signature is right."""

    message_id: str
    said: dict[str, Any]
    body: bytes


class Receiver:
    """Keeps what it is told."""

    def __init__(self, secret: str) -> None:
        self.told: list[Told] = []
        self.answers: list[web.Response] = []
        """What it answers to the next ones; then 204."""
        self.hold: asyncio.Event | None = None
        """It answers nothing before this is set."""
        self._came = asyncio.Condition()
        self._webhook = Webhook(secret)
        app = web.Application()
        app.router.add_post("/in", self._take)
        self.server = TestServer(app)

    @property
    def url(self) -> str:
        port = self.server.port  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - aiohttp does not say
        return f"http://127.0.0.1:{cast('int', port)}/in?token=hidden"

    async def have(self, count: int, seconds: float = 20) -> list[Told]:
        """What it was told, when that is so much."""
        async with asyncio.timeout(seconds), self._came:
            await self._came.wait_for(lambda: len(self.told) >= count)
        return self.told

    async def all_of(self, task_ids: set[str], seconds: float = 20) -> None:
        """Returns when it was told of all these."""
        async with asyncio.timeout(seconds), self._came:
            await self._came.wait_for(
                lambda: task_ids <= {told.said["data"]["task_id"] for told in self.told}
            )

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        name = request.headers["webhook-id"]
        # Not `verify`, for which a test's time may be too old.
        sent = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), UTC)
        if request.headers["webhook-signature"] != self._webhook.sign(name, sent, body.decode()):
            return web.Response(status=401)
        async with self._came:
            self.told.append(Told(name, json.loads(body), body))
            self._came.notify_all()
        if self.hold is not None:
            await self.hold.wait()
        return self.answers.pop(0) if self.answers else web.Response(status=204)


@asynccontextmanager
async def receiving(secret: str = SECRET) -> AsyncGenerator[Receiver]:
    """One that listens within the block."""
    receiver = Receiver(secret)
    await receiver.server.start_server()
    try:
        yield receiver
    finally:
        if receiver.hold is not None:
            receiver.hold.set()
        await receiver.server.close()
