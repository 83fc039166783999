"""The server's end of the socket to the process that starts plugins."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable

from funland.worker.v1.plugin_pb2 import HostCommand

_LONGEST = 65536


class Control:
    """Sends whole messages in their order. The host takes them between two forks: what it has no
    room for waits."""

    def __init__(self, own: socket.socket, hear: Callable[[bytes], None]) -> None:
        """`hear` is told each message; an empty one is the last: the host has let go."""
        own.setblocking(False)
        self._own = own
        self._hear = hear
        self._waiting: deque[tuple[bytes, socket.socket | None]] = deque()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(own, self._read)

    def send(self, command: HostCommand, beside: socket.socket | None = None) -> None:
        """Sends a command, with a socket that is closed here then."""
        self._waiting.append((command.SerializeToString(), beside))
        if len(self._waiting) == 1:
            self._write()

    def close(self) -> None:
        """Lets go of the host. Twice is no error."""
        if self._own.fileno() < 0:
            return
        self._loop.remove_reader(self._own)
        self._loop.remove_writer(self._own)
        self._own.close()
        while self._waiting:
            self._taken()

    def _write(self) -> None:
        self._loop.remove_writer(self._own)
        while self._waiting:
            message, beside = self._waiting[0]
            try:
                socket.send_fds(self._own, [message], [beside.fileno()] if beside else [])
            except BlockingIOError:
                self._loop.add_writer(self._own, self._write)
                return
            except OSError:  # it has ended, as is about to be read
                pass
            self._taken()

    def _taken(self) -> None:
        _, beside = self._waiting.popleft()
        if beside is not None:
            beside.close()

    def _read(self) -> None:
        try:
            message = self._own.recv(_LONGEST)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        self._hear(message)
