"""What the fake hub was asked, and what it has sent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from multidict import CIMultiDictProxy, MultiMapping


@dataclass(slots=True)
class Asked:
    """A request, and how its answer went."""

    method: str
    host: str
    """Which part was asked: `modelscope`, `huggingface`, `ollama` or `cdn`."""
    url: str
    """Path and query as they were sent."""
    headers: CIMultiDictProxy[str]
    query: MultiMapping[str]
    body: bytes
    path: str
    """The file in its repository, the digest of a blob, or the URL's path."""
    faults: list[str] = field(default_factory=list[str])
    """The faults that its answer had."""
    status: int | None = None
    sent: int = 0
    """Bytes of the body given to the socket: no fewer than the other end has read, and of a
    connection that it closed up to a piece and the system's buffers more."""
    stalled: bool = False
    """It waits for the test to let it go on."""
    ended: bool = False

    @property
    def range(self) -> str | None:
        """The Range that it asked for."""
        return self.headers.get("Range")

    def matches(self, pattern: str) -> bool:
        """Whether its path, its path's last part or its URL is like a pattern of the shell.

        The URL with its query or without.
        """
        names = (self.path, self.path.split("/")[-1], self.url, self.url.partition("?")[0])
        return any(fnmatchcase(name, pattern) for name in names)

    def bears(self, secret: str) -> bool:
        """Whether it holds a text anywhere."""
        texts = (self.url, *self.headers.values(), self.body.decode("latin-1"))
        return any(secret in text for text in texts)


class Record:
    """All requests in the order in which they came."""

    def __init__(self) -> None:
        self._asked: list[Asked] = []
        self._waiting: list[tuple[Callable[[], bool], Future[None]]] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._asked)

    def __iter__(self) -> Iterator[Asked]:
        return iter(list(self._asked))

    def __getitem__(self, index: int) -> Asked:
        return self._asked[index]

    def of(
        self, pattern: str = "*", *, method: str | None = None, host: str | None = None
    ) -> list[Asked]:
        """Those for a path, by a method, of one part of the hub."""
        return [
            asked
            for asked in self
            if asked.matches(pattern) and method in (None, asked.method)
            and host in (None, asked.host)
        ]  # fmt: skip

    def bearing(self, secret: str) -> list[Asked]:
        """Those that hold a text in URL, headers or body."""
        return [asked for asked in self if asked.bears(secret)]

    def clear(self) -> None:
        """Forgets what was."""
        self._asked.clear()

    def add(self, asked: Asked) -> None:
        """Takes a request down."""
        self._asked.append(asked)
        self.changed()

    def changed(self) -> None:
        """Tells those that wait; the hub's own loop calls it at each change."""
        if not self._waiting:
            return
        with self._lock:
            for waiting in list(self._waiting):
                condition, future = waiting
                try:
                    if not future.cancelled() and not condition():
                        continue
                    outcome = None
                except Exception as raised:
                    outcome = raised
                self._waiting.remove(waiting)
                if future.set_running_or_notify_cancel():
                    future.set_exception(outcome) if outcome else future.set_result(None)

    def when(self, condition: Callable[[], bool]) -> Future[None]:
        """Is done once something is so of the requests."""
        future: Future[None] = Future()
        with self._lock:
            self._waiting.append((condition, future))
        self.changed()
        return future
