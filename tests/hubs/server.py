"""A ModelScope, a HuggingFace and an Ollama registry on loopback, with a CDN behind them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Self

from aiohttp import web

from tests.hubs.answers import Answer, json_answer
from tests.hubs.faults import Faults
from tests.hubs.huggingface import HuggingFace
from tests.hubs.modelscope import ModelScope
from tests.hubs.ollama import Ollama
from tests.hubs.places import Cdn, Handler
from tests.hubs.record import Asked, Record
from tests.hubs.sending import send

SECONDS = 120
"""After which something that should have happened is taken not to happen."""


class FakeHub:
    """All hubs at once: in the test's loop by `async with`, in a thread of its own by `with`.

    Repositories and faults may be changed while it runs. Each part listens at an address of its
    own, for cookies know no ports; a second hub, such as a mirror, wants another `network`.
    """

    def __init__(self, network: int = 0) -> None:
        self._network = f"127.0.{network}"
        self.cdn = Cdn()
        self.modelscope = ModelScope(self.cdn)
        self.huggingface = HuggingFace(self.cdn)
        self.ollama = Ollama(self.cdn)
        self.faults = Faults()
        self.requests = Record()
        self._let_go = asyncio.Event()
        self._runners: list[web.AppRunner] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def settings(self) -> dict[str, str]:
        """The environment of a service that has these hubs and no others: it asks nobody else."""
        addresses = ",".join(f"{self._network}.{number}" for number in range(1, 8))
        return {
            "FUNLAND_SERVER__MODELSCOPE_ENDPOINT": self.modelscope.url,
            "FUNLAND_SERVER__HUGGINGFACE_ENDPOINT": self.huggingface.url,
            "FUNLAND_SERVER__OLLAMA_ENDPOINT": self.ollama.url,
            "FUNLAND_SERVER__ALLOWED_PRIVATE_HOSTS": addresses,
        }

    def bytes_sent(self, pattern: str = "*") -> int:
        """Bytes of bodies that GETs of a path were given, by all parts together."""
        return sum(asked.sent for asked in self.requests.of(pattern, method="GET"))

    def release(self) -> None:
        """Lets all that has stalled go on."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._let_stalled_go)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits until something is so of the requests; TimeoutError after two minutes."""
        async with asyncio.timeout(SECONDS):
            await asyncio.wrap_future(self.requests.when(condition))

    async def until_stalled(self, count: int = 1) -> None:
        """Waits until so many requests have stalled."""
        await self.until(lambda: self.stalled == count)

    def wait(self, condition: Callable[[], bool]) -> None:
        """As `until`, outside of a loop."""
        self.requests.when(condition).result(SECONDS)

    @property
    def stalled(self) -> int:
        """How many requests wait to be let go on."""
        return sum(asked.stalled for asked in self.requests)

    async def close(self) -> None:
        """Ends it; what has stalled is let go on, and what is then not sent in time is cut."""
        self._let_go.set()
        for runner in self._runners:
            await runner.cleanup()

    async def __aenter__(self) -> Self:
        await self._start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def __enter__(self) -> Self:
        loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, name="fake-hub", daemon=True)
        self._thread.start()
        self._loop = loop
        self._call(self._start)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._loop is not None
        assert self._thread is not None
        self._call(self.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, function: Callable[[], Awaitable[None]]) -> None:
        async def called() -> None:
            await function()

        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(called(), self._loop).result(SECONDS)

    async def _start(self) -> None:
        self._loop = asyncio.get_running_loop()
        parts = {
            "modelscope": self.modelscope, "huggingface": self.huggingface,
            "ollama": self.ollama, "cdn": self.cdn,
        }  # fmt: skip
        for number, (name, part) in enumerate(parts.items(), 1):
            app = web.Application(client_max_size=64 << 20)
            for method, pattern, handler in part.routes:
                answer = self._answering(name, handler)
                app.router.add_route(method, pattern, answer)
                if method == "GET":
                    app.router.add_route("HEAD", pattern, answer)
            app.router.add_route("*", "/{any:.*}", self._answering(name, _unknown))
            part.url = await self._listen(app, f"{self._network}.{number}")

    async def _listen(self, app: web.Application, address: str) -> str:
        runner = web.AppRunner(
            app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1
        )
        self._runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, address, 0).start()
        return f"http://{address}:{runner.addresses[0][1]}"

    def _let_stalled_go(self) -> None:
        self._let_go.set()
        self._let_go = asyncio.Event()

    def _answering(
        self, host: str, handler: Handler
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def answer(request: web.Request) -> web.StreamResponse:
            asked = Asked(
                request.method,
                host,
                request.raw_path,
                request.headers,
                request.query,
                await request.read(),
                request.path,
            )
            right = handler(asked, request.match_info)
            self.requests.add(asked)
            try:
                worse = self.faults.answer(right, asked)
                return await send(
                    request, worse, asked, lambda: self._let_go, self.requests.changed
                )
            finally:
                asked.ended, asked.stalled = True, False
                self.requests.changed()

        return answer


def _unknown(asked: Asked, match: Mapping[str, str]) -> Answer:
    return json_answer({"error": f"no such path: {asked.url}"}, 404)
