"""Reads `plugin.toml`: what a plugin is, what it wants to be allowed, and what it may take."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

FILE_NAME: Final = "plugin.toml"
_LONGEST: Final = 256 * 1024
"""Of the manifest, and of each file with a schema, in bytes."""
_MIB: Final = 1024**2


def _seen(text: str) -> str:
    if not text.isprintable():
        raise ValueError("has a sign that nobody sees, or that terminals obey")
    return text


def _seen_lines(text: str) -> str:
    _seen(text.replace("\n", ""))
    return text


Line: TypeAlias = Annotated[str, StringConstraints(max_length=256), AfterValidator(_seen)]
Prose: TypeAlias = Annotated[str, StringConstraints(max_length=4096), AfterValidator(_seen_lines)]
Word: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+/-]{0,63}$")]
Host: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^([a-z0-9_.-]{1,253}|\[[0-9a-f:.]+\]):[1-9][0-9]{0,4}$")
]
"""`host:port`, with small letters."""
PluginId: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Entry: TypeAlias = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*:[A-Za-z_][A-Za-z0-9_]*$"
    ),
]
Schema: TypeAlias = str | dict[str, Any]
"""A table, or the name of a file with JSON beside the manifest."""


class ManifestError(Exception):
    """A manifest says what none may; the message names the key or the line."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Permissions(_Table):
    """What it may do beyond computing."""

    models: bool = False
    """Ask models."""
    hosts: list[Host] = Field(default=[], max_length=64)
    """Have the server fetch from these."""


class Limits(_Table):
    """What an execution may take; the server's settings may allow less."""

    memory_bytes: int = Field(default=256 * _MIB, ge=16 * _MIB, le=2**40)
    duration_seconds: float = Field(default=60.0, gt=0, le=86400)
    disk_bytes: int = Field(default=64 * _MIB, ge=0, le=2**40)
    output_bytes: int = Field(default=8 * _MIB, ge=1024, le=2**30)


class Manifest(_Table):
    """What `plugin.toml` says, with its schemas as JSON text."""

    id: PluginId
    name: Line
    version: Word
    description: Prose = ""
    category: Literal["generation", "processing", "analysis", "utility"]
    author: Line = ""
    beta: bool = False
    capabilities: list[Word] = Field(default=[], max_length=64)
    supported_formats: list[Word] = Field(default=[], max_length=64)
    entry: Entry
    input_schema: Schema = {}
    output_schema: Schema = {}
    config_schema: Schema = {}
    max_resolution: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*x[1-9][0-9]*$")] = ""
    max_duration_seconds: float | None = Field(default=None, gt=0, le=10**9)
    permissions: Permissions = Permissions()
    limits: Limits = Limits()


def read_manifest(path: Path) -> Manifest:
    """Reads a manifest and the schemas that it names; raises ManifestError."""
    try:
        told = tomllib.loads(_bytes(path).decode())
    except UnicodeDecodeError:
        raise ManifestError(f"{FILE_NAME} is no text in UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise ManifestError(f"{FILE_NAME}: {error}.") from None  # it names line and column
    except (ValueError, RecursionError):  # tomllib lets pass what Python's numbers and stack say
        said = "a number in it is too long, or it is nested too deeply"
        raise ManifestError(f"{FILE_NAME}: {said}.") from None
    try:
        manifest = Manifest.model_validate(told)
    except ValidationError as error:
        raise ManifestError(_words(error)) from None
    return manifest.model_copy(
        update={
            key: _schema(key, getattr(manifest, key), path.parent)
            for key in ("input_schema", "output_schema", "config_schema")
        }
    )


def _schema(key: str, told: Schema, folder: Path) -> str:
    if isinstance(told, str):
        # A name alone: what lies elsewhere was not copied, and is nobody's to read.
        if not told or "/" in told or "\\" in told or told.startswith("."):
            raise ManifestError(f"{key}: {told!r} must be the name of a file beside {FILE_NAME}.")
        try:
            told = orjson.loads(_bytes(folder / told))
        except orjson.JSONDecodeError as error:
            raise ManifestError(f"{key}: {told} is no JSON: {error}.") from None
        if not isinstance(told, Mapping):
            raise ManifestError(f"{key}: must be a JSON object.")
    try:
        return orjson.dumps(told, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()
    except TypeError as error:  # TOML has dates, and JSON has none
        raise ManifestError(f"{key}: {error}.") from None


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST + 1)
    except OSError as error:
        raise ManifestError(f"{path.name} can't be read: {error.strerror}.") from None
    if len(content) > _LONGEST:
        raise ManifestError(f"{path.name} has more than {_LONGEST} bytes.")
    return content


def _words(error: ValidationError) -> str:
    """Every key that is wrong, with what is."""
    said: list[str] = []
    for one in error.errors(include_url=False, include_input=False)[:8]:
        key = ".".join(str(part) for part in one["loc"])
        said.append(f"{key}: {one['msg']}")
    return f"{FILE_NAME}: " + "; ".join(said) + "."
