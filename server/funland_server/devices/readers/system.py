"""The readers of this machine."""

from __future__ import annotations

from funland_server.devices.readers.amd import AmdReader
from funland_server.devices.readers.cpu import CpuReader
from funland_server.devices.readers.engines import EnginesReader
from funland_server.devices.readers.intel import IntelReader
from funland_server.devices.readers.nvidia import NvidiaReader
from funland_server.devices.readers.protocol import Reader


def system_readers() -> list[Reader]:
    """All of them: the CPU's first, which answers at once."""
    return [CpuReader(), NvidiaReader(), IntelReader(), AmdReader(), EnginesReader()]
