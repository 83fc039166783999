"""A file on its way to the server, as the terminal shows it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from funland.v1.uploads_pb2 import Upload
from funland_cli import options
from funland_cli.dataset_views import bar
from funland_cli.failures import CommandError, ExitCode


@contextmanager
def sending(session: options.Session, path: Path) -> Generator[Callable[[Upload], None] | None]:
    """What is to be told how far the file is, if anybody looks; a file that can't be read is a
    mistake of who named it."""
    try:
        if not session.output.draws or session.output.as_json:
            yield None
            return
        with session.output.picture() as picture:

            def drawn(upload: Upload) -> None:
                percent = 100 * upload.offset / max(upload.size_bytes, 1)
                picture.update(bar("Sending", percent), refresh=True)

            yield drawn
    except OSError as error:
        raise CommandError(
            f"{path} can't be read: {error.strerror}", exit_code=ExitCode.USAGE
        ) from error
