"""`funland paint`: paints pictures."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from funland.v1.images_pb2 import Image, ImageDone, ImageEvent, ImageProgress
from funland_cli import inline_pictures, options
from funland_cli.documents import document
from funland_cli.failures import CommandError, ExitCode
from funland_cli.half_blocks import shown
from funland_cli.output import Output, size
from funland_cli.places import (
    PIPE,
    check_place,
    format_of,
    free_place,
    name_from,
    numbered,
    written,
)
from funland_cli.tasks import leave
from funland_client import EventStream, PaintingArguments
from funland_client.arguments import PictureFormat
from funland_client.errors import StreamBrokenError

EPILOG = """\b
Examples:
  funland paint "a red house under a blue sky"
  funland paint "a lighthouse" --output lighthouse.png --size 512x512 --steps 20 --seed 7
  funland paint "a hat" --image me.png --mask head.png
  funland paint "a boat" -n 4 --format webp
"""

ENDINGS: Final[dict[str, PictureFormat]] = {
    ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp",
}  # fmt: skip
_PREVIEWS: Final = 4
_ROWS: Final = 24
_SIZE: Final = re.compile(r"(\d{1,4})x(\d{1,4})", re.ASCII)


def paint(
    context: typer.Context,
    *,
    prompt: Annotated[
        str,
        typer.Argument(metavar="PROMPT", help="What is to be seen; - reads it from a pipe."),
    ],
    output: Annotated[
        str,
        typer.Option("--output", "-o", metavar="FILE", help="Write it there; - is a pipe."),
    ] = "",
    picture_format: Annotated[
        PictureFormat | None,
        typer.Option("--format", help="How it is written.  [default: as the name says, or png]"),
    ] = None,
    model: Annotated[
        str, typer.Option("--model", "-m", metavar="MODEL", help="The model that paints.")
    ] = "",
    size_text: Annotated[
        str,
        typer.Option(
            "--size", metavar="WxH", help="In pixels, such as 512x512.  [default: the model's]"
        ),
    ] = "",
    steps: Annotated[
        int | None, typer.Option(metavar="N", help="In so many steps.  [default: the model's]")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="What chance begins with.")] = None,
    n: Annotated[int, typer.Option("-n", metavar="N", min=1, help="How many pictures.")] = 1,
    negative: Annotated[str, typer.Option(metavar="TEXT", help="What is not to be seen.")] = "",
    guidance: Annotated[
        float | None, typer.Option(metavar="X", help="How closely it keeps to the prompt.")
    ] = None,
    image: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A picture to begin with.")
    ] = None,
    mask: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where it is white, paint anew.")
    ] = None,
    strength: Annotated[
        float | None, typer.Option(metavar="X", help="How much it is changed, from 0 to 1.")
    ] = None,
    adapter: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Paint with this adapter; may be given again."),
    ] = None,
    upscale: Annotated[
        bool, typer.Option("--upscale", help="Enlarge to --size what the model paints smaller.")
    ] = False,
    show: Annotated[bool, typer.Option("--show/--no-show", help="Show it in the terminal.")] = True,
    detach: options.Detach = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Paint pictures of what a prompt says."""
    session = options.session(context, server, as_json)
    to_pipe = output == PIPE or not (output or sys.stdout.isatty() or detach or as_json)
    named = format_of(output, ENDINGS) if output not in ("", PIPE) else "png"
    wanted = PaintingArguments(
        n=n, format=picture_format or named, upscale=upscale, negative_prompt=negative
    )
    if size_text:
        wanted["width"], wanted["height"] = _size(size_text)
    if steps is not None:
        wanted["steps"] = steps
    if seed is not None:
        wanted["seed"] = seed
    if guidance is not None:
        wanted["guidance_scale"] = guidance
    if strength is not None:
        wanted["strength"] = strength
    if adapter:
        wanted["adapters"] = adapter
    told = sys.stdin.read() if prompt == PIPE else prompt
    if detach:
        _submit(session, told, model, (image, mask), wanted)
        return
    ending = f".{wanted.get('format', 'png')}"
    first = Path(output) if output else free_place(name_from(told, "picture"), ending)
    if to_pipe:
        _check_pipe(n, session.output)
    else:
        check_place(first)
    if show and session.output.draws:
        wanted["previews"] = _PREVIEWS
    with (
        session.client() as client,
        client.images.stream_paint(
            told, model, image=_read(image), mask=_read(mask), **wanted
        ) as stream,
    ):
        pictures = _follow(stream, session.output)
    if to_pipe:
        sys.stdout.buffer.write(pictures[0].data)
        sys.stdout.buffer.flush()
        return
    for place, picture in zip(numbered(first, n), pictures, strict=True):
        with written(place) as file:
            file.write(picture.data)
        _tell(picture, place, session.output, show)


