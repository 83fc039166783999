"""Brings up the loopback of a new network namespace, and becomes the program that is named."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import sys
from typing import Final

_SIOCSIFFLAGS: Final = 0x8914
_UP_AND_RUNNING: Final = 0x41  # linux/if.h: IFF_UP | IFF_RUNNING

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anyone:
    fcntl.ioctl(anyone, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", _UP_AND_RUNNING))
os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - what make runs
