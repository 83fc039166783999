"""`funland devices`: what models can be computed on, and what it does now."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from funland.v1.hardware_pb2 import Device
from funland_cli import device_bench, device_use, options
from funland_cli.device_views import COLUMNS, all_of, remarks, row
from funland_cli.documents import document
from funland_cli.output import Output, tabled

EPILOG = """\b
Examples:
  funland devices
  funland devices --watch
  funland devices gpu_0
  funland devices bench --model qwen
  funland devices use gpu_0
"""

_SHOW: Final = "show"


class DevicesGroup(TyperGroup):
    """Takes a device's id for a command that shows it."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """See `click.Group`."""
        if args and "_" in args[0] and self.get_command(ctx, args[0]) is None:
            args = [_SHOW, *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=DevicesGroup,
    help="See, measure and choose what models are computed on.",
    epilog=EPILOG,
    rich_markup_mode=None,
)
app.command(epilog=device_bench.EPILOG)(device_bench.bench)
app.command(epilog=device_use.EPILOG)(device_use.use)

Watch = Annotated[bool, typer.Option("--watch", "-w", help="Go on telling, until Ctrl-C.")]


@app.callback(invoke_without_command=True)
def devices(
    context: typer.Context,
    *,
    watch: Watch = False,
    refresh: Annotated[bool, typer.Option("--refresh", help="Look for devices anew.")] = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """See, measure and choose what models are computed on; list it when nothing else is asked."""
    session = options.session(context, server, as_json)
    context.obj = options.GlobalOptions(session.address, session.output.as_json)
    if context.invoked_subcommand is not None:
        return
    if watch:
        _watch(session)
        return
    with session.client() as client:
        found = client.hardware.devices(detailed=session.output.as_json, refresh=refresh)
    if session.output.as_json:
        session.output.document(document(found))
        return
    session.output.table(COLUMNS, (row(device) for device in found.devices))
    for remark in remarks(found.devices):
        session.output.note(remark)
    for problem in found.problems:
        session.output.note(f"{problem.reader}: {problem.message}")


@app.command(_SHOW)
def show(
    context: typer.Context,
    *,
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="The device's id.")],
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Show all that is known of a device; `funland devices DEVICE` is the same."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.hardware.device(device)
        metrics = client.hardware.device_metrics(device)
    if session.output.as_json:
        history = [document(sample) for sample in metrics.history]
        session.output.document(document(found) | {"history": history})
        return
    session.output.pairs(all_of(found, metrics.history))


def _watch(session: options.Session) -> None:
    """Draws all devices again and again; elsewhere a line for each change."""
    output = session.output
    with session.client() as client, client.hardware.watch_devices() as events:
        if output.as_json:
            for event in events:
                output.event(document(event))
        elif sys.stdout.isatty() and output.draws:
            _draw(output, (event.device for event in events))
        else:
            for event in events:
                output.line("  ".join(cell for cell in row(event.device) if cell))


def _draw(output: Output, changes: Any) -> None:
    known: dict[str, Device] = {}
    with output.picture() as picture:
        for device in changes:
            known[device.device_id] = device
            rows = [row(each) for each in known.values()]
            picture.update(tabled(COLUMNS, rows, ruled=True), refresh=True)
