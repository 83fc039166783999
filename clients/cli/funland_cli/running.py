"""Runs services until a signal asks them to stop."""

from __future__ import annotations

import asyncio
import errno
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

from funland_cli.failures import CommandError, ExitCode

if TYPE_CHECKING:
    from funland_gateway.app import Gateway
    from funland_gateway.channel import Channel
    from funland_gateway.config import GatewaySettings
    from funland_gateway.tracing import Tracing


class Service(Protocol):
    """What can be started and stopped."""

    async def start(self) -> None:
        """Starts; returns when it is ready. Raises OSError if it can't listen."""
        ...

    async def stop(self, grace_seconds: float) -> None:
        """Lets running calls go on for so long, then ends them. Stopping twice is no error."""
        ...


class StopSignals:
    """SIGINT and SIGTERM: the first asks to stop, the second to stop at once."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.insisted = asyncio.Event()

    @asynccontextmanager
    async def caught(self) -> AsyncGenerator[None]:
        """Catches the signals inside of the block."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._receive)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _receive(self) -> None:
        (self.insisted if self.asked.is_set() else self.asked).set()


async def run(
    start: Callable[[list[Service]], Awaitable[None]], grace_seconds: Callable[[], float]
) -> ExitCode:
    """Starts services and stops them when a signal comes.

    `start` appends each service to the list before starting it, so that a stop, or a failure, in
    the middle of the start ends those that run. `grace_seconds` is asked at the stop. Returns OK
    after an orderly stop, INTERRUPTED after one that cut calls off.
    """
    services: list[Service] = []
    signals = StopSignals()
    async with signals.caught():
        try:
            if await _first(start(services), signals.asked):
                await signals.asked.wait()
        except BaseException:
            await _stop(services, 0)
            raise
        if await _first(_stop(services, grace_seconds()), signals.insisted):
            return ExitCode.OK
        await _stop(services, 0)
        return ExitCode.INTERRUPTED


async def listen(
    start: Callable[[], Awaitable[None]], name: str, host: str, port: int, flag: str
) -> None:
    """Starts a service, or a port of one; says what to do if the port is taken."""
    try:
        await start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CommandError(
                f"{host}:{port}, where {name} would listen, is in use.",
                hint=f"Stop what uses it, or take another port with {flag} (0: any free one).",
            ) from error
        raise CommandError(f"{name} can't listen on {host}:{port}: {error}") from error


def made_gateway(
    channel: Channel,
    settings: GatewaySettings,
    authorization: str = "",
    tracing: Tracing | None = None,
) -> Gateway:
    """A gateway; says what is wrong with its certificate."""
    from funland_gateway.app import Gateway  # noqa: PLC0415 - no other command needs it
    from funland_gateway.tls import CertificateUnusableError  # noqa: PLC0415 - as above

    try:
        return Gateway(channel, settings, authorization, tracing)
    except CertificateUnusableError as error:
        raise CommandError(str(error)) from error


async def listen_http(gateway: Gateway) -> None:
    """Starts all ports of a gateway."""
    for place, port in enumerate(gateway.ports):
        flag = "--listen" if place else "--http-port"
        await listen(port.start, port.name, port.host, port.number, flag)
    gateway.follow_deployments()


def places(gateway: Gateway) -> dict[str, Any]:
    """Where a gateway listens, for programs."""
    common, *others = gateway.ports
    told = [{"dialect": port.name, "url": port.url} for port in others]
    return {"http": common.url, "dialects": told}


async def _stop(services: list[Service], grace_seconds: float) -> None:
    """Stops all at once: a call through the gateway is a call of the server too."""
    await asyncio.gather(*(service.stop(grace_seconds) for service in services))


async def _first(work: Awaitable[None], event: asyncio.Event) -> bool:
    """Waits for the work or for the event; cancels the other. Returns whether the work is done."""
    working = asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            await working
            return True
        return False
    finally:
        for task in (working, waiting):
            task.cancel()
        await asyncio.gather(working, waiting, return_exceptions=True)
