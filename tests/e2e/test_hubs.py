"""`HubService` over gRPC and native REST, before fake hubs: one test body for both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.hub_pb2 import (
    AddFavoriteRequest,
    ChooseVariantRequest,
    GetHubModelRequest,
    GetHubStatisticsRequest,
    HubModel,
    ListFavoritesRequest,
    ListHubCategoriesRequest,
    ListHubsRequest,
    ListTrendingModelsRequest,
    RemoveFavoriteRequest,
    SearchHubModelsRequest,
    SyncHubsRequest,
)
from funland.v1.models_pb2 import Model, Origin
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.e2e.wires import OVER_ONE_WIRE, RPCS, Refused, wire_to
from tests.hubs import content, hostile, kinds, models
from tests.hubs.server import FakeHub

Call = Callable[[str, Message], Awaitable[Any]]
Start = Callable[..., Awaitable[Call]]
MS, HF, OLLAMA = Origin.MODELSCOPE, Origin.HUGGINGFACE, Origin.OLLAMA


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    async with FakeHub() as hub:
        gguf = models.gguf_files("tiny-Q4_K_M.gguf")
        many = {**gguf, "tiny-F16.gguf": content.seeded(9000), "tiny-Q2_K.gguf": content.seeded(70)}
        hub.modelscope.add("owner/tiny", gguf, tags=["gguf"], downloads=90,
                           tasks=["text-generation"], license="mit")  # fmt: skip
        hub.modelscope.add("tongyi/chat", {"a.txt": ""}, downloads=7)
        hub.huggingface.add("owner/tiny", gguf, tags=["gguf"], downloads=50, trending=1)
        hub.huggingface.add("other/tiny-GGUF", many, tags=["gguf"], downloads=70, trending=9,
                            task="text-generation", likes=4,
                            gguf={"total": 6_700_000, "architecture": "llama"})  # fmt: skip
        hub.huggingface.add("other/pickles", {"config.json": "{}", "pytorch_model.bin": "x"})
        hub.ollama.add("library/tiny", models.ollama_layers(), tag="1m",
                       config=models.ollama_config())  # fmt: skip
        yield hub


@pytest.fixture(params=["gRPC", "REST"])
async def start(
    request: pytest.FixtureRequest, hub: FakeHub, tmp_path: Path
) -> AsyncIterator[Start]:
    """Starts a server, and gives what calls it over the wire."""
    ends = AsyncExitStack()

    async def make(**settings: Any) -> Call:
        await ends.aclose()  # one at a time has the home
        pointed: dict[str, Any] = {
            "modelscope_endpoint": hub.modelscope.url,
            "huggingface_endpoint": hub.huggingface.url,
            "ollama_endpoint": hub.ollama.url,
            "allowed_private_hosts": ("127.0.0.4",),
            **settings,
        }
        server = Server(ServerSettings(port=0, home=tmp_path / "home", **pointed))
        await server.start()
        ends.push_async_callback(server.stop, 0)
        return (await ends.enter_async_context(wire_to(server, request.param))).call

    async with ends:
        yield make


@pytest.fixture
async def call(start: Start) -> Call:
    return await start()


def ids(models_: Any) -> list[tuple[int, str]]:
    return [(model.hub, model.model_id) for model in models_]


async def test_hubs_are_listed_in_their_order_without_a_call(hub: FakeHub, start: Start) -> None:
    call = await start(hubs=("huggingface", "ollama"), huggingface_token="secret",  # noqa: S106 - a test's
                       huggingface_mirrors=("https://mirror.example",))  # fmt: skip

    first, second = (await call("ListHubs", ListHubsRequest())).hubs

    assert (first.hub, first.display_name, first.endpoint) == (
        HF, "HuggingFace", hub.huggingface.url,
    )  # fmt: skip
    assert (first.has_token, first.searchable, list(first.mirrors)) == (
        True, True, ["https://mirror.example"],
    )  # fmt: skip
    assert (second.hub, second.has_token, second.searchable) == (OLLAMA, False, False)
    assert not first.HasField("catalog_time")
    assert len(hub.requests) == 0


async def test_a_search_asks_all_hubs_and_crowds_none_out(hub: FakeHub, call: Call) -> None:
    found = await call("SearchHubModels", SearchHubModelsRequest(query="tiny", page_size=2))
    rest = await call(
        "SearchHubModels",
        SearchHubModelsRequest(query="tiny", page_size=2, page_token=found.next_page_token),
    )

    told = [*found.models, *rest.models]
    assert {model.hub for model in found.models} == {MS, HF}
    assert sorted(ids(told)) == [(MS, "owner/tiny"), (HF, "other/tiny-GGUF"), (HF, "owner/tiny")]
    assert not found.failures
    assert not rest.next_page_token
    assert all(model.known_time.seconds and not model.files for model in told)


@pytest.mark.parametrize("skip", [0, 1, 2, 3, 4])
@OVER_ONE_WIRE
async def test_a_search_passes_over_as_many_as_it_is_told(
    hub: FakeHub, call: Call, skip: int
) -> None:
    whole = await call("SearchHubModels", SearchHubModelsRequest(hub=HF))
    rest = await call("SearchHubModels", SearchHubModelsRequest(hub=HF, skip=skip))

    assert ids(rest.models) == ids(whole.models)[skip:]


@OVER_ONE_WIRE
async def test_a_search_with_files_asks_once_for_what_it_then_knows(
    hub: FakeHub, call: Call
) -> None:
    request = SearchHubModelsRequest(query="tiny", hub=HF, with_files=True)
    (first, _) = (await call("SearchHubModels", request)).models
    asked = len(hub.requests.of("*/tree/*"))
    again = await call("SearchHubModels", request)

    assert {file.path for file in first.files} >= {"tiny-Q4_K_M.gguf", "README.md"}
    assert {variant.name for model in again.models for variant in model.variants} >= {"Q4_K_M"}
    assert asked == len(hub.requests.of("*/tree/*")) == 2

    hub.huggingface.add("owner/tiny", models.gguf_files("tiny-Q5_K_M.gguf"))
    changed = await call("SearchHubModels", request)

    names = {variant.name for model in changed.models for variant in model.variants}
    assert "Q5_K_M" in names


@OVER_ONE_WIRE
async def test_a_search_finds_only_what_has_the_quantization(hub: FakeHub, call: Call) -> None:
    for hub_ in (HF, MS):
        request = SearchHubModelsRequest(hub=hub_, quantization="q4_k_m")
        found = await call("SearchHubModels", request)
        assert found.models
        assert not found.HasField("total_size")
    found = await call("SearchHubModels", SearchHubModelsRequest(quantization="F16"))

    assert ids(found.models) == [(HF, "other/tiny-GGUF")]
    assert not found.next_page_token


@OVER_ONE_WIRE
async def test_a_quantization_that_few_have_is_not_searched_for_without_end(
    hub: FakeHub, call: Call
) -> None:
    for number in range(30):
        hub.huggingface.add(f"o/m{number:02}", {"m-Q8_0.gguf": "x"}, downloads=1000 - number)
    request = SearchHubModelsRequest(
        hub=HF, quantization="F16", page_size=5, sort=SearchHubModelsRequest.DOWNLOADS
    )

    first = await call("SearchHubModels", request)
    asked = len(hub.requests.of("/api/models"))
    found: list[Any] = [*first.models]
    request.page_token = first.next_page_token
    while request.page_token:
        page = await call("SearchHubModels", request)
        found += page.models
        request.page_token = page.next_page_token

    assert asked == 3
    assert not first.models
    assert ids(found) == [(HF, "other/tiny-GGUF")]


@OVER_ONE_WIRE
async def test_ollamas_models_are_found_by_their_very_names(hub: FakeHub, call: Call) -> None:
    found = await call("SearchHubModels", SearchHubModelsRequest(query="tiny:1m", hub=OLLAMA))
    again = await call("SearchHubModels", SearchHubModelsRequest(query="tin", hub=OLLAMA))
    none = await call("SearchHubModels", SearchHubModelsRequest(query="nothing", hub=OLLAMA))

    assert ids(found.models) == ids(again.models) == [(OLLAMA, "tiny:1m")]
    assert again.HasField("catalog_time")
    assert not none.models


async def test_a_hub_that_fails_is_told_and_its_catalog_answers(hub: FakeHub, call: Call) -> None:
    await call("SearchHubModels", SearchHubModelsRequest(query="tiny"))
    hub.faults.add(kinds.status(503), host="modelscope")

    found = await call("SearchHubModels", SearchHubModelsRequest(query="tiny"))

    assert (MS, "owner/tiny") in ids(found.models)
    (failure,) = found.failures
    assert (failure.hub, failure.error.reason) == (MS, ErrorReason.HUB_UNREACHABLE)
    assert found.catalog_time.seconds > 0


async def test_a_search_that_nobody_answers_fails(hub: FakeHub, call: Call) -> None:
    hub.faults.add(kinds.status(429, retry_after=9))

    with pytest.raises(Refused) as raised:
        await call("SearchHubModels", SearchHubModelsRequest(query="a b"))

    assert raised.value.reason == "HUB_RATE_LIMITED"


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (SearchHubModelsRequest(page_token="x"), "page_token"),  # noqa: S106 - a page's
        (SearchHubModelsRequest(page_size=101), "page_size"),
        (SearchHubModelsRequest(skip=-1), "skip"),
        (GetHubModelRequest(hub=HF, model_id="a/b/c"), "model_id"),
        (GetHubModelRequest(hub=HF, model_id="o/n", revision="../x"), "revision"),
        (ChooseVariantRequest(source="registry.example/x/y"), "source"),
        (ChooseVariantRequest(source="hf.co/o/n", hub=MS), "hub"),
        (AddFavoriteRequest(hub=HF, model_id="name"), "model_id"),
        (ListFavoritesRequest(page_token="x"), "page_token"),  # noqa: S106 - a page's
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
async def test_bad_input_names_its_field(
    hub: FakeHub, call: Call, request_: Message, field: str
) -> None:
    (rpc,) = (one for one in RPCS.values() if one.input_type is request_.DESCRIPTOR)

    with pytest.raises(Refused) as raised:
        await call(rpc.name, request_)

    assert (raised.value.reason, raised.value.fields) == ("FIELD_INVALID", [field])
    assert len(hub.requests) == 0


@OVER_ONE_WIRE
async def test_a_hub_that_the_settings_leave_out_is_refused(start: Start) -> None:
    call = await start(hubs=("ollama",))

    with pytest.raises(Refused) as raised:
        await call("SearchHubModels", SearchHubModelsRequest(hub=HF))

    assert raised.value.fields == ["hub"]


async def test_details_have_files_variants_and_card(hub: FakeHub, call: Call) -> None:
    model = await call("GetHubModel", GetHubModelRequest(hub=HF, model_id="other/tiny-GGUF"))

    assert (model.model_id, model.architecture, model.parameter_count) == (
        "other/tiny-GGUF", "llama", 6_700_000,
    )  # fmt: skip
    assert [one.name for one in model.variants] == ["Q4_K_M", "F16", "Q2_K"]
    assert all(one.fits and one.footprint.total_bytes > one.size_bytes for one in model.variants)
    assert "# Tiny" in model.card
    urls = {file.path: file.url for file in model.files}
    assert urls["tiny-F16.gguf"].startswith(f"{hub.huggingface.url}/other/tiny-GGUF/resolve/")
    assert not model.favorite


@OVER_ONE_WIRE
async def test_the_first_hub_that_has_a_model_answers(hub: FakeHub, call: Call) -> None:
    for model_id, kind in (
        ("owner/tiny", MS), ("other/tiny-GGUF", HF), ("tiny:1m", OLLAMA),
    ):  # fmt: skip
        model = await call("GetHubModel", GetHubModelRequest(model_id=model_id))
        assert (model.hub, model.model_id) == (kind, model_id)


async def test_what_no_hub_has_is_not_found(hub: FakeHub, call: Call) -> None:
    for request in (GetHubModelRequest(model_id="o/none"), GetHubModelRequest(model_id="none")):
        with pytest.raises(Refused) as raised:
            await call("GetHubModel", request)
        assert raised.value.reason == "HUB_MODEL_NOT_FOUND"


@OVER_ONE_WIRE
async def test_files_that_are_never_fetched_have_no_url(hub: FakeHub, call: Call) -> None:
    names: dict[str, Any] = dict.fromkeys((*hostile.UNWANTED, "../outside.gguf", "good.gguf"), "x")
    hub.huggingface.add("o/n", names)

    model = await call("GetHubModel", GetHubModelRequest(hub=HF, model_id="o/n"))

    assert {file.path for file in model.files if file.url} == {"good.gguf"}
    assert [variant.name for variant in model.variants] == ["good.gguf"]


@pytest.mark.parametrize(
    ("source", "hub_", "variant", "model_id"),
    [
        ("other/tiny-GGUF", HF, "Q4_K_M", "tiny-q4_k_m"),
        ("other/tiny-GGUF:f16", HF, "F16", "tiny-f16"),
        ("hf.co/owner/tiny", HF, "Q4_K_M", "tiny-q4_k_m"),
        ("owner/tiny", MS, "Q4_K_M", "tiny-q4_k_m"),
        ("tiny:1m", OLLAMA, "1m", "tiny-1m"),
        ("ollama:library/tiny:1m", OLLAMA, "1m", "tiny-1m"),
    ],
)
@OVER_ONE_WIRE
async def test_a_variant_is_chosen_and_the_reason_told(
    call: Call, source: str, hub_: int, variant: str, model_id: str
) -> None:
    choice = await call("ChooseVariant", ChooseVariantRequest(source=source))

    assert (choice.origin.hub, choice.origin.variant, choice.variant.name) == (
        hub_, variant, variant,
    )  # fmt: skip
    assert choice.model_id == model_id
    assert choice.origin.revision
    assert choice.variant.fits
    assert variant in choice.reason


@pytest.mark.parametrize(
    ("request_", "reason", "words"),
    [
        (ChooseVariantRequest(source="other/tiny-GGUF:Q8_0"), "VARIANT_NOT_FOUND", "Q4_K_M"),
        (ChooseVariantRequest(source="other/tiny-GGUF", format=Model.OPENVINO_IR),
         "VARIANT_NOT_FOUND", "OPENVINO_IR"),
        (ChooseVariantRequest(source="other/pickles"), "HUB_MODEL_UNSUPPORTED", "pickles"),
        (ChooseVariantRequest(source="o/none"), "HUB_MODEL_NOT_FOUND", "o/none"),
    ],
    ids=["variant", "format", "pickles", "model"],
)  # fmt: skip
@OVER_ONE_WIRE
async def test_a_choice_that_can_not_be_made_says_why(
    call: Call, request_: ChooseVariantRequest, reason: str, words: str
) -> None:
    with pytest.raises(Refused) as raised:
        await call("ChooseVariant", request_)

    assert raised.value.reason == reason
    assert words in raised.value.message


@OVER_ONE_WIRE
async def test_a_model_whose_weights_have_a_hostile_name_is_refused_by_it(
    hub: FakeHub, call: Call
) -> None:
    hub.huggingface.add("o/n", {"../../outside.gguf": "x"})

    with pytest.raises(Refused) as raised:
        await call("ChooseVariant", ChooseVariantRequest(source="o/n"))

    assert raised.value.reason == "HUB_ANSWER_INVALID"


async def test_trending_models_come_by_the_hubs_own_ranking(hub: FakeHub, call: Call) -> None:
    found = await call("ListTrendingModels", ListTrendingModelsRequest(hub=HF, limit=2))

    assert ids(found.models) == [(HF, "other/tiny-GGUF"), (HF, "owner/tiny")]

    hub.faults.add(kinds.status(500))
    again = await call("ListTrendingModels", ListTrendingModelsRequest(limit=1))

    assert len(again.models) == 1
    assert {failure.hub for failure in again.failures} == {MS, HF}


async def test_favorites_are_kept_with_what_is_known_of_them(hub: FakeHub, call: Call) -> None:
    added = await call("AddFavorite", AddFavoriteRequest(model_id="other/tiny-GGUF"))
    again = await call("AddFavorite", AddFavoriteRequest(hub=HF, model_id="other/tiny-GGUF"))
    await call("AddFavorite", AddFavoriteRequest(model_id="tiny:1m"))

    assert added.create_time == again.create_time
    assert (added.model.hub, added.model.favorite, added.model.likes) == (HF, True, 4)
    listed = await call("ListFavorites", ListFavoritesRequest(page_size=1))
    rest = await call(
        "ListFavorites", ListFavoritesRequest(page_size=1, page_token=listed.next_page_token)
    )
    told = [one.model for one in (*listed.favorites, *rest.favorites)]
    assert ids(told) == [(OLLAMA, "tiny:1m"), (HF, "other/tiny-GGUF")]
    assert listed.total_size == 2
    found = await call("SearchHubModels", SearchHubModelsRequest(query="tiny", hub=HF))
    assert [model.favorite for model in found.models if model.owner == "other"] == [True]

    for _ in range(2):
        await call("RemoveFavorite", RemoveFavoriteRequest(hub=HF, model_id="other/tiny-GGUF"))
    await call("RemoveFavorite", RemoveFavoriteRequest(model_id="tiny:1m"))

    assert not (await call("ListFavorites", ListFavoritesRequest())).favorites


@OVER_ONE_WIRE
async def test_a_favorite_that_no_hub_has_is_refused_but_one_that_can_not_be_asked_is_kept(
    hub: FakeHub, call: Call
) -> None:
    with pytest.raises(Refused) as raised:
        await call("AddFavorite", AddFavoriteRequest(hub=HF, model_id="o/none"))
    assert raised.value.reason == "HUB_MODEL_NOT_FOUND"
    hub.faults.add(kinds.status(500))

    kept = await call("AddFavorite", AddFavoriteRequest(hub=HF, model_id="o/none"))

    assert kept.model == HubModel(hub=HF, model_id="o/none", favorite=True)


async def test_a_sync_fetches_the_most_downloaded_and_tells_how_far_it_is(
    hub: FakeHub, call: Call
) -> None:
    await call("AddFavorite", AddFavoriteRequest(model_id="tiny:1m"))
    *events, last = await call("SyncHubs", SyncHubsRequest(limit=1))

    done = {one.progress.hub: one.progress.models for one in events if one.progress.done}
    assert done == {MS: 1, HF: 1, OLLAMA: 1}
    assert (last.finish.models, last.finish.added) == (3, 2)
    assert {info.hub for info in last.finish.hubs} == {MS, HF, OLLAMA}
    assert all(info.catalog_time.seconds for info in last.finish.hubs)

    await call("SyncHubs", SyncHubsRequest())
    statistics = await call("GetHubStatistics", GetHubStatisticsRequest())

    assert (statistics.models, statistics.favorites, statistics.installed) == (6, 1, 0)
    assert statistics.downloads == 90 + 7 + 50 + 70
    categories = await call("ListHubCategories", ListHubCategoriesRequest())
    assert [(one.name, one.models) for one in categories.categories] == [("text-generation", 2)]


@OVER_ONE_WIRE
async def test_a_sync_tells_a_hub_that_fails_and_keeps_what_it_has(
    hub: FakeHub, call: Call
) -> None:
    for number in range(150):
        hub.huggingface.add(f"o/m{number}", {"a.txt": ""}, downloads=1000 - number)
    hub.faults.add(kinds.status(503), host="huggingface", skip=1)

    *events, last = await call("SyncHubs", SyncHubsRequest(hub=HF))

    (failure,) = [one.failure for one in events if one.HasField("failure")]
    assert failure.hub == HF
    assert (last.finish.models, len(last.finish.hubs)) == (100, 0)
    found = await call("SearchHubModels", SearchHubModelsRequest(query="m99", hub=HF, local=True))
    assert ids(found.models) == [(HF, "o/m99")]

    hub.faults.clear()
    hub.requests.clear()
    *_, last = await call("SyncHubs", SyncHubsRequest(hub=HF))

    assert last.finish.models == 153
    first, *_ = hub.requests.of("/api/models")
    assert first.query["cursor"] == "100"  # it went on where it was


@OVER_ONE_WIRE
async def test_a_second_sync_joins_the_one_that_runs(hub: FakeHub, call: Call) -> None:
    hub.faults.add(kinds.silence(), path="/api/models", host="huggingface", times=1)
    first = asyncio.ensure_future(call("SyncHubs", SyncHubsRequest()))
    await hub.until_stalled()
    second = asyncio.ensure_future(call("SyncHubs", SyncHubsRequest(limit=7)))
    done = await call("ListHubs", ListHubsRequest())
    hub.release()

    *_, one = await first
    *_, other = await second

    assert one == other
    assert len(hub.requests.of("/api/models")) == 1
    assert not done.hubs[1].HasField("catalog_time")


@OVER_ONE_WIRE
async def test_a_page_that_a_hub_does_not_give_is_told(hub: FakeHub, call: Call) -> None:
    request = SearchHubModelsRequest(hub=HF, page_size=2)
    found = await call("SearchHubModels", request)
    hub.faults.add(kinds.status(503))
    request.page_token = found.next_page_token

    rest = await call("SearchHubModels", request)

    assert len(found.models) == 2
    assert not rest.models
    assert [failure.hub for failure in rest.failures] == [HF]
    assert not rest.next_page_token  # what the catalog has would come twice


@OVER_ONE_WIRE
async def test_offline_sends_nothing_and_the_catalog_answers(hub: FakeHub, start: Start) -> None:
    call = await start()
    await call("SyncHubs", SyncHubsRequest())
    await call("GetHubModel", GetHubModelRequest(hub=HF, model_id="other/tiny-GGUF"))
    call = await start(offline=True)
    hub.requests.clear()

    found = await call("SearchHubModels", SearchHubModelsRequest(query="tiny"))
    model = await call("GetHubModel", GetHubModelRequest(hub=HF, model_id="other/tiny-GGUF"))

    assert sorted(ids(found.models)) == [
        (MS, "owner/tiny"), (HF, "other/tiny-GGUF"), (HF, "owner/tiny"),
    ]  # fmt: skip
    assert found.catalog_time.seconds > 0
    assert {failure.error.reason for failure in found.failures} == {ErrorReason.OFFLINE}
    assert [one.name for one in model.variants] == ["Q4_K_M", "F16", "Q2_K"]
    for name, request in (
        ("ChooseVariant", ChooseVariantRequest(source="other/tiny-GGUF")),
        ("GetHubModel", GetHubModelRequest(hub=HF, model_id="o/none")),
        ("SyncHubs", SyncHubsRequest()),
    ):
        with pytest.raises(Refused) as raised:
            await call(name, request)
        assert raised.value.reason == "OFFLINE"
    assert len(hub.requests) == 0


async def test_tokens_are_in_no_answer_and_no_error(hub: FakeHub, start: Start) -> None:
    call = await start(huggingface_token="secret-7", modelscope_token="secret-8")  # noqa: S106 - a test's
    hub.faults.add(kinds.status(403), path="*other/pickles*")

    told = [
        await call("ListHubs", ListHubsRequest()),
        await call("GetHubModel", GetHubModelRequest(model_id="other/tiny-GGUF")),
        await call("SearchHubModels", SearchHubModelsRequest(query="tiny")),
    ]
    with pytest.raises(Refused) as raised:
        await call("GetHubModel", GetHubModelRequest(hub=HF, model_id="other/pickles"))

    assert raised.value.reason == "HUB_ACCESS_DENIED"
    assert "secret-" not in f"{told} {raised.value}"
    assert hub.requests.bearing("secret-7")
