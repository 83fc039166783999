"""`funland listen`: writes down what is said."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from funland.v1.speech_pb2 import TranscriptSegment
from funland_cli import options
from funland_cli.documents import document
from funland_cli.failures import CommandError, ExitCode
from funland_cli.output import Output, span
from funland_cli.places import PIPE
from funland_cli.programs import pieces, recording
from funland_cli.tasks import leave
from funland_client import LiveArguments, TranscriptionArguments, TranscriptStream
from funland_client.subtitles import VTT_HEAD, srt_cue, vtt_cue

EPILOG = """\b
Examples:
  funland listen talk.mp3
  funland listen talk.mp3 --format srt > talk.srt
  funland listen gespraech.wav --language de --translate
  funland listen --live
  arecord -t raw -f S16_LE -r 16000 | funland listen --live -
"""

Shape = Literal["text", "srt", "vtt", "json"]
_KEPT_SECONDS: Final = 7 * 24 * 3600
"""For how long the recording of a task is kept."""


def listen(
    context: typer.Context,
    *,
    source: Annotated[
        str, typer.Argument(metavar="FILE", help="The recording; - reads it from a pipe.")
    ] = "",
    live: Annotated[
        bool,
        typer.Option(
            "--live", help="Hear the microphone; with -, samples of 16 bits, 16000 a second."
        ),
    ] = False,
    shape: Annotated[Shape, typer.Option("--format", help="What is written.")] = "text",
    language: Annotated[
        str, typer.Option(metavar="TAG", help="What is spoken.  [default: it is found]")
    ] = "",
    translate: Annotated[bool, typer.Option("--translate", help="Write it in English.")] = False,
    prompt: Annotated[
        str, typer.Option(metavar="TEXT", help="Names and terms that it has, or its style.")
    ] = "",
    words: Annotated[
        bool, typer.Option("--words", help="With --format json: the times of each word.")
    ] = False,
    model: Annotated[
        str, typer.Option("--model", "-m", metavar="MODEL", help="The model that hears.")
    ] = "",
    detach: options.Detach = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Write down what is said in a recording, or now."""
    session = options.session(context, server, as_json)
    if not (source or live):
        raise CommandError("Name a recording, or say --live.", exit_code=ExitCode.USAGE)
    if live and (detach or source not in ("", PIPE)):
        raise CommandError("--live has no recording and no --detach.", exit_code=ExitCode.USAGE)
    if live:
        hearing = LiveArguments(
            language=language, translate=translate, prompt=prompt, word_timestamps=words,
            partials=session.output.draws,
        )  # fmt: skip
        with (
            _samples(source) as samples,
            session.client() as client,
            client.speech.transcribe_live(samples, model, **hearing) as stream,
        ):
            _write(stream, shape, session.output)
        return
    arguments = TranscriptionArguments(
        language=language, translate=translate, prompt=prompt, word_timestamps=words
    )
    given = sys.stdin.buffer if source == PIPE else _path(source)
    with session.client() as client:
        if detach:
            file = client.files.upload(given, retention_seconds=_KEPT_SECONDS)
            task = client.tasks.submit_transcribe(file.file_id, model, **arguments)
            leave(session, task)
            return
        session.output.wait("Sending the recording")
        try:
            stream = client.speech.stream_transcribe(given, model, **arguments)
        finally:
            session.output.waited()
        with stream:
            _write(stream, shape, session.output)


def _path(source: str) -> Path:
    path = Path(source).expanduser()
    if not path.is_file():
        raise CommandError(f"{source} is no file.", exit_code=ExitCode.USAGE)
    return path


@contextmanager
def _samples(source: str) -> Generator[Iterator[bytes]]:
    """What is heard now, until Ctrl-C or the pipe's end: then what is left is written."""
    stopped = threading.Event()

    def until_stopped(parts: Iterator[bytes]) -> Iterator[bytes]:
        for part in parts:
            if stopped.is_set():
                return
            yield part

    before = signal.signal(signal.SIGINT, lambda _signal, _frame: stopped.set())
    try:
        if source == PIPE:
            yield until_stopped(pieces(sys.stdin.buffer))
        else:
            with recording() as parts:
                yield until_stopped(parts)
    finally:
        signal.signal(signal.SIGINT, before)


def _write(stream: TranscriptStream, shape: Shape, output: Output) -> None:
    """Writes each part as soon as it was heard, and shows how far it is."""
    write = _WRITERS[shape]
    if shape == "vtt" and not output.as_json:
        output.piece(VTT_HEAD)
    output.wait("Waiting for the model")
    try:
        for event in stream.events():
            if output.as_json:
                output.event(document(event))
            elif event.HasField("segment"):
                output.waited()
                output.piece(write(len(stream.segments), event.segment))
            elif event.HasField("partial"):
                output.wait(event.partial.text.strip())
            elif event.HasField("progress"):
                output.wait(_far(stream))
    finally:
        output.waited()
    if shape == "json" and not output.as_json and stream.finish is not None:
        segments = [document(segment) for segment in stream.segments]
        output.document({**document(stream.finish), "segments": segments})


def _far(stream: TranscriptStream) -> str:
    heard = stream.progress.seconds if stream.progress is not None else 0
    if stream.start is None or not stream.start.HasField("duration"):
        return f"Heard {span(heard)}"
    whole = stream.start.duration.ToTimedelta().total_seconds()
    return f"Heard {span(heard)} of {span(whole)}"


_WRITERS: Final[dict[Shape, Callable[[int, TranscriptSegment], str]]] = {
    "text": lambda _number, segment: f"{segment.text.strip()}\n",
    "srt": srt_cue,
    "vtt": lambda _number, segment: vtt_cue(segment),
    "json": lambda _number, _segment: "",
}
