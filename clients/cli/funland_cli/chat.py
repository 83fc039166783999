"""`funland chat`: answers one message, or holds a conversation."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated

import typer

from funland.v1.inference_pb2 import Finish
from funland_cli import options
from funland_cli.answers import write
from funland_cli.failures import CommandError, ExitCode
from funland_cli.output import Output
from funland_cli.told_failures import failure_of
from funland_client import (
    ChatArguments,
    ChatMessage,
    Format,
    Funland,
    FunlandError,
    TextStream,
)

EPILOG = """\b
Examples:
  funland chat
  funland chat "Tell me a story." --max-tokens 200
  funland chat --system "Answer in one sentence." < question.txt
  funland chat "Who was Ada Lovelace?" --json-schema person.json

\b
In a conversation, Ctrl-C stops an answer, Ctrl-D leaves, /help lists the commands.
"""

_HELP = """\
/help    this list
/reset   forget the conversation
/exit    leave, as Ctrl-D does
Ctrl-C   stop the answer"""


def chat(
    context: typer.Context,
    *,
    message: Annotated[
        str | None,
        typer.Argument(
            metavar="MESSAGE", help="What to say; without it, a pipe's text or a conversation."
        ),
    ] = None,
    model: options.Model = "",
    system: Annotated[
        str,
        typer.Option(
            "--system", "-s", metavar="TEXT", help="Instructions for the whole conversation."
        ),
    ] = "",
    temperature: options.Temperature = None,
    max_tokens: options.MaxTokens = None,
    top_p: options.TopP = None,
    top_k: options.TopK = None,
    min_p: options.MinP = None,
    seed: options.Seed = None,
    stop: options.Stop = None,
    json_schema: options.JsonSchema = None,
    grammar: options.GrammarFile = None,
    regex: options.RegexText = None,
    think: Annotated[
        bool | None,
        typer.Option(
            "--think/--no-think",
            help="Whether to think before answering; thoughts are shown at a terminal only.",
        ),
    ] = None,
    n: options.N = None,
    logprobs: options.Logprobs = None,
    adapter: options.Adapter = None,
    priority: options.Priority = None,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """Chat with a model: one message, or a conversation."""
    session = options.session(context, server, as_json)
    arguments = options.arguments(
        temperature=temperature,
        max_tokens=max_tokens,
        top_p=top_p,
        top_k=top_k,
        min_p=min_p,
        seed=seed,
        stop=stop,
        reasoning=think,
        n=n,
        top_logprobs=logprobs,
        adapter=adapter,
        priority=priority,
        progress=None if session.output.as_json else True,
    )
    wanted = options.text_format(json_schema, grammar, regex)
    with session.client() as client:
        conversation = Conversation(
            client,
            session.output,
            model=model,
            system=system,
            wanted=wanted,
            arguments=arguments,
        )
        if message is None and sys.stdin.isatty():
            conversation.hold()
        else:
            conversation.answer_once(sys.stdin.read() if message is None else message)


class Conversation:
    """The turns of a conversation, and how the next one is answered."""

    def __init__(
        self,
        client: Funland,
        output: Output,
        *,
        model: str,
        system: str,
        wanted: Format | None,
        arguments: ChatArguments,
    ) -> None:
        self._client = client
        self._output = output
        self._model = model
        self._format: Format | None = wanted
        self._arguments = arguments
        self._beginning = [ChatMessage(role="system", content=system)] if system else []
        self._turns = list(self._beginning)

    def answer_once(self, message: str) -> None:
        """Answers one message and nothing else on standard output."""
        self._turns.append(ChatMessage(role="user", content=message))
        with self._stream() as stream:
            write(stream, self._output)

    def hold(self) -> None:
        """Answers what is typed until the end is."""
        if self._output.as_json:
            raise CommandError(
                "A conversation has no JSON.",
                hint='Give the message: funland chat --json "Hello"',
                exit_code=ExitCode.USAGE,
            )
        with contextlib.suppress(ImportError):  # Some builds of Python lack it.
            import readline  # noqa: F401, PLC0415  # pyright: ignore[reportUnusedImport] - gives input() its line editing
        self._output.line(
            f"{self._name()} listens. /help lists the commands, Ctrl-D leaves.", "dim"
        )
        on = True
        while on:
            # Around all of it: Ctrl-C may come between any two lines.
            try:
                on = self._take_turn()
            except KeyboardInterrupt:
                self._output.line()
                self._output.line("Ctrl-D leaves.", "dim")

    def _take_turn(self) -> bool:
        """Reads a line and does what it says; False if that is to leave."""
        try:
            line = input("> ")
        except EOFError:
            self._output.line()
            return False
        match line.strip():
            case "":
                pass
            case "/exit":
                return False
            case "/help":
                self._output.line(_HELP, "dim")
            case "/reset":
                self._turns = list(self._beginning)
                self._output.line("The conversation is forgotten.", "dim")
            case command if command.startswith("/"):
                self._output.line(f"No command {command}; /help lists them.", "dim")
            case message:
                self._answer(message)
        return True

    def _answer(self, message: str) -> None:
        """Answers a turn; one that failed is forgotten, one that was stopped is kept as it is."""
        self._turns.append(ChatMessage(role="user", content=message))
        text = ""
        try:
            with self._stream() as stream:
                try:
                    write(stream, self._output)
                finally:
                    text = stream.text
            self._output.line(_pace(stream), "dim")
        except KeyboardInterrupt:
            self._output.line()
            self._output.line("Stopped.", "dim")
        except FunlandError as error:
            self._output.line()
            self._output.failure(failure_of(error))
            self._turns.pop()
            return
        self._turns.append(ChatMessage(role="assistant", content=text))

    def _stream(self) -> TextStream:
        return self._client.stream_chat(
            self._turns, self._model, format=self._format, **self._arguments
        )

    def _name(self) -> str:
        """The model's id. Fails as the first answer would, but before anything is typed."""
        if self._model:
            return self._client.models.get(self._model).model_id
        return next(
            (model.model_id for model in self._client.models.list() if model.default), "The model"
        )


def _pace(stream: TextStream) -> str:
    """Tells how long an answer is and how fast it came; the first token is not decode time."""
    usage, timings = stream.finish.usage, stream.finish.timings
    told = [f"{usage.completion_tokens} tokens"]
    if timings.decode_ms > 0:
        told.append(f"{(usage.completion_tokens - 1) * 1000 / timings.decode_ms:.1f} tokens/s")
    told.append(f"first after {timings.queue_ms + timings.prompt_ms:.0f} ms")
    if stream.finish.reason == Finish.LENGTH:
        told.append("cut off")
    return " · ".join(told)
