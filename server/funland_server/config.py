"""The server's settings."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from funland_server.database_url import checked
from funland_server.endpoint_url import (
    cluster_address,
    collector,
    endpoint,
    host_name,
    proxy_url,
)

_LONGEST = 365 * 24 * 3600
_LARGEST = 2**60
_SWITCHES = ("offline", "accounts")


def _shown(token: SecretStr) -> SecretStr:
    told = token.get_secret_value()
    if not re.fullmatch(r"[!-~]{1,4096}", told):
        raise ValueError(
            "it must have 1 to 4096 characters, without spaces, as a header holds them"
        )
    return token


def _signing(secret: SecretStr) -> SecretStr:
    told = secret.get_secret_value()
    if not re.fullmatch(r"whsec_[A-Za-z0-9+/]{32,86}={0,2}", told) or len(told[6:]) % 4:
        raise ValueError("it must be whsec_ and 24 to 64 bytes in base64")
    return secret


Seconds = Annotated[float, Field(ge=0.001, le=_LONGEST)]
Bytes = Annotated[int, Field(ge=0, le=_LARGEST)]
HubName = Literal["modelscope", "huggingface", "ollama"]
Endpoint = Annotated[str, AfterValidator(endpoint)]
Token = Annotated[SecretStr, AfterValidator(_shown)]


class ServerSettings(BaseModel):
    """How the server runs; the command line reads it from flags, environment and `funland.toml`."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )

    home: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("funland", appauthor=False)),
        description="Where models and the server's own files are kept.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="The PostgreSQL database for the server's state; unset: SQLite in the home.",
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
    port: Annotated[int, Field(ge=0, le=65535)] = Field(
        default=50051, description="The port that gRPC listens on; 0 takes a free one."
    )
    accounts: bool = Field(
        default=False, description="Whether calls need a token or a key of a user."
    )
    host: str = Field(default="127.0.0.1", description="The address that gRPC listens on.")
    token_seconds: Annotated[float, Field(ge=60, le=_LONGEST)] = Field(
        default=86400.0, description="For how long an access token counts."
    )
    refresh_days: Annotated[float, Field(ge=0.01, le=365)] = Field(
        default=30.0, description="For how long a login can be gone on with."
    )
    audit_days: Annotated[float, Field(ge=0.01, le=36500)] = Field(
        default=90.0, description="After how many days what was done is forgotten."
    )
    default_model: Annotated[str, Field(min_length=1, max_length=256)] = Field(
        default="funland-tiny", description="The model of requests that name none: its id or alias."
    )
    speech_model: Annotated[str, Field(max_length=256)] = Field(
        default="",
        description="The model that speaks for requests that name none; empty: by language.",
    )
    transcription_model: Annotated[str, Field(max_length=256)] = Field(
        default="",
        description="The model that hears for requests that name none; empty: one that is there.",
    )
    image_model: Annotated[str, Field(max_length=256)] = Field(
        default="",
        description="The model that paints for requests that name none; empty: one that is there.",
    )
    slots: Annotated[int, Field(ge=1, le=256)] = Field(
        default=32, description="How many calls a model answers at once."
    )
    max_context_length: Annotated[int, Field(ge=16, le=16_777_216)] = Field(
        default=8192, description="The longest context, in tokens, that a model gets unasked."
    )
    threads: Annotated[int, Field(ge=1, le=512)] | None = Field(
        default=None, description="How many threads a model computes with; unset: by its size."
    )
    cache_type: Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"] = Field(
        default="f16",
        description="What llama.cpp keeps keys and values as, where a model can be computed so.",
    )
    load_timeout_seconds: Seconds = Field(
        default=300.0, description="How long a model may take to load."
    )
    load_wait_seconds: Annotated[float, Field(ge=0, le=_LONGEST)] = Field(
        default=60.0,
        description="How long a model waits for memory that busy models have; 0: not at all.",
    )
    keep_alive_seconds: Annotated[float, Field(ge=-1, le=_LONGEST)] = Field(
        default=300.0,
        description="How long a model stays in memory after its last call; -1: for ever.",
    )
    memory_limit_bytes: Annotated[int, Field(ge=64 * 1024**2, le=_LARGEST)] | None = Field(
        default=None,
        description="The most memory that all models may take; unset: 90% of the machine's.",
    )
    queue_limit: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=1024, description="How many calls of a model may wait for a slot."
    )
    prefix_memory_bytes: Bytes | None = Field(
        default=None,
        description="How much memory a model may take for prompts that left its cache; unset: 5% of"
        " the machine's, at most 512 MiB.",
    )
    prefix_spill_bytes: Bytes | None = Field(
        default=None,
        description="How much a model may keep on the disk of prompts it computed, for after a"
        " restart too; unset: 1 GiB, and only of conversations that the server keeps anyway.",
    )
    hang_timeout_seconds: Seconds = Field(
        default=10.0, description="After how long without a sign of life a model is started anew."
    )
    step_timeout_seconds: Seconds = Field(
        default=600.0, description="How long one forward pass of a model may take."
    )
    vllm_environment: Path | None = Field(
        default=None,
        description="The folder of a virtual environment with vLLM; unset: the one in the home.",
    )
    vllm_start_seconds: Seconds = Field(
        default=600.0, description="How long vLLM may take until it answers."
    )
    placement: Literal["local", "ray"] = Field(
        default="local",
        description="Where models are held: on this machine, or on a Ray cluster's.",
    )
    ray_address: Annotated[str, AfterValidator(cluster_address)] | None = Field(
        default=None,
        validate_default=True,
        description="The address of the Ray cluster's head, such as 10.0.0.5:6379.",
    )
    ray_token_path: Path | None = Field(
        default=None, description="The file with the Ray cluster's token; unset: it has none."
    )
    node_weights_path: Path | None = Field(
        default=None,
        description="The folder for weights on other machines; unset: in the user's for caches.",
    )
    node_weights_bytes: Bytes = Field(
        default=100 * 1024**3, description="How much may be kept there."
    )
    send_timeout_seconds: Seconds = Field(
        default=30.0,
        description="How long a caller may neither read nor send before its call is ended.",
    )
    drain_seconds: Annotated[float, Field(ge=0, le=_LONGEST)] = Field(
        default=10.0, description="How long running calls may go on when the server stops."
    )
    response_days: Annotated[int, Field(ge=1, le=36500)] = Field(
        default=30, description="After how many days a stored response is forgotten."
    )
    session_linger_seconds: Annotated[float, Field(ge=-1, le=_LONGEST)] = Field(
        default=60.0,
        description="How long a session's answer goes on that nobody follows; -1: to its end.",
    )
    language_tasks: Annotated[int, Field(ge=1, le=4096)] = Field(
        default=8, description="How many tasks that ask a model run at once."
    )
    plugin_tasks: Annotated[int, Field(ge=1, le=256)] = Field(
        default=2, description="How many plugins are executed at once; more wait."
    )
    batch_tasks: Annotated[int, Field(ge=1, le=64)] = Field(
        default=1, description="How many batches are answered at once."
    )
    batch_streams: Annotated[int, Field(ge=1, le=256)] = Field(
        default=16, description="How many lines of a batch are answered at once."
    )
    download_tasks: Annotated[int, Field(ge=1, le=256)] = Field(
        default=16, description="How many tasks wait for the end of a download at once."
    )
    speech_tasks: Annotated[int, Field(ge=1, le=256)] = Field(
        default=2, description="How many tasks that speak or hear run at once."
    )
    picture_tasks: Annotated[int, Field(ge=1, le=64)] = Field(
        default=1, description="How many tasks that paint run at once."
    )
    training_tasks: Annotated[int, Field(ge=1, le=64)] = Field(
        default=1, description="How many models are trained at once."
    )
    image_pixels: Annotated[int, Field(ge=4096, le=4096 * 4096)] = Field(
        default=2048 * 2048, description="How many pixels a picture may have, given or made."
    )
    image_blocked_terms: tuple[Annotated[str, Field(min_length=1, max_length=256)], ...] = Field(
        default=(), description="Words and phrases that prompts of pictures may not have."
    )
    task_queue_limit: Annotated[int, Field(ge=1, le=10_000_000)] = Field(
        default=100_000, description="How many tasks of a lane may wait."
    )
    task_lease_seconds: Annotated[float, Field(ge=1, le=3600)] = Field(
        default=30.0,
        description="After how long without a sign of life of a server another takes its tasks.",
    )
    task_days: Annotated[float, Field(ge=0.001, le=36500)] = Field(
        default=7.0, description="After how many days an ended task and its result are forgotten."
    )
    webhook_secret: Annotated[SecretStr, AfterValidator(_signing)] | None = Field(
        default=None, description="What webhooks are signed with whose task names no secret."
    )
    file_bytes: Annotated[int, Field(ge=1024, le=_LARGEST)] = Field(
        default=512 * 1024**2, description="How many bytes a file may have that a caller gives."
    )
    upload_bytes: Annotated[int, Field(ge=1024, le=_LARGEST)] = Field(
        default=64 * 1024**3,
        description="How many bytes a file may have that comes in several calls.",
    )
    dataset_bytes: Annotated[int, Field(ge=1024, le=_LARGEST)] = Field(
        default=10 * 1024**3,
        description="How many bytes the files of a dataset, and its rows, may have.",
    )
    dataset_row_bytes: Annotated[int, Field(ge=1024, le=3 * 1024**2)] = Field(
        default=1024**2, description="How many bytes a row of a dataset may have."
    )
    plugin_memory_bytes: Annotated[int, Field(ge=32 * 1024**2, le=_LARGEST)] = Field(
        default=1024**3, description="The most memory that a plugin may take."
    )
    plugin_seconds: Seconds = Field(
        default=600.0, description="The longest that an execution of a plugin may last."
    )
    offline: bool = Field(
        default=False, description="Whether nothing at all is sent to hubs and other hosts."
    )
    proxy: Annotated[str, AfterValidator(proxy_url)] | None = Field(
        default=None,
        description="The HTTP proxy that requests to other hosts go through, as a URL.",
    )
    allowed_private_hosts: tuple[Annotated[str, AfterValidator(host_name)], ...] = Field(
        default=(),
        description="Hosts that may be fetched from though their addresses are private.",
    )
    hubs: Annotated[tuple[HubName, ...], Field(min_length=1)] = Field(
        default=("modelscope", "huggingface", "ollama"),
        description="The hubs that are asked, in this order.",
    )
    modelscope_endpoint: Endpoint = Field(
        default="https://modelscope.cn", description="Where ModelScope is asked."
    )
    huggingface_endpoint: Endpoint = Field(
        default="https://huggingface.co", description="Where HuggingFace is asked."
    )
    ollama_endpoint: Endpoint = Field(
        default="https://registry.ollama.ai", description="Where Ollama's registry is asked."
    )
    modelscope_mirrors: tuple[Endpoint, ...] = Field(
        default=(), description="Where ModelScope's files are fetched too; they get no token."
    )
    huggingface_mirrors: tuple[Endpoint, ...] = Field(
        default=(), description="Where HuggingFace's files are fetched too; they get no token."
    )
    ollama_mirrors: tuple[Endpoint, ...] = Field(
        default=(), description="Where Ollama's files are fetched too."
    )
    modelscope_token: Token | None = Field(
        default=None, description="The token that ModelScope is shown, and nobody else."
    )
    huggingface_token: Token | None = Field(
        default=None, description="The token that HuggingFace is shown, and nobody else."
    )
    hub_timeout_seconds: Seconds = Field(
        default=15.0, description="How long one answer of a hub may take in all."
    )
    hub_catalog_hours: Annotated[float, Field(ge=0.001, le=_LONGEST / 3600)] = Field(
        default=24.0,
        description="How long a hub's list of a model's files is believed, where the hub does not"
        " say whether it changed.",
    )
    download_jobs: Annotated[int, Field(ge=1, le=64)] = Field(
        default=2, description="How many downloads are under way at once; more wait."
    )
    download_connections: Annotated[int, Field(ge=1, le=16)] = Field(
        default=16, description="The most connections that a download has."
    )
    download_bytes_per_second: Annotated[int, Field(ge=1024, le=_LARGEST)] | None = Field(
        default=None, description="What all downloads together may take of the line."
    )
    download_first_byte_seconds: Seconds = Field(
        default=30.0, description="How long a hub may take to begin its answer."
    )
    download_stall_seconds: Seconds = Field(
        default=30.0, description="How long a hub may send nothing amid its answer."
    )
    download_patience_seconds: Seconds = Field(
        default=3600.0, description="How long a download goes on trying without a byte."
    )
    download_reserve_bytes: Bytes = Field(
        default=1024**3, description="How much of the disk downloads leave free."
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="How log lines are written."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least level that is logged."
    )
    traces_endpoint: Annotated[str, AfterValidator(collector)] | None = Field(
        default=None,
        description="Where traces are sent: OTLP over gRPC, such as http://127.0.0.1:4317; unset:"
        " there are none.",
    )
    traces_ratio: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None,
        description="The part of the traces that begin here and are kept, from 0 to 1; unset: all.",
    )

    @field_validator("*", mode="before")
    @classmethod
    def _no_switch(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and info.field_name not in _SWITCHES:
            raise ValueError("it is no switch that is true or false")
        return value

    @field_validator("home", mode="before")
    @classmethod
    def _some_folder(cls, home: Any) -> Any:
        if home == "":  # a path that is empty would be the working folder
            raise ValueError("it must name a folder")
        return home

    @field_validator("database_url")
    @classmethod
    def _no_other_database(cls, url: SecretStr | None) -> SecretStr | None:
        return None if url is None else SecretStr(checked(url.get_secret_value()))

    @field_validator("ray_address")
    @classmethod
    def _of_the_placement(cls, address: str | None, info: ValidationInfo) -> str | None:
        if address is None and info.data.get("placement") == "ray":
            raise ValueError('it must name the cluster, as server.placement is "ray"')
        return address

    @field_validator("hubs")
    @classmethod
    def _each_once(cls, hubs: tuple[HubName, ...]) -> tuple[HubName, ...]:
        return tuple(dict.fromkeys(hubs))

    @field_validator("tls_key")
    @classmethod
    def _both_or_none(cls, key: Path | None, info: ValidationInfo) -> Path | None:
        if "tls_certificate" in info.data and (key is None) != (
            info.data["tls_certificate"] is None
        ):
            raise ValueError("server.tls_certificate and server.tls_key are set both or neither")
        return key

    @field_validator("host")
    @classmethod
    def _guarded(cls, host: str, info: ValidationInfo) -> str:
        if host == "localhost" or _is_loopback(host):
            return host
        if info.data.get("accounts") and info.data.get("tls_key"):
            return host
        raise ValueError(
            f"{host} is not a loopback address: who can reach it must say who they are, and nobody"
            " may listen. Set server.accounts = true, server.tls_certificate and server.tls_key"
            " (`funland certificate` makes a pair for a trial); or listen on 127.0.0.1, behind an"
            " SSH tunnel or a reverse proxy that asks for credentials"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
