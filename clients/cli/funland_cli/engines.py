"""`funland engines`: engines that are installed apart from Funland, on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from funland_cli.failures import CommandError, ExitCode
from funland_cli.general import GlobalOptions, Json, said_before
from funland_cli.output import Output

if TYPE_CHECKING:
    from funland_server.config import ServerSettings

EPILOG = """\b
Examples:
  funland engines list
  funland engines install vllm
  funland engines install vllm --for cpu --yes

\b
They are of the machine on which the command runs, and of the home that a server there has.
"""

_BUILT_IN: Final = {
    "LLAMA_CPP": "llama-cpp-python",
    "OPENVINO": "openvino",
    "CTRANSLATE2": "ctranslate2",
}
"""The engines that come with Funland, and whose release they are told by."""

app = typer.Typer(
    help="See and install engines that Funland does not bring.",
    epilog=EPILOG,
    rich_markup_mode=None,
)

Home = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER", help="The server's folder of models and state.  [default: $FUNLAND_HOME]"
    ),
]


@app.callback(invoke_without_command=True)
def engines(context: typer.Context, *, as_json: Json = False) -> None:
    """See and install engines that Funland does not bring; list them when nothing is asked for."""
    before = said_before(context)
    context.obj = GlobalOptions(before.server, as_json or before.as_json)
    if context.invoked_subcommand is None:
        list_engines(context)


@app.command("list")
def list_engines(context: typer.Context, *, home: Home = None, as_json: Json = False) -> None:
    """List the engines of this machine, with their versions."""
    # The server's parts are for whoever needs them.
    from funland.v1.models_pb2 import LoadSettings  # noqa: PLC0415 - as above
    from funland_server.models.loading.engines import engine_version  # noqa: PLC0415 - as above
    from funland_server.vllm.environment import find  # noqa: PLC0415 - as above
    from funland_server.workers.errors import EngineUnavailableError  # noqa: PLC0415 - as above

    output = Output(as_json or said_before(context).as_json)
    settings = _settings(home)
    told: list[tuple[str, str, str]] = []
    for engine, name in _BUILT_IN.items():
        found = engine_version(LoadSettings.Engine.Value(engine))
        told.append((name, found, "" if found else "It is not installed."))
    try:
        vllm = find(settings.home, settings.vllm_environment)
        told.append((vllm.package, vllm.version, ""))
    except EngineUnavailableError as error:
        told.append(("vllm", "", error.message))
    if output.as_json:
        names = ("engine", "version", "problem")
        output.document({"engines": [dict(zip(names, row, strict=True)) for row in told]})
        return
    output.table(("ENGINE", "VERSION", "PROBLEM"), told)


@app.command()
def install(
    context: typer.Context,
    engine: Annotated[Literal["vllm"], typer.Argument(metavar="ENGINE", help="Which: vllm.")],
    *,
    for_: Annotated[
        Literal["cpu", "nvidia"] | None,
        typer.Option(
            "--for", help="What it computes on.  [default: NVIDIA's GPUs if there are some]"
        ),
    ] = None,
    index: Annotated[
        str,
        typer.Option(
            metavar="URL", help="Where pip looks for packages too, such as PyTorch's for CPUs."
        ),
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask before it begins.")] = False,
    home: Home = None,
    as_json: Json = False,
) -> None:
    """Install an engine into an environment of its own, in the server's home."""
    from funland_server.vllm import installing, packages  # noqa: PLC0415 - as in list_engines

    output = Output(as_json or said_before(context).as_json)
    settings = _settings(home)
    kind = packages.KINDS[for_ or installing.kind_here()]
    output.note(
        f"pip downloads {kind.package} {kind.version}, which computes on {kind.purpose}, PyTorch"
        f" and about 150 packages that they need, and installs them in the home: at least"
        f" {packages.size(kind)} on the disk. They are not Funland's, and under licenses of their"
        " own."
    )
    if not yes:
        if not sys.stdin.isatty():
            raise CommandError(
                "Nothing was installed: nobody is there to be asked.",
                hint="Add --yes.",
                exit_code=ExitCode.USAGE,
            )
        typer.confirm("Go on?", abort=True, err=True)
    try:
        found = installing.install(
            settings.home,
            kind,
            index=index,
            told=output.note,
            run=installing.runner(quiet=output.as_json),
        )
    except installing.NotInstalledError as error:
        raise CommandError(str(error)) from error
    if output.as_json:
        output.document({"engine": engine, "package": found.package, "version": found.version})
        return
    output.line(f"Installed {found.engine}. Deployments can name it from now on.")


def _settings(home: Path | None) -> ServerSettings:
    """Those that a server here would have."""
    from funland_cli.settings import flag, load_settings  # noqa: PLC0415 - as in list_engines

    flags = {} if home is None else {"server.home": flag(home, "--home")}
    return load_settings(flags, None, os.environ).server