def _check_pipe(n: int, output: Output) -> None:
    if n > 1:
        raise CommandError("A pipe takes one picture.", exit_code=ExitCode.USAGE)
    if output.as_json:
        raise CommandError("--json has no pipe.", exit_code=ExitCode.USAGE)


def _submit(
    session: options.Session,
    prompt: str,
    model: str,
    given: tuple[Path | None, Path | None],
    wanted: PaintingArguments,
) -> None:
    with session.client() as client:
        ids = [
            client.files.upload(path, retention_seconds=7 * 24 * 3600).file_id if path else ""
            for path in given
        ]
        task = client.tasks.submit_paint(
            prompt, model, image_file_id=ids[0], mask_file_id=ids[1], **wanted
        )
    leave(session, task)


def _follow(stream: EventStream[ImageEvent], output: Output) -> list[Image]:
    """Shows how far the pictures are; gives them when all are done."""
    if output.as_json or not output.draws:
        return _pictures(stream, output, None)
    with output.picture() as picture:
        return _pictures(stream, output, picture)


def _pictures(stream: EventStream[ImageEvent], output: Output, picture: Live | None) -> list[Image]:
    done: list[ImageDone] = []
    preview: Text | None = None
    count = 1
    finished = False
    for event in stream:
        if output.as_json:
            output.event(document(_without_content(event)))
        if event.HasField("start"):
            count = event.start.n
        elif event.HasField("progress") and picture is not None:
            if event.progress.HasField("preview"):
                preview = _blocks(event.progress.preview.data)
            picture.update(_drawn(event.progress, count, preview), refresh=True)
        elif event.HasField("image"):
            done.append(event.image)
        finished = finished or event.HasField("finish")
    if not finished:
        raise StreamBrokenError("The connection was lost before all pictures were done.")
    return [each.image for each in sorted(done, key=lambda each: each.index)]


def _without_content(event: ImageEvent) -> ImageEvent:
    """The event as programs are told of it: the content goes into the file."""
    told = ImageEvent()
    told.CopyFrom(event)
    if told.HasField("image"):
        told.image.image.ClearField("data")
    if told.HasField("progress"):
        told.progress.ClearField("preview")
    return told


def _drawn(progress: ImageProgress, count: int, preview: Text | None) -> Group:
    which = f"Picture {progress.index + 1} of {count}, s" if count > 1 else "S"
    line = Text(f"{which}tep {progress.step} of {progress.steps}", style="dim")
    bar = ProgressBar(total=progress.steps, completed=progress.step, width=40)
    return Group(*([preview] if preview is not None else []), line, bar)


def _tell(picture: Image, place: Path, output: Output, show: bool) -> None:
    if output.as_json:
        told = Image()
        told.CopyFrom(picture)
        told.ClearField("data")
        output.event({"path": str(place), **document(told)})
        return
    if show and sys.stdout.isatty():
        _show(picture)
    painted = (picture.painted_width, picture.painted_height)
    enlarged = painted != (picture.width, picture.height) and all(painted)
    told_size = f"{picture.width}x{picture.height}"
    if enlarged:
        told_size += f", enlarged from {painted[0]}x{painted[1]}"
    weight = size(len(picture.data))
    output.line(f"{place}: {told_size}, seed {picture.seed}, {weight}")


def _show(picture: Image) -> None:
    how = inline_pictures.protocol(os.environ)
    if how is not None and picture.format == Image.PNG:
        sys.stdout.write(inline_pictures.escaped(picture.data, how))
        sys.stdout.flush()
        return
    from rich.console import Console  # noqa: PLC0415 - of pictures alone

    Console().print(_blocks(picture.data))


def _blocks(data: bytes) -> Text:
    columns, rows = shutil.get_terminal_size()
    try:
        return shown(data, columns, min(rows - 4, _ROWS))
    except OSError:
        return Text()


def _size(text: str) -> tuple[int, int]:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise CommandError(f"--size {text}: must be as 512x512.", exit_code=ExitCode.USAGE)
    return int(match[1]), int(match[2])


def _read(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.expanduser().read_bytes()
    except OSError as error:
        raise CommandError(
            f"{path} can't be read: {error.strerror}", exit_code=ExitCode.USAGE
        ) from error
