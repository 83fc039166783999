"""What a picture looks like before it is done."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator
from typing import Any, Protocol

from funland.v1.images_pb2 import Image
from funland_worker.images.pace import Pace, has_time


class Decoder(Protocol):
    """Makes previews."""

    @property
    def seconds(self) -> float:
        """What one takes; 0: not known."""
        ...

    def kept(self, latent: Any) -> Any:
        """A latent that stays as it is when the library goes on."""
        ...

    def decoded(self, latent: Any) -> Image:
        """What it looks like."""
        ...


class Previews:
    """Those of one picture. What is due is kept, and decoded when there is time for it."""

    def __init__(
        self,
        due: Collection[int],
        decoder: Decoder,
        *,
        promised: bool,
        room: Callable[[], bool],
    ) -> None:
        """After the steps that are `due`, each of them if they are `promised`. One that there is
        no `room` for is not made."""
        self._due = deque(sorted(due))
        self._decoder = decoder
        self._promised = promised
        self._room = room
        self._kept: deque[Any] = deque()

    @property
    def lost(self) -> bool:
        """Whether one is promised whose step was not told, when the picture is painted."""
        return self._promised and bool(self._due)

    def awaited(self, done: int) -> bool:
        """Whether the call of a step after those that are `done` must not be lost."""
        return self._promised and bool(self._due) and self._due[-1] > done

    def after(self, done: int, latent: Any, pace: Pace) -> Image | None:
        """The preview that is to be told with a step, if there is one."""
        self.keep(done, latent)
        if not self._kept or not has_time(pace, self._decoder.seconds):
            return None
        return self._next()

    def keep(self, done: int, latent: Any) -> None:
        """Keeps what there is after so many steps, if a preview is due of it."""
        if not self._due or self._due[0] > done:
            return
        while self._due and self._due[0] <= done:
            self._due.popleft()
        self._kept.append(self._decoder.kept(latent))

    def rest(self) -> Iterator[Image]:
        """Those for which there was no time, when the picture is painted."""
        while self._kept:
            if (image := self._next()) is not None:
                yield image

    def _next(self) -> Image | None:
        latent = self._kept.popleft()
        return self._decoder.decoded(latent) if self._room() else None
