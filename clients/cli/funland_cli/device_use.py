"""`funland devices use`: says which devices models are computed on."""

from __future__ import annotations

from typing import Annotated, Any, Literal, cast

import typer

from funland.v1.hardware_pb2 import Acceleration
from funland_cli import options
from funland_cli.device_views import acceleration
from funland_cli.documents import document
from funland_cli.failures import CommandError, ExitCode
from funland_cli.views import word
from funland_client import AccelerationArguments

EPILOG = """\b
Examples:
  funland devices use                       show what is used
  funland devices use gpu_0                 first that, and the CPU for what does not fit
  funland devices use gpu_0 --mode single   that alone
  funland devices use gpu_0 gpu_1           both, layer by layer
  funland devices use --auto                what suits each model

\b
It holds from each model's next load on, and over restarts. What is not named stays as it is.
"""


def use(
    context: typer.Context,
    *,
    device: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DEVICE...]", help="The first to use, and those beside it."),
    ] = None,
    auto: Annotated[bool, typer.Option("--auto", help="Choose for each model.")] = False,
    mode: Annotated[
        Literal["automatic", "single", "hybrid"] | None,
        typer.Option(help="How layers are placed.  [default: hybrid for several, else automatic]"),
    ] = None,
    fallback: Annotated[
        bool | None,
        typer.Option("--fallback/--no-fallback", help="Compute on the CPU when a device fails."),
    ] = None,
    memory: Annotated[
        float | None,
        typer.Option(metavar="0.05-1", help="The part of a GPU's memory that models may take."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(metavar="N", help="How many threads compute on the CPU.")
    ] = None,
    power: Annotated[
        Literal["balanced", "performance", "power_saving"] | None,
        typer.Option(help="How an NPU trades speed for power."),
    ] = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Say which devices models are computed on, or show it."""
    if auto and device:
        raise CommandError("Only one of --auto and a device can be.", exit_code=ExitCode.USAGE)
    session = options.session(context, server, as_json)
    changes: dict[str, Any] = {
        "fallback_to_cpu": fallback,
        "gpu_memory_fraction": memory,
        "cpu_threads": threads,
        "npu_power_mode": power,
        "mode": mode,
    }
    changes = {name: value for name, value in changes.items() if value is not None}
    if auto or device:
        changes = _chosen(device or []) | changes
    with session.client() as client:
        now = client.hardware.acceleration()
        if changes:
            wanted = cast("AccelerationArguments", as_it_is(now) | changes)
            now = client.hardware.set_acceleration(**wanted)
    if session.output.as_json:
        session.output.document(document(now))
        return
    session.output.pairs(acceleration(now))


def as_it_is(now: Acceleration) -> dict[str, Any]:
    """The arguments that would leave everything as it is: what is left out becomes a default."""
    kept: dict[str, Any] = {
        "primary_device_id": now.primary_device_id,
        "secondary_device_ids": [*now.secondary_device_ids],
        "fallback_to_cpu": now.fallback_to_cpu,
    }
    if now.mode:
        kept["mode"] = word(Acceleration.Mode, now.mode)
    if now.npu_power_mode:
        kept["npu_power_mode"] = word(Acceleration.PowerMode, now.npu_power_mode)
    for name in ("cpu_threads", "gpu_memory_fraction"):
        if now.HasField(name):
            kept[name] = getattr(now, name)
    return kept


def _chosen(devices: list[str]) -> dict[str, Any]:
    first, *others = devices or [""]
    return {
        "primary_device_id": first,
        "secondary_device_ids": others,
        "mode": "hybrid" if others else "automatic",
    }
