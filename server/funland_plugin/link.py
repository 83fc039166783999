"""The plugin's end of its link to the server: whole messages in, whole messages out."""

from __future__ import annotations

import socket
import threading
from typing import Final

from funland.worker.v1.plugin_pb2 import FromPlugin, ToPlugin

_LENGTH_BYTES: Final = 4


class Link:
    """One socket of a pair whose other the server has; `plugin.proto` tells what it carries."""

    def __init__(self, own: socket.socket) -> None:
        self._own = own
        self._sending = threading.Lock()

    def send(self, message: FromPlugin) -> None:
        """Sends a message; waits until the server takes it."""
        data = message.SerializeToString()
        with self._sending:  # threads of a plugin may send at once
            self._own.sendall(len(data).to_bytes(_LENGTH_BYTES, "big"))
            self._own.sendall(data)

    def receive(self) -> ToPlugin:
        """The next message. Raises EOFError when the server has let go."""
        return ToPlugin.FromString(self._bytes(int.from_bytes(self._bytes(_LENGTH_BYTES), "big")))

    def _bytes(self, count: int) -> bytes:
        data = bytearray(count)
        view = memoryview(data)
        while view:
            read = self._own.recv_into(view)
            if not read:
                raise EOFError
            view = view[read:]
        return bytes(data)
