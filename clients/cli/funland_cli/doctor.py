"""`funland doctor`: what keeps Funland from working here, and what to do."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from funland_cli import options
from funland_cli.failures import ExitCode

if TYPE_CHECKING:
    from funland_cli.judging import Finding
    from funland_cli.options import Session
    from funland_cli.settings import Settings

EPILOG = """\b
Examples:
  funland doctor
  funland doctor --json
  funland doctor --server 10.0.0.7:50051

\b
It looks at this machine and calls the server, and changes nothing. It ends with 1 if something
is wrong.
"""

_STYLES: Final = {"ok": "green", "note": "yellow", "wrong": "red"}


def doctor(
    context: typer.Context,
    *,
    server: options.Server = None,
    home: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="The folder of models and state.  [default: $FUNLAND_HOME]"
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Find what keeps Funland from working here, and say what to do."""
    session = options.session(context, server, as_json)
    from funland_cli.judging import are_well  # noqa: PLC0415 - no other command needs it

    session.output.wait("looking")
    try:
        found = list(_findings(session, home))
    finally:
        session.output.waited()
    if session.output.as_json:
        session.output.document(
            {"well": are_well(found), "findings": [asdict(finding) for finding in found]}
        )
    else:
        _show(session, found)
    raise typer.Exit(ExitCode.OK if are_well(found) else ExitCode.FAILED)


def _show(session: Session, found: list[Finding]) -> None:
    width = max(len(finding.name) for finding in found)
    for finding in found:
        session.output.line(
            f"{finding.state:5}  {finding.name:{width}}  {finding.message}",
            "" if finding.state == "ok" else _STYLES[finding.state],
        )
        if finding.advice:
            session.output.line(f"{'':5}  {'':{width}}  → {finding.advice}")


def _findings(session: Session, home: Path | None) -> Iterator[Finding]:
    """All that is looked at, in the order in which it is told."""
    from funland_cli import examining, judging  # noqa: PLC0415 - as above

    yield from judging.engines(examining.engines())
    yield judging.extras(*examining.extras())
    settings, told = _settings(home)
    yield told
    if settings is not None:
        folder = examining.home(settings.server.home)
        yield from judging.home(folder)
        yield judging.memory(examining.memory())
        places = (
            ("port of gRPC", settings.server.host, settings.server.port),
            ("port of HTTP", settings.gateway.host, settings.gateway.port),
        )
        yield from judging.ports([examining.port(*place) for place in places], folder.server)
        for file in {settings.server.tls_certificate, settings.gateway.tls_certificate}:
            if file is not None:
                yield judging.certificate(file, examining.days_left(file))
    yield judging.proxies(examining.proxies(os.environ))
    with session.client() as client:
        seen = examining.server(session.address, client)
    yield from judging.server(seen, version("funland"))


def _settings(home: Path | None) -> tuple[Settings | None, Finding]:
    """Those with which a server would start here, and whether it would."""
    from funland_cli import judging  # noqa: PLC0415 - as above
    from funland_cli.settings import (  # noqa: PLC0415 - as above
        SettingsError,
        check_accounts,
        flag,
        load_settings,
    )

    flags = {} if home is None else {"server.home": flag(home, "--home")}
    try:
        settings = load_settings(flags, None, os.environ)
        check_accounts(settings)
    except SettingsError as error:
        return None, judging.settings(error.message, error.hint, None)
    file = settings.joined.sources.file
    return settings, judging.settings("", "", file if file.is_file() else None)
