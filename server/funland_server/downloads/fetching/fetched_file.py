"""One file of a download while it is being fetched: what is there, who fetches what, what it is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from funland_server.downloads.fetching.heads import Wanted
from funland_server.downloads.fetching.parts import LEAST, Part, Parts
from funland_server.downloads.fetching.routes import Route, Routes
from funland_server.downloads.fetching.verdicts import MOST_CHANGES
from funland_server.downloads.files import partial as partials
from funland_server.downloads.files.done_note import DoneNote
from funland_server.downloads.files.hashing import Digests, Hasher
from funland_server.downloads.files.journal import Identity, blocks_of
from funland_server.downloads.files.partial import Partial
from funland_server.downloads.files.threads import Threads
from funland_server.downloads.plan import PlannedFile

_MENDED: Final = 2
"""How often wrong bytes are fetched again: all of them, then those that differed."""


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
        self.whole_answers = 0
        """How often the whole file came where a part was asked for."""
        self.mismatches = 0
        """How often all bytes were there and not what they should be."""
        self.suspects: set[int] = set()
        """Blocks of which two fetches brought different bytes."""
        self.done = False
        self.reused = False
        self.note = DoneNote(path)
        self._path = path
        self._threads = threads
        self._partial: Partial | None = None
        self._parts: Parts | None = None
        self._bound: dict[str, Identity] = {}
        self._hashing: asyncio.Task[Digests] | None = None
        self._hasher: Hasher | None = None
        self._furthest = 0
        self._left = 0
        self._using = asyncio.Lock()  # so that nothing is closed that is being synced
        self._size = planned.size_bytes

    @property
    def size(self) -> int | None:
        """In bytes; None as long as nobody has told."""
        return self._size

    @property
    def there(self) -> int:
        """How many bytes are there."""
        if self.done:
            return self.size or 0
        return self._partial.total if self._partial is not None else self._left

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
        if found is not None and self.planned.size_bytes not in (None, found.size):
            found.close()
            found = None
        if found is not None:
            self._bound = {found.identity.route: found.identity}
            self._use(found)
        elif self.planned.size_bytes is not None:
            self._use(Partial.new(self._path, Identity(self.planned.size_bytes)))

    def start_hashing(self) -> None:
        """Has a hash follow from the beginning."""
        if self._partial is None or self._hashing is not None:
            return
        git = bool(self.git_sha1) or not self.sha256
        self._hasher = Hasher(self._partial, self._threads, git=git)
        self._hashing = asyncio.create_task(self._hasher.digests())

    def wanted(self, part: Part | None, route: Route) -> Wanted:
        """What to ask a server for. Without a part, which is so as long as nobody knows the size,
        it is the first bytes."""
        start, end = (part.start, part.end) if part is not None else (0, LEAST)
        if self.ranged is False or start == end:
            start, end = 0, None
        # A server that finds a change each time may only have two machines: then the hash decides.
        heeded = not (self.verifiable and self.changes >= MOST_CHANGES)
        bound = self._bound.get(route.name) if heeded else None
        return Wanted(start, end, route.name, self.size, bound)

    def fits(self, route: Route) -> bool:
        """Whether what a route sends may be put beside what is there."""
        partial = self._partial
        return (
            self.verifiable
            or partial is None
            or not partial.total
            or partial.identity.route in ("", route.name)
        )

    async def accept(
        self, identity: Identity, route: Route, connection: int, part: Part | None, *, ranged: bool
    ) -> Part:
        """Notes what a server says of the file, and what is to be taken of what it sends now.

        What it sends without a range takes the place of all that is there.
        """
        if self._partial is None:
            self._use(await self._threads.run(Partial.new, self._path, identity))
            self.start_hashing()
        elif self._partial.identity != identity:
            await self._threads.run(self._partial.bind, identity)
        partial, parts = self._open_partial, Parts(self._open_partial.missing())
        self._bound[route.name] = identity
        self.ranged = ranged
        if ranged:
            if part is None:  # it is the first, so nobody has any
                self._parts = parts
            return part or parts.take(connection, LEAST) or Part(0, 0)
        if partial.total:
            await self._stop_hashing()
            await self._threads.run(partial.forget, range(blocks_of(identity.size)))
            self.start_hashing()
        self._parts = parts = Parts(partial.missing())
        return parts.take(connection, identity.size) or Part(0, 0)

    async def write(self, offset: int, buffers: Sequence[bytes]) -> None:
        """Puts bytes where they belong; raises OSError."""
        if self.mismatches == 1:
            compare = self._open_partial.compare
            self.suspects |= await self._threads.run(compare, offset, buffers)
        await self._threads.run(self._open_partial.write, offset, buffers)
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

    async def start_over(self, *, ranged: bool | None = None) -> None:
        """Forgets all that is there. Nobody may be fetching."""
        await self._stop_hashing()
        size = self._size = self.planned.size_bytes
        async with self._using:
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
        if self._hashing is None:
            raise RuntimeError("nothing hashes this file")
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
        partial = self._open_partial
        blocks = sorted(self.suspects) if self.mismatches else range(blocks_of(partial.size))
        if self.mismatches >= _MENDED or not blocks:  # the same came twice: it is not the line
            return False
        self.mismatches += 1
        if route is not None:
            self.routes.put_last(route)
        await self._stop_hashing()
        await self._threads.run(partial.forget, blocks)
        self._use(partial)
        self.start_hashing()
        return True

    async def sync(self) -> None:
        """Makes sure that what is there survives a restart of the machine."""
        async with self._using:
            if self._partial is not None:
                await self._threads.run(self._partial.sync)

    async def finish(self) -> Path:
        """Lets go of the file, which is right, and says where it is."""
        path = self._open_partial.path
        await self.close()
        return path

    async def close(self) -> None:
        """Lets go of it; what is there stays. Closing twice is no error."""
        await self._stop_hashing()
        async with self._using:
            if self._partial is not None:
                self._left = self._partial.total
                self._partial.close()
                self._partial = None

    def remove(self) -> None:
        """Removes what is there, when it is closed. Blocks; raises OSError."""
        partials.remove(self._path)

    @property
    def _open_partial(self) -> Partial:
        if self._partial is None:
            raise RuntimeError("this file is not open")
        return self._partial

    def _use(self, partial: Partial) -> None:
        self._partial = partial
        self._size = partial.size
        self._parts = Parts(partial.missing())

    async def _stop_hashing(self) -> None:
        if self._hashing is not None:
            self._hashing.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._hashing
            self._hashing = None
