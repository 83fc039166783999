"""Where the server is, and how a channel to it is set."""

from __future__ import annotations

import os
from ipaddress import ip_address
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from grpc import ChannelCredentials

DEFAULT_ADDRESS: Final = "127.0.0.1:50051"
ADDRESS_VARIABLE: Final = "FUNLAND_SERVER"
CA_VARIABLE: Final = "FUNLAND_CA"
"""Names a file with the certificates that are believed, in PEM."""
_SECURE: Final = ("grpcs", "https")

CHANNEL_OPTIONS: Final = (
    # A machine's HTTP proxy is for the web: sent through it, a call to 127.0.0.1 never arrives.
    ("grpc.enable_http_proxy", 0),
    # The server bounds what it sends; 2,048 embeddings are larger than gRPC's usual 4 MiB.
    ("grpc.max_receive_message_length", -1),
)


def default_address() -> str:
    """The server's address as the environment names it, else where `funland serve` listens."""
    return os.environ.get(ADDRESS_VARIABLE) or DEFAULT_ADDRESS


def place_of(address: str) -> str:
    """An address without its scheme."""
    return address.rpartition("://")[2]


def is_loopback(place: str) -> bool:
    """Whether what is sent to `host:port` stays on this machine. Of names only `localhost` is
    believed to."""
    if place.startswith("unix:"):
        return True
    bracketed = place.startswith("[")
    host = place[1:].partition("]")[0] if bracketed else place.partition(":")[0].lower()
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def secured(address: str, ca: str | PathLike[str] | None) -> tuple[str, ChannelCredentials | None]:
    """Where a channel goes, and what it believes; None: nothing is encrypted.

    It is over TLS for an address that begins with `grpcs://` or `https://`, and where a file with
    certificates is named, by `ca` or the environment: then those alone are believed. Raises
    ValueError for a file that can't be read.
    """
    import grpc  # noqa: PLC0415 - who only asks for the address does not need it

    scheme, _, place = address.rpartition("://")
    believed = ca or os.environ.get(CA_VARIABLE)
    if not believed and scheme not in _SECURE:
        return place, None
    roots = None
    if believed:
        try:
            roots = Path(believed).read_bytes()
        except OSError as error:
            raise ValueError(
                f"The certificates in {believed} can't be read: {error.strerror}."
            ) from None
    return place, grpc.ssl_channel_credentials(roots)
