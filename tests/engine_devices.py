"""What the engines of this machine can compute on, asked for once by all servers of a process."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from threading import Lock
from typing import TYPE_CHECKING

from funland_server.devices.readers.engines import EnginesReader
from funland_server.workers.environment import inherited

if TYPE_CHECKING:
    from funland.worker.v1.worker_pb2 import EngineDevices

_OURS = "PYTEST_"
"""What pytest changes in the environment from test to test."""


def asking_once() -> Callable[[EnginesReader], EngineDevices]:
    """What takes the place of `EnginesReader._ask`: servers start the program that asks the engines
    once for each environment that it would have, and not each for itself. It takes a second of the
    processor, and the answer is the same."""
    ask: Callable[[EnginesReader], EngineDevices] = attrgetter("_ask")(EnginesReader)
    usual: object = attrgetter("_program")(EnginesReader())
    answers: dict[object, EngineDevices] = {}
    turn = Lock()

    def asked(reader: EnginesReader) -> EngineDevices:
        if attrgetter("_program")(reader) is not usual:
            return ask(reader)
        environment = frozenset(
            (name, value) for name, value in inherited().items() if not name.startswith(_OURS)
        )
        with turn:
            if environment not in answers:
                answers[environment] = ask(reader)
            return answers[environment]

    return asked
