"""Options that several commands share."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, cast

import typer
from google.protobuf.message import Message

from funland.v1.inference_pb2 import MessagePart
from funland_cli import general
from funland_cli.documents import document
from funland_cli.failures import CommandError, ExitCode
from funland_cli.general import said_before
from funland_cli.output import Output
from funland_client import ChatArguments, Funland, Grammar, Regex, audio, image
from funland_client.arguments import Hub, ModelFormat
from funland_client.channel import default_address

Server: TypeAlias = general.Server
Json: TypeAlias = general.Json
GlobalOptions = general.GlobalOptions

Model = Annotated[
    str,
    typer.Option(
        "--model", "-m", metavar="MODEL", help="The model's id or alias.  [default: the server's]"
    ),
]
ModelId = Annotated[str, typer.Argument(metavar="MODEL", help="The model's id or alias.")]
Temperature = Annotated[
    float | None,
    typer.Option(metavar="0-2", help="How freely to choose words; 0 always says the same."),
]
MaxTokens = Annotated[
    int | None, typer.Option(metavar="TOKENS", help="How long the answer may become.")
]
TopP = Annotated[
    float | None,
    typer.Option(metavar="0-1", help="Choose among the likeliest words of this share."),
]
TopK = Annotated[
    int | None, typer.Option(metavar="N", help="Choose among the N likeliest words; 0: all.")
]
MinP = Annotated[
    float | None,
    typer.Option(metavar="0-1", help="Leave out words less likely than this share of the best."),
]
Seed = Annotated[int | None, typer.Option(metavar="N", help="The same seed gives the same answer.")]
Stop = Annotated[
    list[str] | None,
    typer.Option(metavar="TEXT", help="End before this text; may be given again."),
]
N = Annotated[
    int | None, typer.Option("--n", metavar="N", help="How many answers to give.  [default: 1]")
]
Logprobs = Annotated[
    int | None,
    typer.Option(metavar="N", help="Show how likely each token was, and the N likeliest; 0: none."),
]
Priority = Annotated[
    Literal["low", "normal", "high"] | None,
    typer.Option(help="Which calls go first when more wait than are answered."),
]
Adapter = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ID[=SCALE]", help="Answer with this adapter of the model; may be given again."
    ),
]
Images = Annotated[
    list[str] | None,
    typer.Option(
        "--image",
        metavar="FILE",
        help="A picture to show, or its web address; may be given again.",
    ),
]
Sounds = Annotated[
    list[str] | None,
    typer.Option(
        "--audio",
        metavar="FILE",
        help="A sound to play, or its web address; may be given again.",
    ),
]
McpServers = Annotated[
    list[str] | None,
    typer.Option(
        "--mcp",
        metavar="NAME",
        help="Let the model use the tools of this MCP server; may be given again.",
    ),
]
JsonSchema = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Answer in JSON that this JSON Schema describes."),
]
GrammarFile = Annotated[
    Path | None,
    typer.Option("--grammar", metavar="FILE", help="Answer as this GBNF grammar has it."),
]
RegexText = Annotated[
    str | None,
    typer.Option("--regex", metavar="PATTERN", help="Answer what matches this expression."),
]


Detach = Annotated[
    bool,
    typer.Option("--detach", "-d", help="Submit it as a task, write the task's id and leave."),
]
HubName = Annotated[
    Hub | None,
    typer.Option(help="The hub.  [default: all, in the order of the settings]"),
]
WeightFormat = Annotated[
    ModelFormat | None,
    typer.Option("--format", help="Only weights of this format."),
]
Turn = Annotated[
    Literal["low", "normal", "high"] | None,
    typer.Option("--priority", help="Which downloads go first."),
]
Connections = Annotated[
    int | None,
    typer.Option("--connections", metavar="N", help="The most connections at once, up to 16."),
]


@dataclass(frozen=True, slots=True)
class Session:
    """Where a command's calls go and how it speaks."""

    address: str
    output: Output

    def client(self, retries: int = 0, *, key: str | None = None) -> Funland:
        """Opens a client of the server. Who sits before it sees what is wrong at once.

        `key` is as `Funland` has it: None sends what the environment or a login has.
        """
        try:
            return Funland(self.address, retries=retries, key=key)
        except ValueError as error:  # The certificates that are to be believed.
            raise CommandError(str(error), exit_code=ExitCode.USAGE) from error

    def tell(self, message: Message, text: str) -> None:
        """Writes what became of something: a line, or the message as JSON."""
        if self.output.as_json:
            self.output.event(document(message))
        else:
            self.output.line(text)

    @property
    def flags(self) -> Sequence[str]:
        """What another command has to be told to call the same server."""
        return () if self.address == default_address() else ("--server", self.address)


def session(context: typer.Context, server: str | None, as_json: bool) -> Session:
    """Joins a command's own options with those before it; the command's own win."""
    before = said_before(context)
    address = server or before.server or default_address()
    return Session(address, Output(as_json or before.as_json))


def arguments(adapter: Sequence[str] | None = None, **values: Any) -> ChatArguments:
    """The keyword arguments of a call, of the options that were given."""
    given = {name: value for name, value in values.items() if value not in (None, [])}
    if adapter:
        given["adapters"] = dict(_scaled(text) for text in adapter)
    return cast("ChatArguments", given)


def shown(images: Sequence[str] | None, sounds: Sequence[str] | None) -> list[MessagePart]:
    """What `--image` and `--audio` name.

    Raises:
        CommandError: A file can't be read.
    """
    try:
        return [*map(image, images or ()), *map(audio, sounds or ())]
    except OSError as error:
        raise CommandError(
            f"{error.filename} can't be read: {error.strerror}.", exit_code=ExitCode.USAGE
        ) from error


def text_format(
    json_schema: Path | None, grammar: Path | None, regex: str | None
) -> Mapping[str, Any] | Grammar | Regex | None:
    """What the answer must be; None: any text. More than one, or a bad file, is wrong usage."""
    if sum(given is not None for given in (json_schema, grammar, regex)) > 1:
        raise CommandError(
            "Only one of --json-schema, --grammar and --regex can be.", exit_code=ExitCode.USAGE
        )
    if regex is not None:
        return Regex(regex)
    if grammar is not None:
        return Grammar(_read(grammar))
    return None if json_schema is None else _schema(json_schema)


def _schema(path: Path) -> Mapping[str, Any]:
    try:
        schema = json.loads(_read(path))
    except ValueError as error:
        raise CommandError(f"{path} is not JSON: {error}", exit_code=ExitCode.USAGE) from error
    if not isinstance(schema, dict):
        raise CommandError(f"{path} is not a JSON Schema.", exit_code=ExitCode.USAGE)
    return cast("Mapping[str, Any]", schema)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(
            f"{path} can't be read: {error.strerror}", exit_code=ExitCode.USAGE
        ) from error


def _scaled(text: str) -> tuple[str, float]:
    name, equals, scale = text.partition("=")
    try:
        return name, float(scale) if equals else 1.0
    except ValueError as error:
        raise CommandError(
            f"--adapter {text}: {scale!r} is not a number.", exit_code=ExitCode.USAGE
        ) from error
