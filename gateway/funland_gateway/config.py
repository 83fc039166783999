"""What can be set about the gateway."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from funland_gateway.listening import Place, read_place
from funland_gateway.names import host_name, web_origin

_LONGEST = 365 * 24 * 3600
_LARGEST = 2**60
ANY = ("0.0.0.0", "::")  # noqa: S104 - what it is not to listen on without more
"""Every address of the machine: nobody calls it by these."""

Seconds = Annotated[float, Field(ge=0.001, le=_LONGEST)]


def _place(value: object) -> object:
    if isinstance(value, Place):
        return value
    if not isinstance(value, str):
        raise ValueError("write a text such as 5000=manager")
    return read_place(value)


def _apart(places: tuple[Place, ...]) -> tuple[Place, ...]:
    taken: set[tuple[str, int]] = set()
    for place in places:
        if place.port and (place.host, place.port) in taken:
            raise ValueError(f"port {place.port} is there twice: each dialect needs its own")
        taken.add((place.host, place.port))
    return places


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine reaches an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _guarded(host: str, given: Mapping[str, Any]) -> None:
    """Raises ValueError for an address that others reach, where they are not to."""
    if is_loopback(host):
        return
    if not given.get("tls_key"):
        raise ValueError(
            f"{host!r} is not a loopback address: who can reach it must say who they are, and "
            "nobody may listen. Set server.accounts = true, gateway.tls_certificate and "
            "gateway.tls_key (`funland certificate` makes a pair for a trial); or listen on "
            "127.0.0.1, behind a reverse proxy that asks for credentials or an SSH tunnel "
            "(ssh -L 8000:127.0.0.1:8000 HOST)"
        )
    if host in ANY and not given.get("allowed_hosts"):
        raise ValueError(
            f"{host!r} is every address of this machine: say in gateway.allowed_hosts by which "
            "names and addresses it is called"
        )


class GatewaySettings(BaseModel):
    """The gateway's settings. Sizes are in bytes, times in seconds."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )

    tls_certificate: Path | None = Field(
        default=None,
        description="The file with the certificate, and those that lead to it; unset: no TLS.",
    )
    tls_key: Path | None = Field(
        default=None,
        validate_default=True,
        description="The file with the certificate's private key.",
    )
    access_key: SecretStr | None = Field(
        default=None,
        description="The key by which a gateway alone follows deployments and is believed.",
    )
    allowed_hosts: tuple[Annotated[str, AfterValidator(host_name)], ...] = Field(
        default=(),
        description="Names in the `Host` header to answer to, beside the loopback ones.",
    )
    host: str = Field(default="127.0.0.1", description="The address that HTTP listens on.")
    port: Annotated[int, Field(ge=0, le=65535)] = Field(
        default=8000, description="The port that HTTP listens on; 0 takes a free one."
    )
    listen: Annotated[
        tuple[Annotated[Place, BeforeValidator(_place)], ...], AfterValidator(_apart)
    ] = Field(
        default=(), description="Ports where one dialect alone answers, such as `5000=manager`."
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

    @field_validator("tls_key")
    @classmethod
    def _both_or_none(cls, key: Path | None, info: ValidationInfo) -> Path | None:
        if "tls_certificate" in info.data and (key is None) != (
            info.data["tls_certificate"] is None
        ):
            raise ValueError("gateway.tls_certificate and gateway.tls_key are set both or neither")
        return key

    @field_validator("access_key")
    @classmethod
    def _sendable(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and not re.fullmatch(r"[!-~]{1,4096}", key.get_secret_value()):
            raise ValueError("it must have 1 to 4096 characters, without spaces")
        return key

    @field_validator("host")
    @classmethod
    def _guarded_host(cls, host: str, info: ValidationInfo) -> str:
        _guarded(host, info.data)
        return host

    @field_validator("listen")
    @classmethod
    def _guarded_places(cls, places: tuple[Place, ...], info: ValidationInfo) -> tuple[Place, ...]:
        for place in places:
            if place.host:
                _guarded(place.host, info.data)
        return places

    @property
    def is_reached_by_others(self) -> bool:
        """Whether it listens anywhere but on loopback."""
        return not all(
            is_loopback(host)
            for host in (self.host, *(one.host or self.host for one in self.listen))
        )
