"""`funland config`: the settings that a server runs with, and changes of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Annotated, Any, Final, cast

import typer
from google.protobuf.json_format import MessageToDict

from funland.v1.system_pb2 import Configuration, Setting
from funland_cli import options
from funland_cli.documents import document, whole
from funland_cli.failures import CommandError, ExitCode
from funland_client.arguments import SettingValue

EPILOG = """\b
Examples:
  funland config
  funland config list server.download
  funland config get server.slots
  funland config set server.slots 8
  funland config set server.hubs modelscope,ollama
  funland config set server.huggingface_token - < token.txt
  funland config unset server.slots

\b
Settings are changed in the settings file of the server that is called, funland.toml. Without a
server, change that file itself.
"""

_ORIGINS: Final[Mapping[int, str]] = {
    Setting.DEFAULT: "default",
    Setting.FILE: "file",
}
_EFFECTS: Final[Mapping[int, str]] = {
    Setting.AT_ONCE: "at once",
    Setting.NEXT_LOAD: "when a model is loaded next",
    Setting.NEXT_START: "at the next start",
}
_WORDS: Final = {"true": True, "false": False}

app = typer.Typer(help="Show and change settings.", epilog=EPILOG, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="SETTING", help="Its name, such as server.slots.")]


@app.callback(invoke_without_command=True)
def config(
    context: typer.Context, *, server: options.Server = None, as_json: options.Json = False
) -> None:
    """Show and change settings; list them when nothing else is asked for."""
    session = options.session(context, server, as_json)
    context.obj = options.GlobalOptions(session.address, session.output.as_json)
    if context.invoked_subcommand is None:
        list_settings(context)


@app.command("list")
def list_settings(
    context: typer.Context,
    prefix: Annotated[
        str, typer.Argument(metavar="PREFIX", help="Only those whose names begin so.")
    ] = "",
    *,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """List the settings, with their values and where those come from."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.system.configuration(prefix)
    if session.output.as_json:
        session.output.document(document(found))
        return
    if not found.settings:
        raise CommandError(
            f"No setting begins with {prefix}.",
            hint="`funland config` lists them.",
            exit_code=ExitCode.USAGE,
        )
    session.output.table(("SETTING", "VALUE", "FROM", "NEXT START"), map(_row, found.settings))


@app.command()
def get(
    context: typer.Context,
    name: Name,
    *,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Show one setting's value; of a secret, whether it has one."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        setting = _named(client.system.configuration(name), name)
    if setting is None:
        raise _unknown(name)
    if session.output.as_json:
        session.output.document(document(setting))
    else:
        session.output.line(_shown(setting))


@app.command("set")
def set_setting(
    context: typer.Context,
    name: Name,
    value: Annotated[
        str,
        typer.Argument(
            metavar="VALUE", help="The new value; commas part a list; -: a line of the input."
        ),
    ],
    *,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Change a setting, in the settings file and where it can be at once."""
    session = options.session(context, server, as_json)
    text = sys.stdin.readline().rstrip("\r\n") if value == "-" else value
    with session.client() as client:
        setting = _named(client.system.configuration(name), name)
        if setting is None:
            raise _unknown(name)
        changed = client.system.configure({name: _parsed(text, setting.type)})
    _report(session, changed, name)


@app.command()
def unset(
    context: typer.Context,
    name: Name,
    *,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Take a setting out of the settings file."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        changed = client.system.configure({name: None})
    _report(session, changed, name)


def _report(session: options.Session, changed: Configuration, name: str) -> None:
    setting = _named(changed, name)
    if setting is None:  # an answer without what was changed
        raise _unknown(name)
    if session.output.as_json:
        session.output.document(document(setting))
        return
    pending = setting.effect == Setting.NEXT_START
    value = _plain(setting, "pending_value" if setting.HasField("pending_value") else "value")
    told = ("set" if setting.is_set or pending else "unset") if setting.secret else _written(value)
    session.output.line(f"{name}: {told}, {_EFFECTS.get(setting.effect, 'some time')}.")


def _row(setting: Setting) -> tuple[str, ...]:
    waits = setting.HasField("pending_value")
    pending = _written(_plain(setting, "pending_value")) if waits else ""
    return setting.name, _shown(setting), _origin(setting), pending


def _origin(setting: Setting) -> str:
    return _ORIGINS.get(setting.origin) or setting.origin_name


def _shown(setting: Setting) -> str:
    if setting.secret:
        return "(set, not shown)" if setting.is_set else "unset"
    return _written(_plain(setting, "value"))


def _plain(setting: Setting, field: str) -> Any:
    return whole(MessageToDict(getattr(setting, field)))


def _written(value: Any) -> str:
    if value is None:
        return "unset"
    if isinstance(value, list):
        return ",".join(map(str, cast("list[Any]", value))) or "(none)"
    return value if isinstance(value, str) else json.dumps(value)


def _parsed(text: str, kind: Setting.Type.ValueType) -> SettingValue:
    """What a word of the command line stands for; what does not fit is left to the server."""
    if kind == Setting.STRINGS:
        return [item.strip() for item in text.split(",") if item.strip()]
    if kind == Setting.BOOLEAN:
        return _WORDS.get(text.lower(), text)
    if kind in (Setting.INTEGER, Setting.NUMBER):
        for number in (int, float):
            try:
                return number(text)
            except ValueError:
                continue
    return text


def _named(configuration: Configuration, name: str) -> Setting | None:
    return next((one for one in configuration.settings if one.name == name), None)


def _unknown(name: str) -> CommandError:
    return CommandError(
        f"{name} is no setting.",
        hint="`funland config` lists them.",
        exit_code=ExitCode.USAGE,
    )
