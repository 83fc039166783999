"""`funland devices bench`: measures how fast a model is on devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

import typer
from rich.console import RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from funland.v1.hardware_pb2 import BenchmarkProgress, BenchmarkResult, Device, Recommendation
from funland_cli import options
from funland_cli.device_views import ENGINES
from funland_cli.documents import document
from funland_cli.failures import CommandError
from funland_cli.told_failures import failure_of
from funland_client import Funland, FunlandError
from funland_client.arguments import Engine

EPILOG = """\b
Examples:
  funland devices bench
  funland devices bench gpu_0 cpu_0 --model qwen

\b
One device takes some seconds; what it came to is kept, and told by the next `funland devices bench`
too. Without a name all devices are measured that an engine computes on, but for emulated ones.
"""

_PHASES: Final = {
    BenchmarkProgress.WAITING: "waits for another benchmark",
    BenchmarkProgress.LOADING: "loads the model",
    BenchmarkProgress.PROMPT: "computes prompts",
    BenchmarkProgress.ONE_STREAM: "writes one text",
    BenchmarkProgress.EIGHT_STREAMS: "writes eight texts",
}
_COLUMNS: Final = (
    *("DEVICE", "ENGINE", ">PROMPT", ">1 STREAM", ">8 STREAMS", ">GAIN", ">J/TOKEN", ">LAYERS"),
)
_BAR_WIDTH: Final = 30


def bench(
    context: typer.Context,
    *,
    device: Annotated[
        list[str] | None, typer.Argument(metavar="[DEVICE...]", help="Which.  [default: all]")
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            "--model", "-m", metavar="MODEL", help="The model.  [default: the built-in one]"
        ),
    ] = "",
    engine: Annotated[
        Engine | None, typer.Option(help="What computes it.  [default: as a load has it]")
    ] = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Measure how fast a model is on devices, and say which is worth using."""
    session = options.session(context, server, as_json)
    output = session.output
    measured: list[BenchmarkResult] = []
    failures: list[FunlandError] = []
    with session.client() as client:
        names = device or _usable(client)
        for name in names:
            try:
                measured.append(_measure(session, client, name, model, engine))
            except FunlandError as error:
                if len(names) == 1:
                    raise
                failures.append(error)
                output.note(f"{name}: {failure_of(error).message}")
        found = client.hardware.recommendations(model)
    if failures and not measured:
        raise failures[-1]
    if output.as_json:
        output.event({"recommendations": [document(each) for each in found]})
        return
    gains = {each.device_id: each.gain for each in found if each.HasField("gain")}
    output.table(_COLUMNS, (_row(result, gains) for result in measured))
    for line in _told(measured, found):
        output.line(line)


def _usable(client: Funland) -> list[str]:
    devices = client.hardware.devices().devices
    usable = [
        device.device_id
        for device in devices
        if device.state == Device.AVAILABLE and not device.emulated
    ]
    if not usable:
        raise CommandError("There is no device that an engine computes on.")
    return usable


def _measure(
    session: options.Session, client: Funland, name: str, model: str, engine: Engine | None
) -> BenchmarkResult:
    """Shows how far it is, and gives what it came to."""
    output = session.output
    with client.hardware.benchmark_device(name, model, engine=engine) as events:
        if output.as_json:
            for event in events:
                output.event(document(event))
                if event.HasField("result"):
                    return event.result
        elif output.draws:
            with output.picture() as picture:
                for event in events:
                    if event.HasField("result"):
                        return event.result
                    _draw(picture, name, event.progress)
        else:
            phase = None
            for event in events:
                if event.HasField("result"):
                    return event.result
                if event.progress.phase != phase:
                    phase = event.progress.phase
                    output.note(f"{name} {_PHASES.get(phase, '')}")
    raise CommandError("The connection to the server was lost before the benchmark was complete.")


def _draw(picture: Live, name: str, progress: BenchmarkProgress) -> None:
    picture.update(drawn(name, progress), refresh=True)


def drawn(name: str, progress: BenchmarkProgress) -> RenderableType:
    """A bar, and what the device does."""
    grid = Table.grid(padding=(0, 1))
    bar = ProgressBar(1, progress.fraction, _BAR_WIDTH)
    grid.add_row(Text(name), bar, Text(_PHASES.get(progress.phase, ""), style="dim"))
    return grid


def _row(result: BenchmarkResult, gains: dict[str, float]) -> tuple[str, ...]:
    if result.HasField("error"):
        return (result.device_id, ENGINES.get(result.engine, ""), "failed", *[""] * 5)
    gain = gains.get(result.device_id)
    return (
        result.device_id,
        ENGINES.get(result.engine, ""),
        f"{result.prompt_tokens_per_second:,.0f}",
        f"{result.tokens_per_second:,.1f}",
        f"{result.tokens_per_second_8_streams:,.1f}",
        "" if gain is None else f"{gain:.1f} x" if gain >= 1 else f"{gain:.2g} x",
        f"{result.joules_per_token:.2g}" if result.HasField("joules_per_token") else "",
        str(result.layers) if result.HasField("layers") else "",
    )


def _told(measured: Sequence[BenchmarkResult], found: Sequence[Recommendation]) -> list[str]:
    """What a table of figures does not say."""
    lines = [
        f"{result.device_id} could not be measured: {result.error.message}"
        for result in measured
        if result.HasField("error")
    ]
    best = next((each for each in found if each.HasField("benchmark")), None)
    if best is not None and not best.benchmark.HasField("error"):
        lines += ["", f"The best is {best.device_id}: {best.reason}"]
        if best.device_id != "cpu_0":
            lines.append(f"To compute on it: funland devices use {best.device_id}")
    return lines
