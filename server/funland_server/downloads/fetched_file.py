"""One file of a download while it is being fetched: what is there, who fetches what, what it is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from funland_server.downloads import partial as partials
from funland_server.downloads.hashing import Digests, Hasher
from funland_server.downloads.heads import Head, Wanted
from funland_server.downloads.journal import Identity, blocks_of
from funland_server.downloads.partial import Partial
from funland_server.downloads.parts import Part, Parts
from funland_server.downloads.plan import PlannedFile
from funland_server.downloads.routes import Route, Routes
from funland_server.downloads.threads import Threads

_UNKNOWN: Final = Identity(size=0)


class FetchedFile:
    """A file in the making. One transfer uses it, from the event loop."""

    def __init__(self, planned: PlannedFile, path: Path, threads: Threads) -> None:
        """`path` is where its bytes are gathered."""
        self.planned = planned
        self.routes = Routes(planned.urls)
        self.sha256 = planned.sha256
        self.git_sha1 = planned.git_sha1
        self.ranged: bool | None = None
        """Whether its server sends parts; None: not known yet."""
        self.changes = 0
        """How often another version was found."""
        self.mismatches = 0
        """How often all bytes were there and not what they should be."""
        self.suspects: set[int] = set()
        """Blocks of which two fetches brought different bytes."""
        self.done = False
        self.reused = False
        self._path = path
        self._threads = threads
        self._partial: Partial | None = None
        self._parts: Parts | None = None
        self._bound: dict[str, Identity] = {}
        self._hashing: asyncio.Task[Digests] | None = None
        self._hasher: Hasher | None = None
        self._furthest = 0

    @property
    def size(self) -> int | None:
        """In bytes; None as long as nobody has told."""
        return self._partial.size if self._partial is not None else self.planned.size

    @property
    def there(self) -> int:
        """How many bytes are there."""
        if self.done:
            return self.size or 0
        return self._partial.total if self._partial is not None else 0

    @property
    def complete(self) -> bool:
        """Whether all bytes are there, right or not."""
        return self._parts is not None and self._parts.done

    @property
    def parts(self) -> Parts | None:
        """Who fetches what; None as long as its size is not known."""
        return self._parts

    @property
    def verifiable(self) -> bool:
        """Whether it is known what the bytes are to be, wherever they come from."""
        return bool(self.sha256 or self.git_sha1)

    def open(self) -> None:
        """Takes up what an earlier transfer left. Blocks; raises OSError."""
        found = Partial.load(self._path)
        if found is not None and self.planned.size not in (None, found.size):
            found.close()
            found = None
        if found is not None:
            self._bound = {found.identity.route: found.identity}
            self._use(found)
        elif self.planned.size is not None:
            self._use(Partial.new(self._path, Identity(self.planned.size)))

    def start_hashing(self) -> None:
        """Has a hash follow from the beginning."""
        if self._partial is None or self._hashing is not None:
            return
        git = bool(self.git_sha1) or not self.sha256
        self._hasher = Hasher(self._partial, self._threads, git=git)
        self._hashing = asyncio.create_task(self._hasher.digests())

    def wanted(self, part: Part | None, route: Route) -> Wanted:
        """What to ask a server for; without a part, for the file as it is."""
        single = self.ranged is False or part is None
        return Wanted(
            start=0 if single or part is None else part.start,
            end=None if single or part is None else part.end,
            route=route.name,
            size=self.size,
            bound=self._bound.get(route.name),
        )

    def fits(self, route: Route) -> bool:
        """Whether what a route sends may be put beside what is there."""
        partial = self._partial
        return (
            self.verifiable
            or partial is None
            or not partial.total
            or partial.identity.route in ("", route.name)
        )

    async def accept(self, head: Head, route: Route) -> None:
        """Notes what a server says of the file, before its bytes are taken."""
        identity = head.identity
        if identity is None:
            return
        if self._partial is None:
            self._use(await self._threads.run(Partial.new, self._path, identity))
            self.start_hashing()
        elif self._partial.identity != identity:
            await self._threads.run(self._partial.bind, identity)
        self._bound[route.name] = identity
        self.ranged = head.ranged

    async def write(self, offset: int, buffers: Sequence[bytes]) -> None:
        """Puts bytes where they belong; raises OSError."""
        assert self._partial is not None
        if self.mismatches:
            differing = await self._threads.run(self._partial.compare, offset, buffers)
            if self.mismatches == 1:
                self.suspects |= differing
        await self._threads.run(self._partial.write, offset, buffers)
        if self._hasher is not None:
            self._hasher.grown()

    def write_now(self, offset: int, buffers: Sequence[bytes]) -> None:
        """As `write`, for the last bytes of what is being stopped: it blocks a moment."""
        if self._partial is not None and not self.mismatches:
            self._partial.write(offset, buffers)

    def advances(self, end: int) -> bool:
        """Whether bytes up to there are more than there ever were, where one connection fetches
        the whole file again and again."""
        if self.ranged is not False:
            return True
        advances = end > self._furthest
        self._furthest = max(self._furthest, end)
        return advances

    async def start_over(self, *, ranged: bool | None) -> None:
        """Forgets all that is there. Nobody may be fetching."""
        await self._stop_hashing()
        size = self.planned.size
        if self._partial is not None:
            self._partial.close()
            self._partial = self._parts = None
        self._bound.clear()
        self.ranged, self.suspects, self.mismatches = ranged, set(), 0
        if size is None:
            await self._threads.run(partials.remove, self._path)
        else:
            self._use(await self._threads.run(Partial.new, self._path, Identity(size)))
            self.start_hashing()

    async def digests(self) -> Digests:
        """What its content is, when all bytes are there."""
        assert self._hashing is not None
        return await self._hashing

    def is_right(self, digests: Digests) -> bool:
        """Whether that is what it is to be, as far as anybody says."""
        if self.sha256:
            return digests.sha256 == self.sha256
        return not self.git_sha1 or digests.git_sha1 == self.git_sha1

    async def mend(self, route: Route | None) -> bool:
        """Has bytes fetched again that may be wrong; False if that can't help.

        Which are wrong, no hash tells. So first all are fetched again, by another way if there is
        one: where they differ is where one of the two is wrong. Then those alone.
        """
        assert self._partial is not None
        self.mismatches += 1
        blocks = range(blocks_of(self._partial.size))
        if self.mismatches == 2:
            if not self.suspects:
                return False  # twice the same: it is not the line
            blocks = sorted(self.suspects)
        elif self.mismatches > 2:
            return False
        if route is not None:
            self.routes.put_last(route)
        await self._stop_hashing()
        await self._threads.run(self._partial.forget, blocks)
        self._use(self._partial)
        self.start_hashing()
        return True

    async def sync(self) -> None:
        """Makes sure that what is there survives a restart of the machine."""
        if self._partial is not None and not self.done:
            await self._threads.run(self._partial.sync)

    async def finish(self) -> Path:
        """Lets go of the file, which is whole, and says where it is."""
        assert self._partial is not None
        path = self._partial.path
        self.done = True
        self._done_size = self._partial.size
        await self.close()
        return path

    async def close(self) -> None:
        """Lets go of it; what is there stays. Closing twice is no error."""
        await self._stop_hashing()
        if self._partial is not None:
            self._partial.close()
            self._partial = None

    def remove(self) -> None:
        """Removes what is there, when it is closed. Blocks; raises OSError."""
        partials.remove(self._path)

    def _use(self, partial: Partial) -> None:
        self._partial = partial
        self._parts = Parts(partial.missing())

    async def _stop_hashing(self) -> None:
        if self._hashing is not None:
            self._hashing.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._hashing
            self._hashing = None
