"""How long the first token of a long chat's last turn takes: after its other turns, after a restart
of the server, and with nothing computed before. `make bench-turns`.

The conversations are responses that the server keeps, with its own settings. Each one's last turn
is asked three times, with other words but as many tokens.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter

from funland_client import Funland
from tools.bench.installing import install
from tools.bench.prompts import messages
from tools.bench.services import Service, funland
from tools.bench.synthetic_model import SHAPES, make

_CONTEXT = 4096
_MESSAGE_TOKENS = 72
"""Those of a user's message, with what the template puts around it."""
_ANSWER_TOKENS = 24
_WARM_DEMANDED, _RESTARTED_DEMANDED = 0.15, 0.3


@dataclass(slots=True)
class Chat:
    """One conversation."""

    words: list[str]
    """A user's message for each turn, and two more for the last."""
    last_id: str = ""
    """Of the turn before the last."""
    prompt_tokens: int = 0
    warm: float = 0.0
    restarted: float = 0.0
    cold: float = 0.0
    """Seconds until the first token of the last turn."""
    cached: list[int] = field(default_factory=list[int])
    """How many tokens of its prompt were there already, each time."""


def talk(client: Funland, model: str, chat: Chat) -> None:
    """All turns but the last."""
    for message in chat.words[:-3]:
        response = client.responses.create(
            message, model, previous_response_id=chat.last_id, temperature=0,
            max_tokens=_ANSWER_TOKENS, ignore_end=True,
        )  # fmt: skip
        chat.last_id = response.response_id


def ask(client: Funland, model: str, chat: Chat, message: str) -> float:
    """The last turn: how long its first token takes."""
    begin = perf_counter()
    stream = client.responses.stream(
        message, model, previous_response_id=chat.last_id, temperature=0, max_tokens=1,
        ignore_end=True,
    )  # fmt: skip
    with stream:
        next(stream)
        seconds = perf_counter() - begin
        for _ in stream:
            pass
    usage = stream.response.usage
    chat.prompt_tokens = usage.prompt_tokens
    chat.cached.append(usage.cached_prompt_tokens)
    return seconds


def ready(service: Service, model: Path) -> str:
    """The model's id, when it is loaded and has answered something else."""
    model_id = install(service, model, slots=4, context_length=_CONTEXT)
    with Funland(service.grpc, timeout=600) as client:
        client.chat("bababa", model_id, max_tokens=2, ignore_end=True)
    return model_id


def run(home: Path, model: Path, chats: Sequence[Chat], **settings: object) -> None:
    """Holds the conversations and measures them, each time by a server of its own."""
    with funland(home, **settings) as service, Funland(service.grpc, timeout=600) as client:
        model_id = ready(service, model)
        for chat in chats:
            talk(client, model_id, chat)
            chat.warm = ask(client, model_id, chat, chat.words[-3])
    with funland(home, **settings) as service, Funland(service.grpc, timeout=600) as client:
        model_id = ready(service, model)
        for chat in chats:
            chat.restarted = ask(client, model_id, chat, chat.words[-2])
    shutil.rmtree(home / "prefixes", ignore_errors=True)
    with funland(home, **settings) as service, Funland(service.grpc, timeout=600) as client:
        model_id = ready(service, model)
        for chat in chats:
            chat.cold = ask(client, model_id, chat, chat.words[-1])


def table(chats: Sequence[Chat]) -> str:
    """The figures for people."""
    lines = ["prompt  cold, ms  warm, ms  ratio  restarted, ms  ratio  cached"]
    lines += [
        f"{chat.prompt_tokens:>6}{1e3 * chat.cold:>10.0f}{1e3 * chat.warm:>10.0f}"
        f"{chat.warm / chat.cold:>7.3f}{1e3 * chat.restarted:>15.0f}"
        f"{chat.restarted / chat.cold:>7.3f}  {' / '.join(map(str, chat.cached))}"
        for chat in chats
    ]
    for name, demanded, ratios in (
        ("warm", _WARM_DEMANDED, [chat.warm / chat.cold for chat in chats]),
        ("after a restart", _RESTARTED_DEMANDED, [chat.restarted / chat.cold for chat in chats]),
    ):
        met = "met" if median(ratios) <= demanded else "NOT MET"
        lines.append(
            f"{name} / cold: median {median(ratios):.3f}, {min(ratios):.3f} to {max(ratios):.3f}"
            f" (<= {demanded}  {met})"
        )
    return "\n".join(lines)


def main() -> None:
    """Measures, and prints the figures."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.turns", description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path("build/bench"), help="of models")
    parser.add_argument("--shape", choices=sorted(SHAPES), default="0.5b")
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, help="of the engine; on a busy machine 1 tells most")
    arguments = parser.parse_args()
    model = make(arguments.cache, arguments.shape).resolve()
    words = messages(SHAPES[arguments.shape].vocabulary, _MESSAGE_TOKENS, 20)
    chats = [Chat(list(islice(words, arguments.turns + 2))) for _ in range(arguments.repeats)]
    settings = {} if arguments.threads is None else {"SERVER__THREADS": arguments.threads}
    with tempfile.TemporaryDirectory(prefix="funland-turns-") as folder:
        run(Path(folder), model, chats, **settings)
    print(table(chats))


if __name__ == "__main__":
    main()
