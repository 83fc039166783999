"""Where deployments answer beside the common port."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from funland.v1.deployments_pb2 import Deployment

_LOOPBACK: Final = "127.0.0.1"
_NOBODY: Final = (
    "No gateway is connected to this server; start `funland serve` or `funland gateway`."
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a deployment answers, and why it does not; both empty: it need not, or is about to."""

    url: str = ""
    error: str = ""


class Gateways:
    """Those that open ports for deployments, as long as they watch them."""

    def __init__(self, all_left: Callable[[], None]) -> None:
        """`all_left` is called when there is none any more."""
        self._watching: list[Mapping[str, tuple[str, int]]] = []
        self._all_left = all_left

    @contextmanager
    def watching(self, urls: Iterable[str]) -> Generator[None]:
        """While a gateway watches that answers OpenAI's API for all models at `urls`; no gateway if
        there are none."""
        told = {url: place for url in urls if (place := _place(url)) is not None}
        if not told:
            yield
            return
        self._watching.append(told)
        try:
            yield
        finally:
            self._watching.remove(told)
            if not self._watching:
                self._all_left()

    @property
    def present(self) -> bool:
        """Whether there is one."""
        return bool(self._watching)

    def common_url(self, port: int) -> str:
        """Where all models are answered at that port. Empty: nowhere."""
        return next((url for url, (_, own) in self._places() if own == port), "")

    @property
    def hosts(self) -> tuple[str, ...]:
        """Where they listen."""
        return tuple(dict.fromkeys(host for _, (host, _) in self._places())) or (_LOOPBACK,)

    def _places(self) -> Iterator[tuple[str, tuple[str, int]]]:
        for urls in self._watching:
            yield from urls.items()


def shown(
    port: int, state: Deployment.State.ValueType, reported: Endpoint, gateways: Gateways
) -> Endpoint:
    """Where a deployment with that port answers."""
    if not port:
        return Endpoint()
    if state != Deployment.RUNNING:
        return Endpoint(reported.url)
    if common := gateways.common_url(port):
        return Endpoint(common)
    return reported if gateways.present else Endpoint(error=_NOBODY)


def listened_at(hosts: Iterable[str], port: int) -> bool:
    """Whether somebody listens at a port of this machine."""
    return any(_is_taken(host, port) for host in hosts)


def _is_taken(host: str, port: int) -> bool:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError:
        return False
    for family, kind, protocol, _, address in found:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError as error:
                # That it may not be used, or is another machine's, is for the gateway to find out.
                if error.errno == errno.EADDRINUSE:
                    return True
    return False


def _place(url: str) -> tuple[str, int] | None:
    """The host and the port of a URL; None if it has none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    return None if host is None or port is None else (host, port)
