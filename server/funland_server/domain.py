"""What a domain offers to the server: its services, its start and its stop, and how it is; and how
its services learn of what they can't be given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message

from funland.v1.system_pb2 import PartHealth
from funland_server.errors import FunlandError

Service: TypeAlias = tuple[ServiceDescriptor, object]
"""A service of the contract, and the object that has a method for each of its RPCs."""


class RequestRefused(Exception):
    """A message of a caller's stream breaks a rule of the contract. It is raised where the next one
    is asked for, and one may ask on; who does not ends the call with `error`."""

    def __init__(self, error: FunlandError, request: Message | None) -> None:
        super().__init__(error.message)
        self.error = error
        self.request = request
        """The message; None: what came can't be decoded."""


@dataclass(frozen=True, slots=True)
class Health:
    """How a part of the server is."""

    state: PartHealth.State.ValueType = PartHealth.HEALTHY
    message: str = ""
    """What is wrong and what to do; empty if nothing is."""


Probe: TypeAlias = Callable[[], Awaitable[Health]]
"""Finds out how a part is. One that takes over a second, or raises, says that it has failed."""


class Domain:
    """A domain of the contract. `app` starts them in their order, each after those that it uses,
    and stops them in the opposite one; stopping one that never started is no error."""

    async def start(self) -> None:
        """Makes the domain's parts.

        Raises:
            StartError: The server can't start; the message says what to do.
        """

    def services(self) -> Sequence[Service]:
        """What it answers, once it is started."""
        return ()

    def health(self) -> Mapping[str, Probe]:
        """Its parts that may be unwell while the server runs, by name."""
        return {}

    def announce_stop(self) -> None:
        """The server is about to stop: ends what would never end by itself, such as watches."""

    async def drain(self, seconds: float) -> None:
        """Lets what runs outside of calls go on for so long, and no longer."""

    async def stop(self) -> None:
        """Ends all that is left."""
