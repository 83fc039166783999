"""`funland voices`: who can speak."""

from __future__ import annotations

from typing import Annotated

import typer

from funland_cli import options
from funland_cli.documents import document

EPILOG = """\b
Examples:
  funland voices
  funland voices --language zh
"""


def voices(
    context: typer.Context,
    *,
    language: Annotated[
        str, typer.Option(metavar="TAG", help="Only those that speak it, such as en or zh-CN.")
    ] = "",
    model: Annotated[
        str, typer.Option("--model", "-m", metavar="MODEL", help="Only those of this model.")
    ] = "",
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """List the voices that speak texts."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.speech.voices(language, model)
    if session.output.as_json:
        session.output.document({"voices": [document(voice) for voice in found]})
        return
    session.output.table(
        ("VOICE", "NAME", "LANGUAGE", "GENDER", ">RATE", "LICENSE", "FROM"),
        (
            (
                voice.voice_id + (" (default)" if voice.default else ""),
                voice.display_name,
                voice.language,
                voice.gender,
                f"{voice.sample_rate / 1000:g} kHz",
                voice.license,
                voice.origin,
            )
            for voice in found
        ),
    )
    if not found:
        session.output.note("There is none. `funland pull` gets one from a hub.")
