"""The `funland` command: its subcommands, its help and how it ends."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from funland_cli import (
    bench,
    chat,
    config,
    devices,
    downloads,
    encode,
    favorites,
    gateway,
    generate,
    hubs,
    loading,
    models,
    options,
    pull,
    search,
    serve,
    status,
)
from funland_cli.failures import CommandError, ExitCode, failure_of
from funland_cli.output import Output
from funland_client import FunlandError

_EPILOG = """\b
Examples:
  funland serve                       start the service
  funland chat "Tell me a story."     ask the model that comes with it
  funland pull qwen2.5:0.5b           get a model from a hub
  funland models import model.gguf    install a model of your own
  funland ps --json                   what is in memory, for programs

\b
Environment:
  FUNLAND_SERVER              the server to call, host:port
  FUNLAND_HOME                the folder of models and state
  FUNLAND_DATABASE_URL        the PostgreSQL database of state, in place of SQLite there
  FUNLAND_SECTION__SETTING    a setting of serve, such as FUNLAND_GATEWAY__PORT=8080

\b
Exit codes:
  0    done
  1    failed
  2    wrong usage or a wrong setting
  3    no server at that address
  4    no such model, adapter, download or device
  130  interrupted; a download that Ctrl-C paused
"""


class FunlandCommand(TyperGroup):
    """Ends every failure with one message and the exit code that `--help` names for it."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Runs the command and exits."""
        arguments = list(sys.argv[1:] if args is None else args)
        extra["standalone_mode"] = False
        try:
            exit_code = super().main(arguments, *rest, **extra)
        except typer.Abort:
            exit_code = ExitCode.INTERRUPTED
        except (typer.TyperException, CommandError, FunlandError, UnicodeError) as error:
            failure = failure_of(error)
            Output("--json" in arguments).failure(failure)
            exit_code = failure.exit_code
        sys.exit(exit_code)


app = typer.Typer(
    cls=FunlandCommand,
    help="A local AI service with one typed contract: gRPC, REST and OpenAI's API.",
    epilog=_EPILOG,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.callback(invoke_without_command=True)
def funland(
    context: typer.Context,
    server: options.Server = None,
    as_json: options.Json = False,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """Show the version or the help, or note what was said before the subcommand."""
    context.obj = options.GlobalOptions(server, as_json)
    if version:
        sys.stdout.write(f"funland {importlib.metadata.version('funland')}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")
        raise typer.Exit


app.command(epilog=serve.EPILOG)(serve.serve)
app.command(epilog=gateway.EPILOG)(gateway.gateway)
app.command(epilog=chat.EPILOG)(chat.chat)
app.command(epilog=generate.EPILOG)(generate.generate)
app.command(epilog=bench.EPILOG)(bench.bench)
app.command(epilog=encode.EMBED_EPILOG)(encode.embed)
app.command(epilog=encode.RERANK_EPILOG)(encode.rerank)
app.command()(encode.tokenize)
models.app.command(epilog=loading.EPILOG)(loading.load)
app.add_typer(models.app, name="models")
app.command(epilog=pull.EPILOG)(pull.pull)
app.command(epilog=search.EPILOG)(search.search)
app.add_typer(downloads.app, name="downloads")
app.add_typer(favorites.app, name="favorites")
app.add_typer(hubs.app, name="hubs")
app.add_typer(config.app, name="config")
app.add_typer(devices.app, name="devices")
app.command()(status.ps)
app.command()(status.status)
