"""What the engines themselves see: a short process asks them, for they are large and may crash."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from google.protobuf import json_format

from funland.v1.hardware_pb2 import AcceleratorDetails, Device, DeviceEngine, DeviceMetrics
from funland.worker.v1.worker_pb2 import EngineDevice, EngineDevices
from funland_server.devices.readers.protocol import Found, Look, ReaderError
from funland_server.workers.environment import inherited

_SECONDS: Final = 60.0
_PROGRAM: Final = (sys.executable, "-P", "-m", "funland_worker.devices")
_LAST_WORDS: Final = 300


class EnginesReader:
    """Tells of the devices that engines have a name for."""

    name = "engines"
    sampled = False

    def __init__(self, program: Sequence[str] = _PROGRAM, seconds: float = _SECONDS) -> None:
        """`program` prints `EngineDevices` as a line of JSON, and ends within so many seconds."""
        self._program = program
        self._seconds = seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False

    def look(self, *, anew: bool) -> Look:
        """See `Reader`."""
        told = self._ask()
        return Look(
            tuple(_found(device) for device in told.devices),
            tuple(f"{name}: {problem}" for name, problem in sorted(told.problems.items())),
        )

    def close(self) -> None:
        """Ends the program."""
        self._closed = True
        if (process := self._process) is not None:
            process.kill()

    def _ask(self) -> EngineDevices:
        process = subprocess.Popen(
            self._program,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=inherited(),
        )
        with process:
            self._process = process
            if self._closed:
                process.kill()
            with contextlib.suppress(OSError):  # it has ended already
                # Whoever waits for an answer goes before it.
                os.setpriority(os.PRIO_PROCESS, process.pid, 10)
            try:
                output, complaints = process.communicate(timeout=self._seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                raise ReaderError(
                    f"The engines did not tell their devices within {self._seconds:g} s."
                ) from None
            finally:
                self._process = None
        if process.returncode:
            raise ReaderError(f"The engines could not be asked: {_end(complaints)}")
        return _parsed(output)


def _parsed(output: bytes) -> EngineDevices:
    """The last line that begins as JSON does: libraries write to the output, too."""
    lines = [line for line in output.decode(errors="replace").splitlines() if line.startswith("{")]
    if lines:
        with contextlib.suppress(json_format.ParseError):
            return json_format.Parse(lines[-1], EngineDevices(), ignore_unknown_fields=True)
    raise ReaderError("The engines told nothing that can be read.")


def _end(complaints: bytes) -> str:
    lines = complaints.decode(errors="replace").strip().splitlines() or ["it said nothing"]
    return lines[-1][-_LAST_WORDS:]


def _found(told: EngineDevice) -> Found:
    device = Device(
        kind=told.kind,
        name=told.description,
        architecture=told.architecture,
        driver_version=told.driver_version,
        pci_address=told.pci_address.lower(),
        uuid=told.uuid,
        emulated=told.emulated,
        engines=[DeviceEngine(engine=told.engine, name=told.name, backend=told.backend)],
        metrics=DeviceMetrics(memory_total_bytes=told.memory_total_bytes or None),
    )
    if told.kind != Device.CPU:
        limit = told.max_prompt_tokens if told.HasField("max_prompt_tokens") else None
        device.accelerator.CopyFrom(
            AcceleratorDetails(number_types=told.number_types, max_prompt_tokens=limit)
        )
    device.metrics.time.GetCurrentTime()
    return Found(device)
