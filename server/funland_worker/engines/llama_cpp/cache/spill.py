"""Keeps states in files, for the time when memory has no room for them, and after a restart.

A file has a seal, then what it tells of itself, then the tokens, then the state. The seal is an
HMAC-SHA256 under a key that only this installation knows: llama.cpp trusts what it is given, so a
file that was touched must not come to it. What a file tells of itself has the model's digest and
the form of the state, so that it is never taken for another model or another llama.cpp.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import queue
import stat
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any

import numpy as np

from funland_worker.engines.llama_cpp.adapters import Uses
from funland_worker.engines.llama_cpp.cache.prefix_tree import PrefixTree
from funland_worker.engines.llama_cpp.cache.state import State
from funland_worker.engines.llama_cpp.cache.store import Kept

logger = logging.getLogger(__name__)

_SEAL = 32
_LENGTH = 8
_TOKEN = 8
_LONGEST_HEADER = 65536
_SUFFIX = ".state"
_LONGEST_SECONDS = 7 * 24 * 3600
"""What nobody came back to for so long is not kept."""
_APART_SECONDS = 0.001
_PENDING = 4
"""States that wait to be written; more are let go, so that a slow disk holds up nobody."""


@dataclass(frozen=True, slots=True)
class _File:
    """A state on disk."""

    path: Path
    uses: Uses
    size: int
    length: int
    """Of how many tokens it is."""


class SpillFolder:
    """See `cache.store.Spill`. Its folder belongs to it alone."""

    def __init__(
        self,
        folder: Path,
        limit: int,
        key: bytes,
        form: str,
        *,
        lasting_only: bool = False,
        entire: bool = False,
    ) -> None:
        """Takes up what is in the folder, but for what is a week old. At most `limit` bytes are
        kept, the least recently used given up first. `form` names all that a state must have been
        made with. With `lasting_only` others are not taken; `entire` is as the store has it."""
        self._folder = folder
        self._limit = limit
        self._key = key
        self._form = form
        self._lasting_only = lasting_only
        self._entire = entire
        self._trees: dict[Uses, PrefixTree[Path]] = {}
        self._files: OrderedDict[Path, _File] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._writing: queue.Queue[tuple[Uses, Kept]] = queue.Queue(_PENDING)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in sorted(folder.glob("*"), key=lambda path: path.lstat().st_mtime):
            self._take_up(path)
        threading.Thread(target=self._write_all, name="spill", daemon=True).start()

    def put(self, uses: Uses, kept: Kept) -> None:
        """See `Spill`. It is written on another thread."""
        try:
            self._writing.put_nowait((uses, kept))
        except queue.Full:
            logger.debug("a state was let go: the disk is slow")

    def longest(self, uses: Uses, tokens: Sequence[int], longer_than: int) -> Kept | None:
        """See `Spill`."""
        with self._lock:
            tree = self._trees.get(uses)
            match = tree.best(tokens, entire=self._entire) if tree else None
            if match is None or match.length <= longer_than:
                return None
            kept = self._read(match.key, uses)
            if kept is None:
                self._remove(match.key)
            else:
                self._files.move_to_end(match.key)
        return kept

    def takes(self, *, lasting: bool) -> bool:
        """See `Spill`."""
        return lasting or not self._lasting_only

    def put_away(self, states: Iterable[tuple[Uses, Kept]]) -> None:
        """See `Spill`."""
        self.wait()
        taken, now = 0, time()
        for number, (uses, kept) in enumerate(states):
            if not self.takes(lasting=kept.lasting):
                continue
            taken += _SEAL + sum(map(len, self._body(uses, kept)))
            if taken > self._limit:
                return
            # The next process takes up the files in the order of their times.
            self._write_or_warn(uses, kept, now - number * _APART_SECONDS)

    def wait(self) -> None:
        """Waits until all that was put is written or let go."""
        self._writing.join()

    def _write_all(self) -> None:
        while True:
            uses, kept = self._writing.get()
            try:
                self._write_or_warn(uses, kept, time())
            finally:
                self._writing.task_done()

    def _write_or_warn(self, uses: Uses, kept: Kept, used: float) -> None:
        try:
            self._write(uses, kept, used)
        except OSError as error:
            logger.warning("a state could not be kept on disk: %s", error.strerror)

    def _write(self, uses: Uses, kept: Kept, used: float) -> None:
        body = self._body(uses, kept)
        name = hashlib.sha256(b"".join(body[:-1])).hexdigest()
        path = self._folder / (name + _SUFFIX)
        with self._lock:
            if path in self._files:
                self._files.move_to_end(path)
                os.utime(path, (used, used))
                return
        part = path.with_suffix(f".{os.getpid()}.part")  # another worker of the model may write too
        try:
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(self._seal(*body))
                file.writelines(body)
            os.utime(part, (used, used))
            part.replace(path)
        except OSError:  # as where the disk is full
            part.unlink(missing_ok=True)
            raise
        with self._lock:
            size = _SEAL + sum(map(len, body))
            self._add(_File(path, uses, size, len(kept.tokens)), kept.tokens)

    def _body(self, uses: Uses, kept: Kept) -> tuple[bytes | memoryview, ...]:
        """What stands behind the seal, in parts, without a copy of the state, the last of them:
        that may be a good part of the memory."""
        header = json.dumps({"form": self._form, "uses": uses, "tokens": len(kept.tokens)}).encode()
        return (
            len(header).to_bytes(_LENGTH, "little"),
            header,
            np.asarray(kept.tokens, "<i8").tobytes(),
            kept.state.start.to_bytes(_LENGTH, "little"),
            kept.state.buffer.data[: kept.state.stop],
        )

    def _take_up(self, path: Path) -> None:
        """Takes a file up by its header; whether it is whole is seen when it is read."""
        if not stat.S_ISREG(path.lstat().st_mode):
            return
        found = _header(path) if path.suffix == _SUFFIX else None
        old = path.lstat().st_mtime < time() - _LONGEST_SECONDS
        if old or found is None or found[0] != self._form:
            path.unlink(missing_ok=True)
            return
        _, uses, tokens = found
        self._add(_File(path, uses, path.stat().st_size, len(tokens)), tokens)

    def _read(self, path: Path, uses: Uses) -> Kept | None:
        """A file's state; None if the file is not what was written."""
        try:
            data = path.read_bytes()
        except OSError:
            return None
        seal, body = data[:_SEAL], memoryview(data)[_SEAL:]
        if not hmac.compare_digest(seal, self._seal(body)):
            logger.warning("a kept state was changed on disk; it is thrown away")
            return None
        length = int.from_bytes(body[:_LENGTH], "little")
        header = json.loads(bytes(body[_LENGTH : _LENGTH + length]))
        begin = _LENGTH + length
        count: int = header["tokens"]
        tokens = np.frombuffer(body[begin : begin + _TOKEN * count], "<i8").tolist()
        begin += _TOKEN * count
        start = int.from_bytes(body[begin : begin + _LENGTH], "little")
        written = np.frombuffer(body[begin + _LENGTH :], np.uint8)
        return Kept(tokens, State.of(written, start))

    def _seal(self, *body: bytes | memoryview) -> bytes:
        seal = hmac.new(self._key, digestmod="sha256")
        for part in body:
            seal.update(part)
        return seal.digest()

    def _add(self, file: _File, tokens: list[int]) -> None:
        """Takes a file's state in; one that it continues is given up, if this can be cut."""
        tree = None if self._entire else self._trees.get(file.uses)
        known = tree.match(tokens) if tree else None
        if known is not None and known.length == self._files[known.key].length:
            self._remove(known.key)
        self._files[file.path] = file
        self._bytes += file.size
        self._trees.setdefault(file.uses, PrefixTree()).insert(tokens, file.path)
        while self._bytes > self._limit:
            self._remove(next(iter(self._files)))

    def _remove(self, path: Path) -> None:
        file = self._files.pop(path)
        self._bytes -= file.size
        self._trees[file.uses].remove(path)
        path.unlink(missing_ok=True)


def _header(path: Path) -> tuple[str, Uses, list[int]] | None:
    """The form, the adapters and the tokens that a file tells of; None if that can't be read.

    Nothing of it is trusted: it only says which file to read, and that one's seal is checked then.
    """
    try:
        with path.open("rb") as file:
            file.seek(_SEAL)
            length = int.from_bytes(file.read(_LENGTH), "little")
            header: dict[str, Any] = json.loads(file.read(min(length, _LONGEST_HEADER)))
            tokens = np.frombuffer(file.read(_TOKEN * int(header["tokens"])), "<i8").tolist()
            uses = tuple((str(name), float(scale)) for name, scale in header["uses"])
            return str(header["form"]), uses, tokens
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
