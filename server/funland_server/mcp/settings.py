"""The table `[mcp]` of the settings file: MCP servers whose tools chats may use.

It is no part of what RPCs show and change: who could write it could have any program started.
"""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from funland_server.endpoint_url import endpoint

MOST_SERVERS: Final = 64
_STRICT: Final = ConfigDict(
    frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
)

ServerName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9_-]{0,30}[a-z0-9])?$")]
Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,255}$")]
Header = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,128}$")]
Word = Annotated[str, Field(min_length=1, max_length=4096)]


def _no_nul(value: SecretStr) -> SecretStr:
    if "\0" in value.get_secret_value():
        raise ValueError("it must have no NUL")
    return value


def _of_a_header(value: SecretStr) -> SecretStr:
    if not all(" " <= one <= "~" for one in value.get_secret_value()):
        raise ValueError("it must be printable ASCII, as a header holds it")
    return value


class McpServerSettings(BaseModel):
    """An MCP server: a program to start, or a URL to call."""

    model_config = _STRICT

    command: tuple[Word, ...] = Field(
        default=(), description="The program and its arguments; it speaks over its standard input."
    )
    env: dict[Variable, Annotated[SecretStr, AfterValidator(_no_nul)]] = Field(
        default_factory=dict, description="Variables for it, beside PATH, HOME and the language."
    )
    url: Annotated[str, AfterValidator(endpoint)] | None = Field(
        default=None, description="Where one is called that speaks streamable HTTP."
    )
    headers: dict[Header, Annotated[SecretStr, AfterValidator(_of_a_header)]] = Field(
        default_factory=dict, description="What it is sent with each request, such as a token."
    )
    tools: tuple[Annotated[str, Field(min_length=1, max_length=256)], ...] | None = Field(
        default=None, description="The tools that may be used, by name; unset: all of them."
    )
    timeout_seconds: Annotated[float, Field(ge=0.1, le=3600)] = Field(
        default=60.0, description="How long a call, and a start, may take."
    )
    result_bytes: Annotated[int, Field(ge=256, le=1024**2)] = Field(
        default=64 * 1024, description="How much of a result a model is told."
    )
    admins_only: bool = Field(default=False, description="Whether only admins may use it.")

    @model_validator(mode="after")
    def _one_way(self) -> McpServerSettings:
        if bool(self.command) == (self.url is not None):
            raise ValueError("it must have either a command or a url")
        if self.env and not self.command:
            raise ValueError("env is for a command: a url has headers")
        if self.headers and self.url is None:
            raise ValueError("headers are for a url: a command has env")
        return self

    @property
    def secrets(self) -> tuple[str, ...]:
        """What nobody is told, whoever writes it."""
        given = (*self.env.values(), *self.headers.values())
        return tuple(one.get_secret_value() for one in given)


class McpSettings(BaseModel):
    """All of them, by name."""

    model_config = _STRICT

    servers: Annotated[dict[ServerName, McpServerSettings], Field(max_length=MOST_SERVERS)] = Field(
        default_factory=dict, description="MCP servers whose tools chats may use, by name."
    )
