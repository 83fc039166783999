"""One request for a part of a file: sends it, checks the answer, and keeps what comes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from time import monotonic, time
from typing import Final

from yarl import URL

from funland_server.downloads.fetching.complaints import error_of
from funland_server.downloads.fetching.fetched_file import FetchedFile
from funland_server.downloads.fetching.heads import Head, Wanted, read_head
from funland_server.downloads.fetching.parts import Part
from funland_server.downloads.fetching.ranges import (
    identity_of,
    if_range,
    told_git_sha1,
    told_sha256,
)
from funland_server.downloads.fetching.routes import Route
from funland_server.downloads.fetching.sink import Sink
from funland_server.downloads.fetching.speed import Bucket
from funland_server.downloads.fetching.verdicts import Kind
from funland_server.downloads.plan import Credentials
from funland_server.errors import FunlandError
from funland_server.web.answers import Answer
from funland_server.web.errors import (
    AddressNotAllowedError,
    AnswerInvalidError,
    Trouble,
    UnreachableError,
)
from funland_server.web.fetching import Web
from funland_server.web.waiting import asked_to_wait

_LONGEST_PAUSE: Final = 5.0
_LONGEST_UNSIZED: Final = 16 * 1024**2
"""Bytes of a file of which nobody tells the size."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How a request failed."""

    kind: Kind
    error: FunlandError
    """For people."""
    status: int = 0
    wait: float | None = None
    """Seconds that the server asks to wait."""
    progressed: bool = False
    remembered: bool = False
    """Whether a new URL or credential may help."""
    target: URL | None = None
    """The remembered URL that was asked."""


@dataclass(slots=True)
class Connection:
    """What a part is fetched with."""

    web: Web
    credentials: Credentials
    bucket: Bucket
    received: Callable[[int], None]
    """Is told how many bytes came, as they come."""

    async def fetch(
        self, number: int, file: FetchedFile, part: Part | None, route: Route
    ) -> Failure | None:
        """Fetches a part, whose `start` moves as bytes come; None when it is there.

        Without a part, which is so as long as nobody knows the size, it asks for the first.

        Raises:
            OSError: The disk fails.
            FunlandError: Nothing is to be sent, or there is no credential.
        """
        wanted = file.wanted(part, route)
        target = route.target
        remembered = target is not None
        sink: Sink | None = None
        try:
            credential = await self.credentials.credential(route.url, anew=route.asked_anew)
            remembered = remembered or (credential is not None and not route.asked_anew)
            async with self.web.open(
                target or route.url, headers=_headers(wanted), credential=credential
            ) as answer:
                head = read_head(answer.status, answer.headers, wanted)
                if isinstance(head, Head) and file.ranged and not head.ranged:
                    head = Kind.NO_RANGE
                if head is Kind.BEYOND_END and file.size is None:
                    head = Kind.NO_RANGE  # of an empty file there are no parts
                if isinstance(head, Kind):
                    return _refused(head, file, answer, remembered=remembered, target=target)
                if answer.passed:
                    route.target = answer.url
                _learn(file, answer)
                if head.identity is None:
                    return await self._take_whole(number, file, route, answer)
                part = await file.accept(head.identity, route, number, part, ranged=head.ranged)
                sink = Sink(file, part)
                await self._receive(sink, answer, route)
        except AddressNotAllowedError as error:
            return Failure(Kind.NOT_ALLOWED, error)
        except UnreachableError as error:
            return Failure(
                Kind.NO_HTTP if error.trouble is Trouble.NO_HTTP else Kind.BROKEN_OFF,
                error,
                progressed=sink is not None and sink.count > 0 and file.advances(sink.part.start),
                remembered=remembered,
            )
        if not part.rest:
            return None
        error = AnswerInvalidError.of(route.origin.host, "it ended before it should have")
        return Failure(
            Kind.BROKEN_OFF, error, progressed=sink.count > 0 and file.advances(part.start)
        )

    async def _take_whole(
        self, number: int, file: FetchedFile, route: Route, answer: Answer
    ) -> Failure | None:
        """Takes a file of which nobody tells the size: what has an end is not large."""
        try:
            body = await answer.read(_LONGEST_UNSIZED)
        except AnswerInvalidError as error:
            return Failure(Kind.WRONG_SIZE, error)
        self.received(len(body))
        identity = identity_of(answer.headers, len(body), route.name)
        part = await file.accept(identity, route, number, None, ranged=False)
        if body:
            await file.write(0, [body])
        part.start = part.end
        return None

    async def _receive(self, sink: Sink, answer: Answer, route: Route) -> None:
        try:
            async with aclosing(answer.chunks()) as chunks:
                await self._pour(chunks, sink, route)
        except asyncio.CancelledError:
            with contextlib.suppress(OSError):  # the journal knows what is there
                await sink.settle()
                sink.flush_now()
            raise
        except UnreachableError:
            await sink.flush()
            await sink.settle()
            raise
        await sink.flush()
        await sink.settle()

    async def _pour(self, chunks: AsyncIterator[bytes], sink: Sink, route: Route) -> None:
        async for chunk in chunks:
            route.asked_anew = False
            self.received(len(chunk))
            sink.add(chunk)
            if sink.due:
                await sink.flush()
            if not sink.part.rest:
                return  # what comes beyond is not wanted
            delay = self.bucket.delay(len(chunk), monotonic())
            if delay > 0:
                await asyncio.sleep(min(delay, _LONGEST_PAUSE))


def _headers(wanted: Wanted) -> dict[str, str]:
    if wanted.end is None:
        return {}
    headers = {"Range": f"bytes={wanted.start}-{wanted.end - 1}"}
    if wanted.bound is not None and (condition := if_range(wanted.bound)) is not None:
        headers["If-Range"] = condition
    return headers


def _learn(file: FetchedFile, answer: Answer) -> None:
    """Takes the hash that the server tells if the list did not."""
    answers = [*answer.passed, answer.headers]
    if not file.sha256:
        file.sha256 = told_sha256(answers)
    if not file.verifiable:
        file.git_sha1 = told_git_sha1(answers)


def _refused(
    kind: Kind, file: FetchedFile, answer: Answer, *, remembered: bool, target: URL | None
) -> Failure:
    return Failure(
        kind,
        error_of(kind, answer.status, answer.host, file.planned.path),
        status=answer.status,
        wait=asked_to_wait(answer.headers, time()) if kind is Kind.STATUS else None,
        remembered=remembered,
        target=target,
    )
