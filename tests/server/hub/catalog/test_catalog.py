"""The local catalog keeps and finds the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from funland.v1.hub_pb2 import HubModel, SearchHubModelsRequest
from funland.v1.models_pb2 import Model, Origin
from funland_server.errors import FieldInvalidError
from funland_server.hub.catalog.favorites import Favorites
from funland_server.hub.catalog.store import Asked, Catalog
from funland_server.hub.catalog.syncs import Place, Syncs
from funland_server.hub.catalog.words import phrases_of, words_of
from funland_server.hub.clients.protocol import ListedFile, Listing
from funland_server.storage.database import Database

MS, HF, OLLAMA = Origin.MODELSCOPE, Origin.HUGGINGFACE, Origin.OLLAMA


@dataclass(frozen=True)
class Kept:
    catalog: Catalog
    favorites: Favorites
    syncs: Syncs


@pytest.fixture
async def kept(place: Path | str) -> AsyncIterator[Kept]:
    database = Database(place)
    await database.open()
    yield Kept(Catalog(database), Favorites(database), Syncs(database))
    await database.close()


@pytest.fixture
def catalog(kept: Kept) -> Catalog:
    return kept.catalog


def model(model_id: str, hub: Any = HF, **about: Any) -> HubModel:
    owner, _, name = model_id.rpartition("/")
    return HubModel(hub=hub, model_id=model_id, owner=owner, display_name=name, **about)


async def found(catalog: Catalog, text: str = "", **asked: Any) -> list[str]:
    entries, total = await catalog.search(Asked(text, **asked), 0, 100)
    assert total == len(entries)
    return [entry.model.model_id for entry in entries]


SHELF = [
    model("Qwen/Qwen2.5-0.5B-Instruct-GGUF", downloads=900, likes=2, tags=["gguf", "chat"],
          formats=[Model.GGUF], model_type="text-generation"),
    model("Qwen/Qwen2.5-14B", downloads=500, likes=9, formats=[Model.SAFETENSORS],
          model_type="text-generation"),
    model("bge/Text-Embedder", downloads=700, description="Made of Qwen2.5 by café people",
          model_type="feature-extraction"),
    model("\u901a\u4e49/Chat", MS, downloads=5, model_type="text-generation",
          description="\u901a\u4e49\u5343\u95ee\u5bf9\u8bdd\u6a21\u578b"),
    model("lone/unknown"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("qwen", ["Qwen/Qwen2.5-0.5B-Instruct-GGUF", "Qwen/Qwen2.5-14B", "bge/Text-Embedder"]),
        ("QWEN2.5", ["Qwen/Qwen2.5-0.5B-Instruct-GGUF", "Qwen/Qwen2.5-14B", "bge/Text-Embedder"]),
        ("qwe", ["Qwen/Qwen2.5-0.5B-Instruct-GGUF", "Qwen/Qwen2.5-14B", "bge/Text-Embedder"]),
        ("qwen 0.5b", ["Qwen/Qwen2.5-0.5B-Instruct-GGUF"]),
        ("Qwen/Qwen2.5-14B", ["Qwen/Qwen2.5-14B"]),
        ("instr gguf", ["Qwen/Qwen2.5-0.5B-Instruct-GGUF"]),
        ("1", []),
        ("5b-0", []),
        ("chat", ["\u901a\u4e49/Chat", "Qwen/Qwen2.5-0.5B-Instruct-GGUF"]),
        ("cafe", ["bge/Text-Embedder"]),
        ("CAF\u00c9", ["bge/Text-Embedder"]),
        ("\u5343\u95ee", ["\u901a\u4e49/Chat"]),
        ("\u901a\u4e49 \u6a21\u578b", ["\u901a\u4e49/Chat"]),
        ("\u95ee\u5343", []),
        ("\u901a", ["\u901a\u4e49/Chat"]),
        ("nothing", []),
        ('" OR name:', []),
        ("' | '*", []),
        ("NEAR(qwen)", []),
        ("!!!", []),
    ],
)  # fmt: skip
async def test_words_are_found_in_names_first_and_then_by_downloads(
    catalog: Catalog, text: str, ids: list[str]
) -> None:
    await catalog.remember(SHELF)

    assert await found(catalog, text) == ids


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ({"format": Model.GGUF}, ["Qwen/Qwen2.5-0.5B-Instruct-GGUF"]),
        ({"format": Model.CTRANSLATE2}, []),
        ({"model_type": "Text-Generation", "hubs": (HF,)},
         ["Qwen/Qwen2.5-0.5B-Instruct-GGUF", "Qwen/Qwen2.5-14B"]),
        ({"owner": "qwen"}, ["Qwen/Qwen2.5-0.5B-Instruct-GGUF", "Qwen/Qwen2.5-14B"]),
        ({"hubs": (MS, OLLAMA)}, ["\u901a\u4e49/Chat"]),
        ({"owner": "Qwen", "sort": SearchHubModelsRequest.LIKES},
         ["Qwen/Qwen2.5-14B", "Qwen/Qwen2.5-0.5B-Instruct-GGUF"]),
        ({"quantization": "Q4_0"}, []),
    ],
)  # fmt: skip
async def test_filters_and_orders(catalog: Catalog, asked: Any, ids: list[str]) -> None:
    await catalog.remember(SHELF)

    assert await found(catalog, **asked) == ids


async def test_pages_are_whole_and_have_no_twins(catalog: Catalog) -> None:
    await catalog.remember([model(f"o/m{number}", downloads=7) for number in range(25)])

    pages = [await catalog.search(Asked(), offset, 10) for offset in (0, 10, 20, 30)]

    ids = [entry.model.model_id for entries, _ in pages for entry in entries]
    assert sorted(ids) == sorted(f"o/m{number}" for number in range(25))
    assert {total for _, total in pages} == {25}


async def test_a_list_takes_away_nothing_that_details_have_told(catalog: Catalog) -> None:
    detailed = model("o/m", architecture="qwen2", parameter_count=7, downloads=1, tags=["old"])
    await catalog.remember_listing(
        Listing(detailed, (ListedFile("m-Q4_0.gguf", 5, "ab" * 32, ""),))
    )

    added = await catalog.remember([model("o/m", downloads=2, tags=["new"]), model("o/n")])

    entry = await catalog.get(HF, "o/m")
    assert added == 1
    assert entry is not None
    assert (entry.model.architecture, entry.model.parameter_count) == ("qwen2", 7)
    assert (entry.model.downloads, list(entry.model.tags)) == (2, ["new"])
    assert entry.files == (ListedFile("m-Q4_0.gguf", 5, "ab" * 32, ""),)
    assert entry.model.known_time.seconds > 0
    assert await found(catalog, "new") == ["o/m"]
    assert await found(catalog, "old") == []


async def test_a_listing_makes_formats_and_quantizations_searchable(catalog: Catalog) -> None:
    files = (ListedFile("m-UD-Q4_K_XL.gguf", 5, "", ""), ListedFile("m-Q8_0.gguf", None, "", ""))
    await catalog.remember_listing(Listing(model("o/m"), files))

    for name in ("q8_0", "UD-Q4_K_XL", "q4_k_xl"):
        assert await found(catalog, quantization=name, format=Model.GGUF) == ["o/m"]
    for name in ("Q8", "%", "Q8_0|", "_"):
        assert await found(catalog, quantization=name) == []
    entry = await catalog.get(HF, "o/m")
    assert entry is not None
    assert entry.files == files

    await catalog.remember_listing(Listing(model("o/m"), files[:1]))

    assert await found(catalog, quantization="Q8_0") == []


async def test_what_is_unknown_is_none(catalog: Catalog) -> None:
    assert await catalog.get(HF, "o/m") is None
    assert await catalog.get_all([]) == {}
    assert await catalog.remember([]) == 0


async def test_hubs_and_kinds_are_counted(catalog: Catalog) -> None:
    await catalog.remember(SHELF)

    assert await catalog.counts() == {HF: (4, 2100), MS: (1, 5)}
    assert await catalog.categories() == [("text-generation", 3), ("feature-extraction", 1)]
    assert await catalog.categories(MS) == [("text-generation", 1)]


async def test_many_who_tell_the_same_at_once_leave_one_entry(catalog: Catalog) -> None:
    await asyncio.gather(*(catalog.remember([model("o/m", downloads=n)]) for n in range(8)))

    assert await found(catalog) == ["o/m"]


async def test_favorites_are_listed_the_newest_first_a_page_at_a_time(kept: Kept) -> None:
    favorites = kept.favorites
    first = await favorites.add((HF, "o/m.1"))
    for key in ((MS, "o/m.1"), (OLLAMA, "q:0.5b")):
        await favorites.add(key)

    assert await favorites.add((HF, "o/m.1")) == first
    assert await favorites.among([(HF, "o/m.1"), (HF, "o/n")]) == {(HF, "o/m.1")}
    page, token, total = await favorites.page(Origin.HUB_UNSPECIFIED, "", 2)
    rest, end, _ = await favorites.page(Origin.HUB_UNSPECIFIED, token, 2)
    assert [key for key, _ in page + rest] == [(OLLAMA, "q:0.5b"), (MS, "o/m.1"), (HF, "o/m.1")]
    assert (total, end) == (3, "")

    await favorites.remove(Origin.HUB_UNSPECIFIED, "o/m.1")
    await favorites.remove(HF, "q:0.5b")

    assert [key for key, _ in (await favorites.page(OLLAMA, "", 9))[0]] == [(OLLAMA, "q:0.5b")]


@pytest.mark.parametrize(
    "token", ["x", "1", "1.x.y", ".1.o/m", "9" * 30 + ".1.o/m", "\u0663.1.o/m"]
)
async def test_a_token_of_no_page_of_favorites_is_refused(kept: Kept, token: str) -> None:
    with pytest.raises(FieldInvalidError) as raised:
        await kept.favorites.page(Origin.HUB_UNSPECIFIED, token, 2)

    assert raised.value.violations[0].field == "page_token"


async def test_a_sync_goes_on_where_it_broke_off_and_begins_anew_after_its_end(kept: Kept) -> None:
    syncs = kept.syncs
    assert await syncs.begin(HF) == Place()

    await syncs.reached(HF, Place("7", 700))

    assert await syncs.begin(HF) == Place("7", 700)
    assert await syncs.begin(MS) == Place()
    assert await syncs.times() == {}

    await syncs.end(HF)

    assert await syncs.begin(HF) == Place()
    assert set(await syncs.times()) == {HF}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Qwen2.5-0.5B_Instruct", ["qwen", "2", "5", "0", "5", "b", "instruct"]),
        ("\u901a\u4e49Qwen", ["\u901a", "\u4e49", "qwen"]),
        ("\ud55c\uad6d\uc5b4", ["\ud55c", "\uad6d", "\uc5b4"]),
        ("\u3072\u3089\u304c\u306a", ["\u3072", "\u3089", "\u304b", "\u306a"]),
        ("Stra\u00dfe CAF\u00c9 \uff21\uff11", ["strasse", "cafe", "a", "1"]),
        ("' \" * : & | ! ( ) \\ \0", []),
    ],
)  # fmt: skip
def test_words_have_no_case_accents_or_marks(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_search_has_a_limited_number_of_words() -> None:
    phrases = phrases_of(" ".join(f"w{number}" for number in range(1000)))

    assert sum(map(len, phrases)) == 24
