"""`funland plugins`: programs that do more with models."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from funland.v1.plugins_pb2 import Plugin
from funland_cli import options
from funland_cli.documents import document
from funland_cli.failures import CommandError, ExitCode
from funland_cli.plugin_views import COLUMNS, all_of, permissions, row, spent, standing
from funland_cli.task_views import made_file
from funland_cli.tasks import leave
from funland_client.arguments import PluginState

EPILOG = """\b
Examples:
  funland plugins
  funland plugins run ID --input '{"text": "..."}'
  funland plugins run ID --input @input.json --detach
  funland plugins install ./my-plugin

\b
JSON is given as it is, as @FILE, or as - to read a pipe.
"""

app = typer.Typer(help="See, run and install plugins.", epilog=EPILOG, rich_markup_mode=None)

PluginId = Annotated[str, typer.Argument(metavar="PLUGIN", help="The plugin's id.")]
PluginIds = Annotated[list[str], typer.Argument(metavar="PLUGIN...", help="Ids of plugins.")]
Config = Annotated[
    str | None, typer.Option("--config", metavar="JSON", help="Its configuration, for this once.")
]


@app.callback(invoke_without_command=True)
def plugins(
    context: typer.Context, *, server: options.Server = None, as_json: options.Json = False
) -> None:
    """See, run and install plugins; list them when nothing else is asked for."""
    session = options.session(context, server, as_json)
    context.obj = options.GlobalOptions(session.address, session.output.as_json)
    if context.invoked_subcommand is None:
        list_plugins(context)


@app.command("list")
def list_plugins(
    context: typer.Context,
    *,
    category: Annotated[
        str, typer.Option(metavar="WORD", help="Only those of it, such as analysis.")
    ] = "",
    state: Annotated[PluginState | None, typer.Option(help="Only those that are so.")] = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """List the plugins."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.plugins.list(category=category, states=[state] if state else ())
    if session.output.as_json:
        session.output.document({"plugins": [document(plugin) for plugin in found]})
    else:
        session.output.table(COLUMNS, map(row, found))


@app.command()
def show(
    context: typer.Context,
    *,
    plugin: PluginId,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Show all that is known of a plugin: what it may do, and the schemas of what it takes."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.plugins.get(plugin)
    if session.output.as_json:
        session.output.document(document(found))
    else:
        session.output.pairs(all_of(found))


@app.command()
def run(
    context: typer.Context,
    *,
    plugin: PluginId,
    given: Annotated[
        str | None,
        typer.Option("--input", "-i", metavar="JSON", help="What it works on: an object."),
    ] = None,
    config: Config = None,
    output_format: Annotated[
        str, typer.Option("--format", metavar="NAME", help="The form of its output.")
    ] = "",
    files: Annotated[
        Path | None,
        typer.Option("--files", metavar="FOLDER", help="Fetch the files that it makes into this."),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Submit it as a task, write its id and leave.")
    ] = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Run a plugin and write its output."""
    session = options.session(context, server, as_json)
    asked = None if given is None else _object("--input", given)
    how = None if config is None else _object("--config", config)
    with session.client() as client:
        if detach:
            task = client.plugins.submit(plugin, asked, config=how, output_format=output_format)
            leave(session, task)
            return
        session.output.wait(f"Running {plugin}")
        try:
            done = client.plugins.execute(plugin, asked, config=how, output_format=output_format)
            places = [
                client.files.download(file_id, _folder(files))
                for file_id in (done.execution.file_ids if files else ())
            ]
        finally:
            session.output.waited()
    if session.output.as_json:
        session.output.document(document(done.execution))
        return
    session.output.document(done.output)
    for place in places:
        session.output.note(f"Wrote {place}.")
    if not files:
        for file_id in done.execution.file_ids:
            session.output.note(made_file(file_id, session.flags))
    session.output.note(spent(done.execution))


@app.command()
def install(
    context: typer.Context,
    *,
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A folder or wheel on the server's machine.")
    ],
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Allow what it asks for, and enable it.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put it in the place of one with its id.")
    ] = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Install a plugin; ask before it may do what it wants to."""
    session = options.session(context, server, as_json)
    output = session.output
    with session.client() as client:
        plugin = client.plugins.install(path.expanduser().absolute(), enable=yes, replace=replace)
        if not yes and not output.as_json and plugin.state == Plugin.DISABLED:
            for line in _wanted(plugin):
                output.note(line, style="")
            if sys.stdin.isatty() and typer.confirm("Allow that?", err=True):
                plugin = client.plugins.enable(plugin.plugin_id)
    session.tell(plugin, f"Installed {plugin.plugin_id} {plugin.version}: {standing(plugin)}")
    if plugin.state == Plugin.DISABLED:
        command = shlex.join(["funland", "plugins", "enable", plugin.plugin_id, *session.flags])
        output.note(f"To allow that and let it run: {command}", style="")


@app.command()
def enable(
    context: typer.Context,
    *,
    plugins: PluginIds,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Let plugins run, and allow what they ask for."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        for plugin_id in plugins:
            enabled = client.plugins.enable(plugin_id)
            may = ", ".join(permissions(enabled)) or "compute"
            session.tell(enabled, f"{enabled.plugin_id}: {standing(enabled)}; it may {may}")


@app.command()
def disable(
    context: typer.Context,
    *,
    plugins: PluginIds,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Let plugins run no more, and keep them."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        for plugin_id in plugins:
            disabled = client.plugins.disable(plugin_id)
            session.tell(disabled, f"{disabled.plugin_id}: {standing(disabled)}")


@app.command()
def configure(
    context: typer.Context,
    *,
    plugin: PluginId,
    config: Annotated[str, typer.Argument(metavar="JSON", help="An object, in place of the old.")],
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Give a plugin a standing configuration."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        changed = client.plugins.configure(plugin, _object("JSON", config))
    session.tell(changed, f"{changed.plugin_id}: {changed.config}")


@app.command()
def remove(
    context: typer.Context,
    *,
    plugins: PluginIds,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Remove plugins, their code and their folders."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        for plugin_id in plugins:
            client.plugins.remove(plugin_id)
            if session.output.as_json:
                session.output.event({"removed_plugin_id": plugin_id})
            else:
                session.output.line(f"Removed {plugin_id}.")


def _wanted(plugin: Plugin) -> list[str]:
    """What somebody is asked to allow."""
    wanted = list(permissions(plugin))
    if not wanted:
        return [f"{plugin.plugin_id} asks for nothing: it may compute, and use its own folder."]
    return [f"{plugin.plugin_id} wants to:", *(f"  - {each}" for each in wanted)]


def _folder(path: Path | None) -> Path:
    folder = path or Path()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"{folder} can't be made: {error.strerror}") from error
    return folder


def _object(flag: str, text: str) -> dict[str, Any]:
    """Reads JSON as it is, of a file or of a pipe."""
    try:
        if text == "-":
            text = sys.stdin.read()
        elif text.startswith("@"):
            text = Path(text[1:]).expanduser().read_text(encoding="utf-8")
        value = json.loads(text)
    except OSError as error:
        raise CommandError(
            f"{text[1:]} can't be read: {error.strerror}", exit_code=ExitCode.USAGE
        ) from error
    except ValueError as error:
        raise CommandError(f"{flag} is not JSON: {error}", exit_code=ExitCode.USAGE) from error
    if not isinstance(value, dict):
        raise CommandError(
            f'{flag} is no object: {{"name": ...}} is one.', exit_code=ExitCode.USAGE
        )
    return cast("dict[str, Any]", value)
