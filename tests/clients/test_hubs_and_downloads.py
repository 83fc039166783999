"""What the client says of hubs and downloads on the wire, and how it follows a download."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from funland.v1.downloads_pb2 import (
    CancelDownloadRequest,
    DeleteDownloadRequest,
    Download,
    DownloadEvent,
    DownloadQueue,
    GetDownloadQueueRequest,
    GetDownloadRequest,
    GetStorageRequest,
    ListDownloadsRequest,
    ListDownloadsResponse,
    PauseDownloadRequest,
    ResumeDownloadRequest,
    RetryDownloadRequest,
    StartDownloadRequest,
    Storage,
    UpdateDownloadRequest,
    WatchDownloadsRequest,
)
from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.hub_pb2 import (
    AddFavoriteRequest,
    ChooseVariantRequest,
    Favorite,
    GetHubModelRequest,
    GetHubStatisticsRequest,
    HubCategory,
    HubInfo,
    HubModel,
    HubStatistics,
    ListFavoritesRequest,
    ListFavoritesResponse,
    ListHubCategoriesRequest,
    ListHubCategoriesResponse,
    ListHubsRequest,
    ListHubsResponse,
    ListTrendingModelsRequest,
    ListTrendingModelsResponse,
    RemoveFavoriteRequest,
    SearchHubModelsRequest,
    SearchHubModelsResponse,
    SyncHubsEvent,
    SyncHubsRequest,
    SyncHubsResult,
    VariantChoice,
)
from funland.v1.models_pb2 import (
    EstimateModelRequest,
    LoadSettings,
    Model,
    ModelEstimate,
    Origin,
)
from funland_client import AsyncFunland, Funland
from funland_client.errors import (
    DownloadCorruptError,
    DownloadNotFoundError,
    DownloadStoppedError,
    HubModelNotFoundError,
    InvalidRequestError,
    ServerStoppingError,
    StorageFullError,
    StreamBrokenError,
)
from tests.scripted_server import Refusal, serving

ONE = Download(download_id="1", source="qwen2.5:0.5b", state=Download.DOWNLOADING)
DONE = Download(download_id="1", state=Download.COMPLETED, model_id="qwen2.5-0.5b")
SYNCED = DownloadEvent(synced=Empty())

CALLS: list[tuple[str, Callable[[Any], Any], Message, Message, Any]] = [
    (
        "StartDownload",
        lambda client: client.downloads.start(
            "o/n", hub="modelscope", revision="main", variant="Q4_K_M", format="gguf",
            context_length=4096, model_id="mine", aliases=["a"], priority="high",
            max_connections=4, paused=True,
        ),
        StartDownloadRequest(
            source="o/n", hub=Origin.MODELSCOPE, revision="main", variant="Q4_K_M",
            format=Model.GGUF, context_length=4096, model_id="mine", aliases=["a"],
            priority=Download.HIGH, max_connections=4, paused=True,
        ),
        ONE,
        ONE,
    ),
    (
        "GetDownload",
        lambda client: client.downloads.get("1"),
        GetDownloadRequest(download_id="1"),
        ONE,
        ONE,
    ),
    (
        "ListDownloads",
        lambda client: client.downloads.list(states=["paused", "failed"], model="m"),
        ListDownloadsRequest(states=[Download.PAUSED, Download.FAILED], model="m"),
        ListDownloadsResponse(downloads=[ONE]),
        [ONE],
    ),
    (
        "PauseDownload",
        lambda client: client.downloads.pause("1"),
        PauseDownloadRequest(download_id="1"),
        ONE,
        ONE,
    ),
    (
        "ResumeDownload",
        lambda client: client.downloads.resume("1"),
        ResumeDownloadRequest(download_id="1"),
        ONE,
        ONE,
    ),
    (
        "CancelDownload",
        lambda client: client.downloads.cancel("1"),
        CancelDownloadRequest(download_id="1"),
        ONE,
        ONE,
    ),
    (
        "RetryDownload",
        lambda client: client.downloads.retry("1"),
        RetryDownloadRequest(download_id="1"),
        ONE,
        ONE,
    ),
    (
        "UpdateDownload",
        lambda client: client.downloads.update("1", priority="low"),
        UpdateDownloadRequest(download_id="1", priority=Download.LOW),
        ONE,
        ONE,
    ),
    (
        "DeleteDownload",
        lambda client: client.downloads.delete("1"),
        DeleteDownloadRequest(download_id="1"),
        Empty(),
        None,
    ),
    (
        "GetDownloadQueue",
        lambda client: client.downloads.queue(),
        GetDownloadQueueRequest(),
        DownloadQueue(paused=2),
        DownloadQueue(paused=2),
    ),
    (
        "GetStorage",
        lambda client: client.downloads.storage(),
        GetStorageRequest(),
        Storage(free_bytes=7),
        Storage(free_bytes=7),
    ),
    (
        "ListHubs",
        lambda client: client.hubs.list(),
        ListHubsRequest(),
        ListHubsResponse(hubs=[HubInfo(hub=Origin.OLLAMA)]),
        [HubInfo(hub=Origin.OLLAMA)],
    ),
    (
        "SearchHubModels",
        lambda client: client.hubs.search(
            "qwen", hub="huggingface", format="safetensors", quantization="Q8_0",
            model_type="text-generation", owner="o", sort="likes", page_size=5, skip=1,
            page_token="2",  # noqa: S106 - a page's
            local=True, with_files=True,
        ),
        SearchHubModelsRequest(
            query="qwen", hub=Origin.HUGGINGFACE, format=Model.SAFETENSORS, quantization="Q8_0",
            model_type="text-generation", owner="o", sort=SearchHubModelsRequest.LIKES,
            page_size=5, skip=1,
            page_token="2",  # noqa: S106 - a page's
            local=True, with_files=True,
        ),
        SearchHubModelsResponse(total_size=3),
        SearchHubModelsResponse(total_size=3),
    ),
    (
        "GetHubModel",
        lambda client: client.hubs.get("o/n", "ollama", revision="r"),
        GetHubModelRequest(hub=Origin.OLLAMA, model_id="o/n", revision="r"),
        HubModel(model_id="o/n"),
        HubModel(model_id="o/n"),
    ),
    (
        "ChooseVariant",
        lambda client: client.hubs.choose("o/n", hub="ollama", context_length=64),
        ChooseVariantRequest(source="o/n", hub=Origin.OLLAMA, context_length=64),
        VariantChoice(reason="It fits."),
        VariantChoice(reason="It fits."),
    ),
    (
        "ListHubCategories",
        lambda client: client.hubs.categories(),
        ListHubCategoriesRequest(),
        ListHubCategoriesResponse(categories=[HubCategory(name="c")]),
        [HubCategory(name="c")],
    ),
    (
        "ListTrendingModels",
        lambda client: client.hubs.trending("modelscope", limit=3),
        ListTrendingModelsRequest(hub=Origin.MODELSCOPE, limit=3),
        ListTrendingModelsResponse(models=[HubModel(model_id="m")]),
        ListTrendingModelsResponse(models=[HubModel(model_id="m")]),
    ),
    (
        "GetHubStatistics",
        lambda client: client.hubs.statistics(),
        GetHubStatisticsRequest(),
        HubStatistics(models=4),
        HubStatistics(models=4),
    ),
    (
        "ListFavorites",
        lambda client: client.hubs.favorites("ollama"),
        ListFavoritesRequest(hub=Origin.OLLAMA),
        ListFavoritesResponse(favorites=[Favorite()]),
        [Favorite()],
    ),
    (
        "AddFavorite",
        lambda client: client.hubs.add_favorite("o/n", "huggingface"),
        AddFavoriteRequest(hub=Origin.HUGGINGFACE, model_id="o/n"),
        Favorite(),
        Favorite(),
    ),
    (
        "RemoveFavorite",
        lambda client: client.hubs.remove_favorite("o/n"),
        RemoveFavoriteRequest(model_id="o/n"),
        Empty(),
        None,
    ),
    (
        "EstimateModel",
        lambda client: client.models.estimate("m", context_length=512),
        EstimateModelRequest(model_id="m", settings=LoadSettings(context_length=512)),
        ModelEstimate(fits=True),
        ModelEstimate(fits=True),
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rpc", "call", "request_", "answer", "result"), CALLS, ids=[call[0] for call in CALLS]
)
async def test_a_call_is_its_rpc_in_both_clients(
    rpc: str, call: Callable[[Any], Any], request_: Message, answer: Message, result: Any
) -> None:
    with serving(**{rpc: answer}) as server:
        with Funland(server.address) as blocking:
            assert call(blocking) == result
        async with AsyncFunland(server.address) as asynchronous:
            assert await call(asynchronous) == result

    assert server.requests == [request_, request_]


def test_lists_are_read_to_their_last_page() -> None:
    def downloads(request: ListDownloadsRequest) -> ListDownloadsResponse:
        if not request.page_token:
            return ListDownloadsResponse(downloads=[ONE], next_page_token=ONE.download_id)
        return ListDownloadsResponse(downloads=[DONE])

    def favorites(request: ListFavoritesRequest) -> ListFavoritesResponse:
        token = "" if request.page_token else "2"
        return ListFavoritesResponse(favorites=[Favorite()], next_page_token=token)

    with (
        serving(ListDownloads=downloads, ListFavorites=favorites) as server,
        Funland(server.address) as client,
    ):
        assert client.downloads.list() == [ONE, DONE]
        assert len(client.hubs.favorites()) == 2


def test_a_word_that_the_contract_does_not_know_names_its_field() -> None:
    wrong: Any = "soon"

    with Funland("127.0.0.1:1") as client:
        with pytest.raises(InvalidRequestError, match=r"^priority: "):
            client.downloads.start("o/n", priority=wrong)
        with pytest.raises(InvalidRequestError, match=r"^states\[1\]\.state: "):
            client.downloads.list(states=["paused", wrong])
        with pytest.raises(TypeError, match="did you mean 'hub'"):
            client.hubs.search("o/n", **{"hubs": wrong})


def told(*downloads: Download) -> Callable[[Any], Iterator[DownloadEvent]]:
    """Answers a watch with these states."""
    return lambda _: iter(
        [DownloadEvent(download=downloads[0]), SYNCED]
        + [DownloadEvent(download=download) for download in downloads[1:]]
    )


async def test_a_pull_gives_each_state_until_the_model_is_there() -> None:
    half = Download(download_id="1", state=Download.DOWNLOADING, downloaded_bytes=5)

    with serving(StartDownload=ONE, WatchDownloads=told(ONE, half, DONE)) as server:
        with Funland(server.address) as blocking:
            seen = list(blocking.downloads.pull("qwen2.5:0.5b", hub="ollama"))
        async with AsyncFunland(server.address) as asynchronous:
            pull = asynchronous.downloads.pull("qwen2.5:0.5b", hub="ollama")
            assert [download async for download in pull] == seen

    assert seen == [ONE, ONE, half, DONE]
    start = StartDownloadRequest(source="qwen2.5:0.5b", hub=Origin.OLLAMA)
    watch = WatchDownloadsRequest(download_id="1", until_end=True)
    assert server.requests == [start, watch, start, watch]


def test_what_is_there_already_is_not_watched() -> None:
    with serving(StartDownload=DONE) as server, Funland(server.address) as client:
        assert list(client.downloads.pull("o/n")) == [DONE]


def test_a_source_that_no_hub_has_fails_before_anything_comes() -> None:
    def refuse(_: Any) -> Download:
        raise Refusal(grpc.StatusCode.NOT_FOUND, "HUB_MODEL_NOT_FOUND", "No hub has o/n.")

    with (
        serving(StartDownload=refuse) as server,
        Funland(server.address) as client,
        pytest.raises(HubModelNotFoundError, match="No hub has o/n"),
    ):
        next(client.downloads.pull("o/n"))


CORRUPT = Error(code="DATA_LOSS", reason=ErrorReason.DOWNLOAD_CORRUPT, message="b.gguf is wrong.")
FULL = Error(code="RESOURCE_EXHAUSTED", reason=ErrorReason.STORAGE_FULL, message="No room.")


@pytest.mark.parametrize(
    ("last", "kind", "message"),
    [
        (Download(state=Download.FAILED, error=CORRUPT), DownloadCorruptError, "b.gguf is wrong"),
        (Download(state=Download.PAUSED, error=FULL), StorageFullError, "No room"),
        (Download(state=Download.PAUSED), DownloadStoppedError, "was paused"),
        (Download(state=Download.CANCELLED), DownloadStoppedError, "was cancelled"),
    ],
    ids=["failed", "disk full", "paused", "cancelled"],
)
async def test_a_download_that_ends_without_a_model_says_why(
    last: Download, kind: type[Exception], message: str
) -> None:
    with serving(StartDownload=ONE, WatchDownloads=told(ONE, last)) as server:
        seen: list[Download] = []
        with Funland(server.address) as client, pytest.raises(kind, match=message):
            seen.extend(client.downloads.pull("o/n"))
        async with AsyncFunland(server.address) as client:
            follow = client.downloads.follow("1")
            with pytest.raises(kind, match=message):
                seen.extend([download async for download in follow])

    assert seen[-1] == last
    assert len(server.requests) == 3  # Nothing was done twice.


def test_a_download_that_is_deleted_is_stopped() -> None:
    deleted = DownloadEvent(deleted_download_id="1")

    with (
        serving(WatchDownloads=lambda _: [DownloadEvent(download=ONE), deleted]) as server,
        Funland(server.address) as client,
        pytest.raises(DownloadStoppedError, match="deleted") as raised,
    ):
        list(client.downloads.follow("1"))

    assert raised.value.download is None


def stops(reason: str, times: int) -> Callable[[Any], Iterator[DownloadEvent]]:
    """Answers so many watches with one state and a failure, or an end, and the next to its end."""
    broken = iter(range(times))

    def answer(_: Any) -> Iterator[DownloadEvent]:
        yield DownloadEvent(download=ONE)
        if next(broken, None) is None:
            yield DownloadEvent(download=DONE)
        elif reason:
            raise Refusal(grpc.StatusCode.UNAVAILABLE, reason, "The server stops.")

    return answer


@pytest.mark.parametrize(("reason", "times"), [("SERVER_STOPPING", 3), ("", 1)])
async def test_a_server_that_starts_again_is_found_again(reason: str, times: int) -> None:
    with serving(WatchDownloads=stops(reason, times)) as server:
        with Funland(server.address, retries=1) as client:
            seen = list(client.downloads.follow("1"))
        server.answers["WatchDownloads"] = stops(reason, times)
        async with AsyncFunland(server.address, retries=1) as client:
            assert [download async for download in client.downloads.follow("1")] == seen

    assert seen == [ONE] * (times + 1) + [DONE]


@pytest.mark.parametrize(
    ("reason", "kind"), [("SERVER_STOPPING", ServerStoppingError), ("", StreamBrokenError)]
)
def test_a_server_that_stays_away_is_the_end(reason: str, kind: type[Exception]) -> None:
    with (
        serving(WatchDownloads=stops(reason, 1)) as server,
        Funland(server.address, retries=0) as client,
        pytest.raises(kind),
    ):
        list(client.downloads.follow("1"))

    assert len(server.requests) == 1


def test_what_is_not_there_is_not_followed() -> None:
    def refuse(_: Any) -> Iterator[DownloadEvent]:
        raise Refusal(grpc.StatusCode.NOT_FOUND, "DOWNLOAD_NOT_FOUND", "No download 1.")

    with (
        serving(WatchDownloads=refuse) as server,
        Funland(server.address) as client,
        pytest.raises(DownloadNotFoundError),
    ):
        list(client.downloads.follow("1"))

    assert len(server.requests) == 1


def test_a_sync_and_a_watch_are_streams() -> None:
    finish = SyncHubsEvent(finish=SyncHubsResult(models=3))

    with (
        serving(SyncHubs=lambda _: [finish], WatchDownloads=told(ONE, DONE)) as server,
        Funland(server.address) as client,
    ):
        with client.hubs.sync("ollama", limit=9) as events:
            assert list(events) == [finish]
        with client.downloads.watch() as changes:
            assert [change.WhichOneof("event") for change in changes] == [
                "download", "synced", "download"
            ]  # fmt: skip

    assert server.requests == [
        SyncHubsRequest(hub=Origin.OLLAMA, limit=9),
        WatchDownloadsRequest(),
    ]
