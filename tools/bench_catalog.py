"""How long the local catalog of hubs' models takes to search: `make bench-catalog`."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from funland.v1.hub_pb2 import HubModel, SearchHubModelsRequest
from funland.v1.models_pb2 import Model, Origin
from funland_server.hub.catalog.store import Asked, Catalog
from funland_server.storage.database import Database

_FAMILIES = (
    "qwen", "llama", "mistral", "gemma", "phi", "deepseek", "yi", "falcon", "通义千问", "对话模型",
)  # fmt: skip
_PURPOSES = ("instruct", "chat", "coder", "math", "vision", "base", "reasoning", "roleplay")
_KINDS = ("text-generation", "feature-extraction", "image-text-to-text", "translation", "")
_SYLLABLES = ("ba", "de", "ki", "lo", "mu", "na", "po", "re", "si", "tu", "va", "wo")
_PROSE = ["".join(word) for word in itertools.product(_SYLLABLES, repeat=3)]
"""1,728 words for descriptions, of which each entry has 40."""
_SEARCHES = {
    "one word that most have": Asked("gguf"),
    "one word": Asked("qwen"),
    "a beginning": Asked("deeps"),
    "name and size": Asked("llama 7b instruct"),
    "Chinese": Asked("千问"),
    "no words, by downloads": Asked(),
    "words and filters": Asked(
        "chat", format=Model.GGUF, model_type="text-generation", hubs=(Origin.HUGGINGFACE,)
    ),
    "by likes": Asked("coder", sort=SearchHubModelsRequest.LIKES),
    "nothing found": Asked("nothingofthekind"),
}
_PAGE = 20


def entries(count: int) -> list[HubModel]:
    """Models as hubs tell of them; the same each time."""
    chance = random.Random(7)  # noqa: S311 - no secret
    made: list[HubModel] = []
    for number in range(count):
        family, purpose = chance.choice(_FAMILIES), chance.choice(_PURPOSES)
        size = chance.choice(("0.5b", "3b", "7b", "14b", "70b"))
        made.append(
            HubModel(
                hub=Origin.HUGGINGFACE if number % 2 else Origin.MODELSCOPE,
                model_id=f"owner{number % 500}/{family}-{size}-{purpose}-{number}",
                owner=f"owner{number % 500}",
                display_name=f"{family} {size} {purpose}",
                description=" ".join(chance.choices(_PROSE, k=40)),
                model_type=chance.choice(_KINDS),
                tags=[family, *chance.sample(_PROSE, 8), *(["gguf"] if number % 4 else [])],
                formats=[Model.GGUF if number % 4 else Model.SAFETENSORS],
                downloads=chance.randrange(10**7),
                likes=chance.randrange(10**4),
            )
        )
    return made


async def measured(database: Database, count: int, rounds: int) -> dict[str, object]:
    """The medians in milliseconds, each search's and of all."""
    catalog = Catalog(database)
    models = entries(count)
    started = time.perf_counter()
    for begin in range(0, count, 500):
        await catalog.remember(models[begin : begin + 500])
    filled = time.perf_counter() - started
    taken: dict[str, list[float]] = {name: [] for name in _SEARCHES}
    found: dict[str, int] = {}
    for _ in range(rounds):
        for name, asked in _SEARCHES.items():
            begin = time.perf_counter()
            _, found[name] = await catalog.search(asked, 0, _PAGE)
            taken[name].append((time.perf_counter() - begin) * 1000)
    every = [one for times in taken.values() for one in times]
    return {
        "entries": count,
        "fill_seconds": round(filled, 2),
        "median_ms": round(statistics.median(every), 2),
        "slowest_ms": round(max(every), 2),
        "searches": {
            name: {"found": found[name], "median_ms": round(statistics.median(times), 2)}
            for name, times in taken.items()
        },
    }


async def main() -> None:
    """Fills a catalog and searches it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--database-url", help="a PostgreSQL database; else SQLite in a new file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        database = Database(arguments.database_url or Path(folder) / "catalog.sqlite3")
        await database.open()
        try:
            sys.stdout.write(
                json.dumps(await measured(database, arguments.entries, arguments.rounds), indent=2)
                + "\n"
            )
        finally:
            await database.close()


if __name__ == "__main__":
    asyncio.run(main())
