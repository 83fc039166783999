"""What can be set about the gateway."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
)

from funland_gateway.listening import Place, read_place
from funland_gateway.names import host_name, web_origin

_LONGEST = 365 * 24 * 3600
_LARGEST = 2**60

Seconds = Annotated[float, Field(ge=0.001, le=_LONGEST)]


def _place(value: object) -> object:
    if isinstance(value, Place):
        return value
    if not isinstance(value, str):
        raise ValueError("write a text such as 5000=manager")
    place = read_place(value)
    if place.host:
        _loopback(place.host)
    return place


def _apart(places: tuple[Place, ...]) -> tuple[Place, ...]:
    taken: set[tuple[str, int]] = set()
    for place in places:
        if place.port and (place.host, place.port) in taken:
            raise ValueError(f"port {place.port} is there twice: each dialect needs its own")
        taken.add((place.host, place.port))
    return places


def _loopback(host: str) -> str:
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise ValueError(
            f"{host!r} is not a loopback address. This version has no accounts, so it listens "
            "on loopback only; to reach it from elsewhere, put a reverse proxy that asks for "
            "credentials or an SSH tunnel (ssh -L 8000:127.0.0.1:8000 HOST) in front of it"
        )
    return host


class GatewaySettings(BaseModel):
    """The gateway's settings. Sizes are in bytes, times in seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    host: Annotated[str, AfterValidator(_loopback)] = Field(
        default="127.0.0.1", description="The loopback address that HTTP listens on."
    )
    port: Annotated[int, Field(ge=0, le=65535)] = Field(
        default=8000, description="The port that HTTP listens on; 0 takes a free one."
    )
    listen: Annotated[
        tuple[Annotated[Place, BeforeValidator(_place)], ...], AfterValidator(_apart)
    ] = Field(
        default=(), description="Ports where one dialect alone answers, such as `5000=manager`."
    )
    allowed_hosts: tuple[Annotated[str, AfterValidator(host_name)], ...] = Field(
        default=(),
        description="Names in the `Host` header to answer to, beside the loopback ones.",
    )
    allowed_origins: tuple[Annotated[str, AfterValidator(web_origin)], ...] = Field(
        default=(),
        description="Origins of other sites whose pages may call, such as `https://app.example`.",
    )
    max_body_bytes: Annotated[int, Field(ge=1, le=_LARGEST)] = Field(
        default=32 * 1024 * 1024,
        description="The largest request body, and message to a WebSocket, after decompression.",
    )
    max_connections: Annotated[int, Field(ge=1)] = Field(
        default=1024,
        description="How many sockets may be open at once; one more is answered 503 and closed.",
    )
    header_timeout_seconds: Seconds = Field(
        default=10,
        description="From a connection's start, or a request's first byte, until its head is"
        " complete.",
    )
    idle_timeout_seconds: Seconds = Field(
        default=75, description="How long a connection may rest between two requests."
    )
    body_timeout_seconds: Seconds = Field(
        default=30,
        description="From a request's head until its body is complete; of a file, until each"
        " further 256 KiB are there.",
    )
    send_timeout_seconds: Seconds = Field(
        default=30,
        description="How long the reader of a stream or a WebSocket may leave it unread.",
    )
    heartbeat_seconds: Seconds = Field(
        default=10,
        description="After how long a silence a stream of server-sent events gets a comment; how"
        " often a WebSocket tells that it is there, and asks whether its client is.",
    )

    @field_validator("*", mode="before")
    @classmethod
    def _no_switch(cls, value: Any) -> Any:
        if isinstance(value, bool):
            raise ValueError("it is no switch that is true or false")
        return value
