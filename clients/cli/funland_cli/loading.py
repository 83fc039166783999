"""`funland models load`: loads a model, and says how to run it."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, cast

import typer

from funland_cli import options
from funland_cli.units import seconds, size_in_bytes
from funland_cli.views import kept_as
from funland_client import LoadArguments
from funland_client.arguments import CacheType

EPILOG = """\b
Examples:
  funland models load qwen --context 4096
  funland models load qwen --keep-alive 30m --memory-limit 4GB
  funland models load qwen --kv-cache q8_0
  funland models load qwen --slots 8 --context 8192 --cache-tokens 65536
  funland models load qwen --device gpu_0 --gpu-layers 20
  funland models load qwen --device gpu_0,gpu_1 --split 2,1
"""


_DEVICE_ID = re.compile(r"[a-z]+_[0-9]+")


def where(device: str | None) -> dict[str, Any]:
    """The settings for devices by their ids, or for one by its engine's name."""
    if device is None:
        return {}
    ids = [each.strip() for each in device.lower().split(",")]
    if all(_DEVICE_ID.fullmatch(each) for each in ids):
        return {"device_ids": ids}
    return {"device": device.upper()}


def _weights(text: str) -> list[float]:
    try:
        return [float(each) for each in text.split(",")]
    except ValueError:
        what = f"{text!r} is not a weight for each device, such as 2,1."
        raise typer.BadParameter(what, param_hint="--split") from None


def load(
    context: typer.Context,
    *,
    model: options.ModelId,
    context_length: Annotated[
        int | None,
        typer.Option(
            "--context",
            "--context-length",
            metavar="TOKENS",
            help="Tokens of a call's prompt and answer.",
        ),
    ] = None,
    slots: Annotated[
        int | None, typer.Option(metavar="N", help="How many calls to answer at once.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(metavar="N", help="How many threads compute.")
    ] = None,
    engine: Annotated[
        Literal["llama_cpp", "openvino", "ctranslate2"] | None,
        typer.Option(help="What computes.  [default: chosen by the model's format]"),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="DEVICE[,DEVICE...]",
            help="Where: as `funland devices` lists them, or by the engine's own name."
            "  [default: as `funland devices use` has it]",
        ),
    ] = None,
    gpu_layers: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="How many layers are on accelerators.  [default: what fits]"
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(metavar="W,W...", help="How devices share the layers: a weight for each."),
    ] = None,
    kv_cache: Annotated[
        CacheType | None,
        typer.Option(
            help="The numbers that keys and values are kept as."
            "  [default: as `server.cache_type` has it]"
        ),
    ] = None,
    key_type: Annotated[CacheType | None, typer.Option(help="The same for keys alone.")] = None,
    value_type: Annotated[CacheType | None, typer.Option(help="The same for values alone.")] = None,
    flash_attention: Annotated[
        bool | None,
        typer.Option(
            "--flash-attention/--no-flash-attention", help="Compute attention in one pass."
        ),
    ] = None,
    fallback: Annotated[
        bool | None,
        typer.Option("--fallback/--no-fallback", help="Compute on the CPU if a device fails."),
    ] = None,
    keep_alive: Annotated[
        float | None,
        typer.Option(
            parser=seconds,
            metavar="TIME",
            help="How long it stays after its last call: 90s, 10m, 2h, forever.",
        ),
    ] = None,
    memory_limit: Annotated[
        int | None,
        typer.Option(
            parser=size_in_bytes, metavar="SIZE", help="The most memory it may take: 4GB, 512MiB."
        ),
    ] = None,
    cache: Annotated[
        Literal["unified", "streams"] | None,
        typer.Option(help="How calls share the memory for keys and values."),
    ] = None,
    cache_tokens: Annotated[
        int | None,
        typer.Option(
            metavar="TOKENS",
            help="Tokens of all texts together that this memory holds, as llama-server's -c."
            "  [default: 32,768, or one call's]",
        ),
    ] = None,
    cache_reuse: Annotated[
        int | None,
        typer.Option(
            metavar="TOKENS",
            help="From how many tokens on a run that another text has too is moved instead of"
            " computed again; answers differ a little. As llama-server's --cache-reuse.",
        ),
    ] = None,
    draft_model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="A smaller model of its kind that guesses ahead."),
    ] = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Load a model into memory and wait until it is ready."""
    session = options.session(context, server, as_json)
    given: dict[str, Any] = {
        "context_length": context_length,
        "slots": slots,
        "threads": threads,
        "engine": engine,
        **where(device),
        "gpu_layers": gpu_layers,
        "device_split": split and _weights(split),
        "key_type": key_type or kv_cache,
        "value_type": value_type or kv_cache,
        "flash_attention": flash_attention,
        "fallback_to_cpu": fallback,
        "keep_alive_seconds": keep_alive,
        "memory_limit_bytes": memory_limit,
        "cache": cache,
        "cache_tokens": cache_tokens,
        "cache_reuse_tokens": cache_reuse,
        "draft_model": draft_model,
    }
    settings = {name: value for name, value in given.items() if value is not None}
    session.output.wait(f"Loading {model}")
    try:
        with session.client() as client:
            loaded = client.models.load(model, **cast("LoadArguments", settings))
    finally:
        session.output.waited()
    kept = kept_as(loaded.loaded)
    session.tell(
        loaded,
        f"Loaded {loaded.model_id} in {loaded.loaded.load_ms / 1000:.1f} s"
        f"{f'; keys and values are {kept}' if kept not in ('', 'f16') else ''}.",
    )
