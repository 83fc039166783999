"""What may be said before the subcommand, and after it too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="HOST:PORT",
        # The client has both, but importing it takes as long as all the rest of a help.
        help="The server to call.  [default: $FUNLAND_SERVER or 127.0.0.1:50051]",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON for programs.")]


@dataclass(frozen=True, slots=True)
class GlobalOptions:
    """What was said before the subcommand."""

    server: str | None = None
    as_json: bool = False


def said_before(context: typer.Context) -> GlobalOptions:
    """What was said before the subcommand; the defaults if nothing was."""
    return context.find_object(GlobalOptions) or GlobalOptions()
