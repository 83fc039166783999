"""A transfer of a test's own, from the fake hub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import time

from funland_server.blobs.store import Blobs
from funland_server.downloads.fetching.settings import FetchSettings
from funland_server.downloads.fetching.speed import Bucket
from funland_server.downloads.fetching.tools import Tools
from funland_server.downloads.fetching.transfer import Stalled, Transfer
from funland_server.downloads.files.threads import Threads
from funland_server.downloads.plan import PlannedFile
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.web.fetching import Credential, Deadlines, Web
from funland_server.web.policy import WebPolicy
from tests.hubs.server import FakeHub

MIB = 1024**2
SECONDS = 120
"""After which a transfer is taken not to end."""
HOSTS = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")


@dataclass(slots=True)
class Tokens:
    """What the servers want to be shown."""

    known: Mapping[str, Credential] = field(default_factory=dict[str, Credential])
    asked_anew: int = 0

    async def credential(self, url: str, *, anew: bool) -> Credential | None:
        self.asked_anew += anew
        return next((one for start, one in self.known.items() if url.startswith(start)), None)


class Site:
    """A place for downloads, and what they need."""

    def __init__(
        self,
        home: Path,
        *,
        policy: WebPolicy | None = None,
        deadlines: Deadlines | None = None,
        settings: FetchSettings | None = None,
        rate: float | None = None,
    ) -> None:
        self.home = home
        self.metrics = Metrics()
        self.blobs = Blobs(home / "blobs")
        self.tokens = Tokens()
        self.policy = Live(policy or WebPolicy.of(private_hosts=HOSTS))
        self.web = Web(self.policy, Live(deadlines) if deadlines else None)
        self.tools = Tools(
            web=self.web,
            credentials=self.tokens,
            blobs=self.blobs,
            bucket=Bucket(rate),
            threads=Threads(),
            settings=Live(settings or FetchSettings(first_backoff=0.01)),
            received=self.metrics.download_bytes.inc,
        )

    def transfer(self, *files: PlannedFile, connections: int = 16, name: str = "one") -> Transfer:
        return Transfer(files, self.home / "downloads" / name, self.tools, connections)

    async def fetched(
        self, *files: PlannedFile, connections: int = 16, name: str = "one"
    ) -> Transfer:
        """Fetches files, however often no server can be asked for a moment."""
        transfer = self.transfer(*files, connections=connections, name=name)
        async with asyncio.timeout(SECONDS):
            while isinstance(stalled := await transfer.run(), Stalled):  # noqa: ASYNC110 - as asked
                await asyncio.sleep(stalled.until - time())
        return transfer

    @asynccontextmanager
    async def running(self, transfer: Transfer) -> AsyncGenerator[asyncio.Task[Stalled | None]]:
        """A transfer under way, which is stopped when the block cancels it."""
        task = asyncio.create_task(transfer.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def close(self) -> None:
        await self.web.close()
        self.tools.threads.close()


def is_right(site: Site, hub: FakeHub, path: str) -> bool:
    """Whether the store has the file as the hub has it."""
    ((_, repository),) = hub.huggingface.repositories.items()
    content = repository.newest.files[path].content
    found = site.blobs.find(content.sha256)
    return found is not None and found.read_bytes() == content.bytes()


def planned(hub: FakeHub, path: str, *, hashed: bool = True, sized: bool = True) -> PlannedFile:
    """A file of the fake hub's HuggingFace, from its only repository."""
    ((name, repository),) = hub.huggingface.repositories.items()
    file = repository.newest.files[path]
    return PlannedFile(
        path=path,
        size_bytes=file.content.length if sized else None,
        sha256=file.content.sha256 if hashed else "",
        git_sha1="",
        urls=(f"{hub.huggingface.url}/{name}/resolve/{repository.newest.id}/{path}",),
    )
