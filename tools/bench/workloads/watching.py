"""Watches what a server's processes take of processor and memory."""

from __future__ import annotations

from threading import Event, Thread

import psutil

_EACH_SECONDS = 0.2


class Watch:
    """Of a process and all below it, for as long as the block: `with Watch(pid) as watch:`."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._left = Event()
        self._thread = Thread(target=self._look, daemon=True)
        self._before = 0.0
        self.processor_seconds = 0.0
        """Of all of them, with those that have ended; known after the block."""
        self.peak_bytes = 0
        """The most resident memory of all of them together, pages that several share counted once
        (`Pss`); of what lasts less than a fifth of a second there may be more."""

    def __enter__(self) -> Watch:
        """Begins."""
        self._before = self._processor()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends, with a last look."""
        self._left.set()
        self._thread.join()
        self.processor_seconds = self._processor() - self._before

    def _look(self) -> None:
        while True:
            self.peak_bytes = max(self.peak_bytes, self._memory())
            if self._left.wait(_EACH_SECONDS):
                return

    def _tree(self) -> list[psutil.Process]:
        try:
            return [self._process, *self._process.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def _processor(self) -> float:
        total = 0.0
        for process in self._tree():
            try:
                total += sum(process.cpu_times()[:4])  # those of ended children too
            except psutil.NoSuchProcess:
                continue
        return total

    def _memory(self) -> int:
        total = 0
        for process in self._tree():
            try:
                total += process.memory_full_info().pss
            except psutil.NoSuchProcess:
                continue
        return total
