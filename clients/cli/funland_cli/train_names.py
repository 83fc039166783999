"""Finds the training run that somebody means."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import typer

from funland_cli.naming import begun
from funland_client import Funland
from funland_client.errors import TrainingRunNotFoundError

_NAME = "Its id, the beginning of it, or its number."
RunId = Annotated[str, typer.Argument(metavar="RUN", help=_NAME)]
RunIds = Annotated[
    list[str], typer.Argument(metavar="RUN...", help="Ids, beginnings of them, or numbers.")
]


def run_id(client: Funland, text: str) -> str:
    """The id that is meant; what names none is given back, for the server to say so."""
    with suppress(TrainingRunNotFoundError):
        return client.training.get(text).run_id
    runs = client.training.list()
    numbered = (run.run_id for run in runs if str(run.number) == text)
    return next(numbered, None) or begun(text, [run.run_id for run in runs]) or text
