"""Tells what the engines can compute on: `python -m funland_worker.devices` prints one
`EngineDevices` as a line of JSON.

Each engine is asked in a process of its own, all at a time: what a driver breaks or holds up is the
answer of that engine alone.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from time import monotonic
from typing import cast

from google.protobuf import json_format

from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1.worker_pb2 import EngineDevices

_ENGINES: Mapping[str, tuple[str, str]] = {
    LoadSettings.Engine.Name(engine): names
    for engine, names in (
        (LoadSettings.LLAMA_CPP, ("llama_cpp", "funland_worker.engines.llama_cpp.devices")),
        (LoadSettings.OPENVINO, ("openvino", "funland_worker.engines.openvino.devices")),
        (LoadSettings.CTRANSLATE2, ("ctranslate2", "funland_worker.engines.ctranslate2.devices")),
    )
}
"""Each engine's package, and the module of ours that asks it."""

_SECONDS = 50.0
"""A GPU that sleeps takes some seconds to wake, and its driver some more for the first program."""
_LEAST_SECONDS = 0.5
"""For an answer that is there: another engine may have taken all the time."""
_DIE_WITH_PARENT = 1
"""`PR_SET_PDEATHSIG` in prctl.h."""


def main(arguments: Sequence[str]) -> None:
    """Prints the devices of the engines that are named, each asked here and now; without a name
    those of all engines."""
    gc.disable()  # what it imports stays to its end
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    # What native code prints goes to the log.
    output = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    if not arguments:
        answer = merged({name: Asked(name) for name in _ENGINES}, _SECONDS)
    else:
        _end_with_parent()
        answer = EngineDevices()
        for name in arguments:
            answer.MergeFrom(ask(name))
    output.write(json_format.MessageToJson(answer, indent=None) + "\n")
    output.flush()


def ask(name: str) -> EngineDevices:
    """What an engine finds; what it raises is a problem. One that is not installed has neither."""
    package, module = _ENGINES[name]
    if find_spec(package) is None:
        return EngineDevices()
    try:
        find = cast("Callable[[], EngineDevices]", import_module(module).devices)
        return find()
    except Exception as error:  # whatever a driver brings about
        logging.getLogger(__name__).exception("%s can't tell its devices", name)
        return EngineDevices(problems={name: f"{type(error).__name__}: {error}"})


class Asked:
    """A process that asks one engine."""

    def __init__(self, name: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "funland_worker.devices", name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )

    def answer(self, seconds: float) -> EngineDevices | str:
        """What it said, or why it said nothing."""
        try:
            said, _ = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self._end()
            return "It did not answer in time: its driver may hang."
        if said and not self._process.returncode:
            return json_format.Parse(said, EngineDevices())
        how = _how(self._process.returncode)
        return f"{how} while it looked for devices: its driver may be broken."

    def _end(self) -> None:
        self._process.kill()
        # One that a driver holds in the kernel ends when that lets go of it.
        with suppress(subprocess.TimeoutExpired):
            self._process.communicate(timeout=_LEAST_SECONDS)
        if self._process.stdout is not None:
            self._process.stdout.close()


def merged(asked: Mapping[str, Asked], seconds: float) -> EngineDevices:
    """The answers of all, those together that came after so many seconds."""
    answers = EngineDevices()
    deadline = monotonic() + seconds
    for name, process in asked.items():
        match process.answer(max(_LEAST_SECONDS, deadline - monotonic())):
            case EngineDevices() as answer:
                answers.MergeFrom(answer)
            case str() as problem:
                answers.problems[name] = problem
    return answers


def _how(code: int) -> str:
    if code < 0:
        return f"It ended with {signal.Signals(-code).name}"
    return f"It ended with exit code {code}"


def _end_with_parent() -> None:
    """Who asks may be ended while a driver hangs, in which no thread of ours goes on."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
    gc.freeze()  # the end of a process goes through the rest
