"""The `funland` command: its subcommands, its help and how it ends."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from typer.core import TyperGroup

from funland_cli import general
from funland_cli.commands import SUBCOMMANDS, Subcommands
from funland_cli.failures import ExitCode

_EPILOG = """\b
Examples:
  funland serve                       start the service
  funland chat "Tell me a story."     ask the model that comes with it
  funland pull qwen2.5:0.5b           get a model from a hub
  funland models import model.gguf    install a model of your own
  funland deploy qwen --port 9001     keep it in memory, with an API of its own
  funland ps --json                   what is in memory, for programs

\b
Environment:
  FUNLAND_SERVER              the server to call, host:port, or grpcs://host:port over TLS
  FUNLAND_CA                  a file with the certificates to believe, for a server with its own
  FUNLAND_KEY                 the access key to call with, in place of a login
  FUNLAND_HOME                the folder of models and state
  FUNLAND_DATABASE_URL        the PostgreSQL database of state, in place of SQLite there
  FUNLAND_SECTION__SETTING    a setting of serve, such as FUNLAND_GATEWAY__PORT=8080

\b
Exit codes:
  0    done
  1    failed
  2    wrong usage or a wrong setting
  3    no server at that address
  4    no such model, download, device, session, deployment or the like
  130  interrupted; a download that Ctrl-C paused
"""


class FunlandCommand(TyperGroup):
    """Imports of its subcommands the one that is run, and ends every failure with one message and
    the exit code that `--help` names for it."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = cast("MutableMapping[str, Any]", Subcommands())

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Lists the subcommands as the table has them: their own help would have to be imported."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, known.summary) for name, known in SUBCOMMANDS.items()])

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Runs the command and exits."""
        arguments = list(sys.argv[1:] if args is None else args)
        extra["standalone_mode"] = False
        try:
            exit_code = super().main(arguments, *rest, **extra)
        except typer.Abort:
            exit_code = ExitCode.INTERRUPTED
        except Exception as error:
            exit_code = _told(error, "--json" in arguments)
            if exit_code is None:
                raise
        sys.exit(exit_code)


def _told(error: Exception, as_json: bool) -> int | None:
    """Tells of a failure and gives its exit code; None for what is a defect."""
    # What tells of the failures of calls has to import the client: it is a failure that waits.
    from funland_cli.output import Output  # noqa: PLC0415 - as above
    from funland_cli.told_failures import TOLD, failure_of  # noqa: PLC0415 - as above

    if not isinstance(error, TOLD):
        return None
    failure = failure_of(error)
    Output(as_json).failure(failure)
    return failure.exit_code


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
    server: general.Server = None,
    as_json: general.Json = False,
    ca: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The certificates to believe.  [default: $FUNLAND_CA]"),
    ] = None,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    """Show the version or the help, or note what was said before the subcommand."""
    if not gc.isenabled():  # the command's start switched it off
        # What is imported stays: neither a search nor the end of the process goes through it.
        gc.freeze()
        gc.enable()
    context.obj = general.GlobalOptions(server, as_json)
    if ca is not None:
        os.environ["FUNLAND_CA"] = str(ca)  # as if it had been there: clients read it
    if version:
        import importlib.metadata  # noqa: PLC0415 - a tenth of the help's time

        sys.stdout.write(f"funland {importlib.metadata.version('funland')}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")
        raise typer.Exit
