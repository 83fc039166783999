"""The subcommands, by name: none is imported before it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

import typer
from typer.main import get_group


@dataclass(frozen=True, slots=True)
class Subcommand:
    """Where a subcommand is, and what the list of all says of it."""

    module: str
    attribute: str
    """A function, or the `Typer` of a group."""
    summary: str
    """The first line of its own help."""
    epilog: str = "EPILOG"
    """The module's name for what its help ends with; a group has that itself."""


SUBCOMMANDS: Final[Mapping[str, Subcommand]] = {
    "serve": Subcommand("serve", "serve", "Start the service: gRPC, REST and OpenAI's API."),
    "gateway": Subcommand(
        "gateway",
        "gateway",
        "Start the gateway alone: REST and OpenAI's API for a server elsewhere.",
    ),
    "certificate": Subcommand(
        "certificate", "certificate", "Make a certificate and its key for a trial of TLS."
    ),
    "chat": Subcommand("chat", "chat", "Chat with a model: one message, or a conversation."),
    "sessions": Subcommand("sessions", "app", "See, search, name and export kept conversations."),
    "generate": Subcommand(
        "generate", "generate", "Continue a text as it is, or fill in what is between two."
    ),
    "voices": Subcommand("voices", "voices", "List the voices that speak texts."),
    "say": Subcommand("say", "say", "Speak a text: aloud, into a file or into a pipe."),
    "listen": Subcommand("listen", "listen", "Write down what is said in a recording, or now."),
    "paint": Subcommand("paint", "paint", "Paint pictures of what a prompt says."),
    "bench": Subcommand(
        "bench", "bench", "Measure how fast a model answers a growing number of calls at once."
    ),
    "embed": Subcommand(
        "encode", "embed", "Turn texts into vectors, one line of JSON for each.", "EMBED_EPILOG"
    ),
    "rerank": Subcommand(
        "encode",
        "rerank",
        "Order documents by how well they answer a query, the best first.",
        "RERANK_EPILOG",
    ),
    "tokenize": Subcommand("encode", "tokenize", "Turn a text into the model's tokens.", ""),
    "models": Subcommand("models", "app", "See, import, load and delete models."),
    "pull": Subcommand("pull", "pull", "Download a model from a hub and install it."),
    "search": Subcommand("search", "search", "Search the hubs for models."),
    "downloads": Subcommand("downloads", "app", "See, pause and resume downloads."),
    "favorites": Subcommand("favorites", "app", "Keep models of the hubs in mind."),
    "hubs": Subcommand("hubs", "app", "See and sync the hubs."),
    "deploy": Subcommand(
        "deploy", "deploy", "Keep a model in memory under a name, and wait until it runs."
    ),
    "deployments": Subcommand("deployments", "app", "See, stop and restart deployments."),
    "logs": Subcommand(
        "deployments",
        "logs",
        "Show what a deployment's processes wrote, and what became of them.",
        "LOGS_EPILOG",
    ),
    "tasks": Subcommand("tasks", "app", "See, watch and cancel work that nobody waits for."),
    "batch": Subcommand("batch", "app", "Have many requests of a file answered in the background."),
    "files": Subcommand("files", "app", "See, send and fetch files that the server keeps."),
    "datasets": Subcommand("datasets", "app", "See, make and count datasets to train with."),
    "train": Subcommand(
        "train",
        "app",
        "Have models learn from datasets; see, compare and export what they learn.",
    ),
    "plugins": Subcommand("plugins", "app", "See, run and install plugins."),
    "login": Subcommand(
        "login", "login", "Log in to a server with accounts; later commands call it so."
    ),
    "logout": Subcommand(
        "login",
        "logout",
        "End the login at a server, and forget it; a key that is kept is only forgotten.",
        "",
    ),
    "whoami": Subcommand("login", "whoami", "Show who calls, and what they may do.", ""),
    "users": Subcommand("users", "app", "See, add and change users; change one's password."),
    "keys": Subcommand("keys", "app", "See, make and revoke the access keys of programs."),
    "projects": Subcommand("projects", "app", "See and make projects, and say who works on them."),
    "audit": Subcommand(
        "audit",
        "audit",
        "Show what was done, the newest first: logins, refusals, and calls that change things.",
    ),
    "nodes": Subcommand("nodes", "nodes", "List the machines that hold models, or show one."),
    "mcp-servers": Subcommand(
        "mcp_servers",
        "mcp_servers",
        "List the MCP servers that chats may use, or the tools of one.",
    ),
    "config": Subcommand("config", "app", "Show and change settings."),
    "devices": Subcommand("devices", "app", "See, measure and choose what models are computed on."),
    "engines": Subcommand("engines", "app", "See and install engines that Funland does not bring."),
    "ps": Subcommand(
        "status", "ps", "List the models that are in memory, and those on their way there.", ""
    ),
    "status": Subcommand("status", "status", "Show what the server is and what it does now.", ""),
    "mcp": Subcommand(
        "mcp", "mcp", "Bring the service's tools to a host that starts MCP servers as commands."
    ),
    "doctor": Subcommand(
        "doctor", "doctor", "Find what keeps Funland from working here, and say what to do."
    ),
    "man": Subcommand(
        "man",
        "man",
        "Show the manual of all commands: at a terminal to read, else as a page for man.",
    ),
}
"""In the order of the help."""


class Subcommands(Mapping[str, Any]):
    """The commands themselves. One is imported when it is looked up, and knows its name."""

    def __getitem__(self, name: str) -> Any:
        """Imports it. Raises KeyError if there is none of that name."""
        return _made(name, SUBCOMMANDS[name])

    def __iter__(self) -> Iterator[str]:
        """The names, in the order of the help."""
        return iter(SUBCOMMANDS)

    def __len__(self) -> int:
        """How many there are."""
        return len(SUBCOMMANDS)


def _made(name: str, subcommand: Subcommand) -> Any:
    module = import_module(f"funland_cli.{subcommand.module}")
    found = getattr(module, subcommand.attribute)
    holder = typer.Typer(add_completion=False, rich_markup_mode=None)
    if isinstance(found, typer.Typer):
        holder.add_typer(found, name=name)
    else:
        epilog = getattr(module, subcommand.epilog) if subcommand.epilog else None
        holder.command(name, epilog=epilog)(found)
    return get_group(holder).commands[name]
