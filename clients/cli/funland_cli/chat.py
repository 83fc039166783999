"""`funland chat`: answers one message, or holds a conversation."""

from __future__ import annotations

import sys
from typing import Annotated, Any, Final, cast

import typer

from funland.v1.sessions_pb2 import Session
from funland_cli import options
from funland_cli.conversations import Conversation, with_shown
from funland_cli.failures import CommandError, ExitCode
from funland_cli.kept_conversations import KeptConversation
from funland_cli.session_names import found
from funland_cli.tasks import leave
from funland_client import ChatArguments, ChatMessage, Funland, MessageArguments, SessionArguments

EPILOG = """\b
Examples:
  funland chat
  funland chat "Tell me a story." --max-tokens 200
  funland chat --system "Answer in one sentence." < question.txt
  funland chat "Who was Ada Lovelace?" --json-schema person.json
  funland chat "What is on it?" --image photo.jpg --model gemma3
  funland chat --session new
  funland chat "What is in my notes?" --mcp files
  funland chat "Tell me a long story." --detach

\b
In a conversation, Ctrl-C stops an answer, Ctrl-D leaves, /help lists the commands.
"""

_NEW: Final = "new"

_NOT_KEPT: Final = {"n": "--n", "top_logprobs": "--logprobs", "adapters": "--adapter"}
"""What a session has no place for, and its flags."""

_OF_ONE_CALL: Final = {"priority", "progress"}
"""What a session does not keep."""


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
    session_id: Annotated[
        str,
        typer.Option(
            "--session",
            metavar="SESSION",
            help="Go on with a kept conversation: its id, `last`, or `new` to begin one.",
        ),
    ] = "",
    image: options.Images = None,
    audio: options.Sounds = None,
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
    mcp: options.McpServers = None,
    detach: options.Detach = False,
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
        mcp_servers=mcp,
        progress=None if session.output.as_json or detach else True,
    )
    wanted = options.text_format(json_schema, grammar, regex)
    shows = options.shown(image, audio)
    if detach:
        said = with_shown(_alone(message, session_id), shows)
        conversation = ([ChatMessage(role="system", content=system)] if system else []) + [
            ChatMessage(role="user", content=said)
        ]
        with session.client() as client:
            task = client.tasks.submit_chat(conversation, model, format=wanted, **arguments)
        leave(session, task)
        return
    with session.client() as client:
        if session_id:
            kept = _session(client, session_id, model=model, system=system, arguments=arguments)
            is_new = session_id == _NEW
            given = _of_one_message(arguments, new=is_new)
            conversation = KeptConversation(
                client,
                session,
                kept,
                is_new=is_new,
                wanted=wanted,
                arguments=given,
                shows=shows,
            )
        else:
            conversation = Conversation(
                client,
                session.output,
                model=model,
                system=system,
                wanted=wanted,
                arguments=arguments,
                shows=shows,
            )
        if message is None and sys.stdin.isatty():
            conversation.hold()
        else:
            conversation.answer_once(sys.stdin.read() if message is None else message)


def _alone(message: str | None, session_id: str) -> str:
    """What is said to be answered while nobody waits."""
    if session_id:
        raise CommandError("--detach has no --session.", exit_code=ExitCode.USAGE)
    if message is None and sys.stdin.isatty():
        raise CommandError("--detach needs a message.", exit_code=ExitCode.USAGE)
    return sys.stdin.read() if message is None else message


def _session(
    client: Funland, session_id: str, *, model: str, system: str, arguments: ChatArguments
) -> Session:
    """The session that goes on, or one that is begun and answered as the flags say."""
    for name, flag in _NOT_KEPT.items():
        if name in arguments:
            raise CommandError(f"A session has no {flag}.", exit_code=ExitCode.USAGE)
    if session_id == _NEW:
        how = {name: v for name, v in arguments.items() if name not in _OF_ONE_CALL}
        given: dict[str, Any] = {"system_message": system, **how}
        return client.sessions.create(model, **cast("SessionArguments", given))
    if model or system or "mcp_servers" in arguments:
        raise CommandError(
            "A session has its model, its instructions and its MCP servers already.",
            hint="Leave out --model, --system and --mcp, or begin another: --session new",
            exit_code=ExitCode.USAGE,
        )
    return found(client, session_id)


def _of_one_message(arguments: ChatArguments, *, new: bool) -> MessageArguments:
    """The flags that are said again with each message: in a new session it has the others."""
    given: dict[str, Any] = {
        name: value
        for name, value in arguments.items()
        if name != "progress" and (name in _OF_ONE_CALL or not new)
    }
    return cast("MessageArguments", given)
