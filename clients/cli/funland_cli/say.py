"""`funland say`: speaks a text."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import typer

from funland_cli import options
from funland_cli.documents import document
from funland_cli.failures import CommandError, ExitCode
from funland_cli.output import Output, size, span
from funland_cli.places import PIPE, check_place, format_of, free_place, written
from funland_cli.programs import player, playing
from funland_cli.tasks import leave
from funland_client import SoundStream
from funland_client.arguments import SoundFormat, SpeechArguments

EPILOG = """\b
Examples:
  funland say "The kettle is on."
  funland say @letter.txt --output letter.mp3 --speed 1.1
  funland say "你好" --voice zh-CN --output hello.opus
  echo "Good morning." | funland say - | aplay

\b
Without --output a terminal hears it, if a player is installed, or finds it in a file; a pipe
gets it as WAV.
"""

ENDINGS: Final[dict[str, SoundFormat]] = {
    ".wav": "wav", ".mp3": "mp3", ".flac": "flac", ".opus": "opus", ".ogg": "opus", ".aac": "aac",
    ".pcm": "pcm", ".raw": "pcm",
}  # fmt: skip
_FILE: Final = "@"


def say(
    context: typer.Context,
    *,
    text: Annotated[
        str,
        typer.Argument(
            metavar="TEXT", help="What to say; - reads it from a pipe, @FILE from a file."
        ),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write it there; its name says the format."
        ),
    ] = "",
    sound_format: Annotated[
        SoundFormat | None,
        typer.Option("--format", help="How it is written.  [default: as the name says, or wav]"),
    ] = None,
    voice: Annotated[
        str,
        typer.Option(
            "--voice", "-v", metavar="VOICE", help="A voice's id, its name, or a language."
        ),
    ] = "",
    model: Annotated[
        str, typer.Option("--model", "-m", metavar="MODEL", help="The model that speaks.")
    ] = "",
    speed: Annotated[
        float | None, typer.Option(metavar="X", help="How fast, from 0.25 to 4.")
    ] = None,
    pitch: Annotated[
        float | None, typer.Option(metavar="X", help="How high, from 0.5 to 2.")
    ] = None,
    rate: Annotated[
        int | None, typer.Option(metavar="HZ", help="The sample rate.  [default: the voice's]")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="What chance begins with.")] = None,
    ssml: Annotated[bool, typer.Option("--ssml", help="The text is SSML.")] = False,
    play: Annotated[
        bool | None,
        typer.Option(
            "--play/--no-play", help="Play it.  [default: at a terminal, without --output]"
        ),
    ] = None,
    detach: options.Detach = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Speak a text: aloud, into a file or into a pipe."""
    session = options.session(context, server, as_json)
    arguments = SpeechArguments(model=model, ssml=ssml)
    if speed is not None:
        arguments["speed"] = speed
    if pitch is not None:
        arguments["pitch"] = pitch
    if rate is not None:
        arguments["sample_rate"] = rate
    if seed is not None:
        arguments["seed"] = seed
    in_file = output not in ("", PIPE)
    wanted = sound_format or (format_of(output, ENDINGS) if in_file else "wav")
    arguments["format"] = wanted
    if in_file:
        check_place(Path(output))
    told = _text(text)
    if detach:
        with session.client() as client:
            task = client.tasks.submit_speak(told, voice, **arguments)
        leave(session, task)
        return
    at_terminal = sys.stdout.isatty()
    if session.output.as_json and (output == PIPE or not (output or at_terminal)):
        raise CommandError("--json needs --output FILE.", exit_code=ExitCode.USAGE)
    if play and output:
        raise CommandError("--play writes no file.", exit_code=ExitCode.USAGE)
    aloud = player() if play or (play is None and not output and at_terminal) else None
    if play and aloud is None:
        raise CommandError("No program that plays sound is installed.", hint="--output FILE")
    if aloud is not None:
        arguments["format"] = "wav"
    to_pipe = output == PIPE or (not output and not at_terminal)
    with (
        session.client() as client,
        client.speech.stream_speak(told, voice, **arguments) as stream,
    ):
        if aloud is not None:
            with playing(aloud) as pipe:
                _follow(stream, session.output, pipe.write)
            return
        if to_pipe:
            _follow(stream, session.output, sys.stdout.buffer.write)
            sys.stdout.buffer.flush()
            return
        place = Path(output) if output else free_place("speech", f".{wanted}")
        with written(place) as file:
            _follow(stream, session.output, file.write)
    _tell(stream, place, session.output)


def _text(text: str) -> str:
    if text == PIPE:
        return sys.stdin.read()
    if not text.startswith(_FILE):
        return text
    try:
        return Path(text.removeprefix(_FILE)).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise CommandError(
            f"{text.removeprefix(_FILE)} can't be read: {why}", exit_code=ExitCode.USAGE
        ) from error


def _follow(stream: SoundStream, output: Output, write: Callable[[bytes], object]) -> None:
    """Writes the sound as it comes, and shows how far it is."""
    output.wait("Waiting for the voice")
    try:
        for event in stream.events():
            if event.HasField("audio"):
                write(event.audio)
            elif event.HasField("progress") and stream.start is not None:
                done = event.progress.characters * 100 // max(stream.start.characters, 1)
                output.wait(f"Speaking, {min(done, 100)}%")
    finally:
        output.waited()


def _tell(stream: SoundStream, place: Path, output: Output) -> None:
    start, finish = stream.start, stream.finish
    if start is None or finish is None:
        return
    if output.as_json:
        told = {**document(start), **document(finish)}
        output.event({"path": str(place), **told})
        return
    seconds = finish.duration.ToTimedelta().total_seconds()
    output.line(f"{place}: {span(seconds)} by {start.voice}, {size(place.stat().st_size)}")
