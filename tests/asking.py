"""`funland` for shells: asks at a socket that it is forked, and passes signals on to it. It is run
as `python -IS asking.py SOCKET PROGRAM ARGUMENTS`, and imports little."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys


def main(address: str, *arguments: str) -> int:
    """Gives its exit code, as a shell has it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as told:
        told.connect(address)
        request = {
            "arguments": arguments,
            "environment": dict(os.environ),
            "folder": os.getcwd(),  # noqa: PTH109 - pathlib takes long to import
            "terminal": False,
        }
        socket.send_fds(told, [json.dumps(request).encode()], [0, 1, 2])
        pid = int(told.recv(16))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: os.kill(pid, number))
        code = int(told.recv(16))
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
