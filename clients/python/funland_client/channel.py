"""Where the server is, and how a channel to it is set."""

from __future__ import annotations

import os
from typing import Final

DEFAULT_ADDRESS: Final = "127.0.0.1:50051"
ADDRESS_VARIABLE: Final = "FUNLAND_SERVER"

CHANNEL_OPTIONS: Final = (
    # A machine's HTTP proxy is for the web: sent through it, a call to 127.0.0.1 never arrives.
    ("grpc.enable_http_proxy", 0),
    # The server bounds what it sends; 2,048 embeddings are larger than gRPC's usual 4 MiB.
    ("grpc.max_receive_message_length", -1),
)


def default_address() -> str:
    """The server's address as the environment names it, else where `funland serve` listens."""
    return os.environ.get(ADDRESS_VARIABLE) or DEFAULT_ADDRESS
