"""Follows a picture through its steps, and ends it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event
from time import monotonic
from typing import Any

from funland.v1.images_pb2 import ImageProgress
from funland.worker.v1.worker_pb2 import JobEvent
from funland_worker.images.pace import Pacer, stay_s
from funland_worker.images.previews import Previews
from funland_worker.images.pulse import Pulse

logger = logging.getLogger(__name__)


class Steps:
    """What the library calls while it paints one picture; see `pipelines.Step`."""

    def __init__(
        self,
        index: int,
        runs: int,
        *,
        stop: Event,
        pulse: Pulse,
        tell: Callable[[JobEvent], None],
        previews: Previews,
    ) -> None:
        """`index` is the picture's number, `runs` how many steps it has."""
        self._index = index
        self._runs = runs
        self._stop = stop
        self._pulse = pulse
        self._tell = tell
        self._previews = previews
        self._pacer = Pacer(runs)
        self.error: Exception | None = None
        """What went wrong in it. The library would end the process."""

    def __call__(self, done: int, latent: Any) -> bool:
        """Tells of a step; whether to end."""
        return self._guarded(self._step, done, latent)

    def again(self, done: int, latent: Any) -> bool:
        """Keeps the previews that were lost, when the picture is painted once more; whether that
        was the last of them. It tells of nothing."""
        return self._guarded(self._kept, done, latent)

    def _guarded(self, step: Callable[[int, Any], bool], done: int, latent: Any) -> bool:
        try:
            return step(min(done, self._runs), latent)
        except Exception as error:
            logger.exception("a step could not be told")
            self.error = error
            return True

    def _step(self, done: int, latent: Any) -> bool:
        self._pulse.beat()
        if self._stop.is_set():
            return True
        now = monotonic()
        pace = self._pacer.called(done, now, awaited=self._previews.awaited(done))
        progress = ImageProgress(index=self._index, step=done, steps=self._runs)
        if pace.left and (image := self._previews.after(done, latent, pace)) is not None:
            progress.preview.CopyFrom(image)
        self._tell(JobEvent(painting=progress))
        if not pace.left:
            return False
        stopped = self._stop.wait(max(0.0, stay_s(pace) - (monotonic() - now)))
        self._pacer.returned(monotonic())
        return stopped

    def _kept(self, done: int, latent: Any) -> bool:
        self._pulse.beat()
        if self._stop.is_set():
            return True
        self._previews.keep(done, latent)
        return not self._previews.lost
