"""Downloads and the hubs' models are told in words, those of later versions included."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console

from funland.v1.downloads_pb2 import Download, DownloadEvent, DownloadFile
from funland.v1.errors_pb2 import Error
from funland.v1.hub_pb2 import HubFailure, HubInfo, HubModel, SearchHubModelsResponse
from funland.v1.models_pb2 import Model, Origin
from funland_cli import hub_views
from funland_cli.download_views import (
    Bar,
    all_of,
    amount,
    bars,
    chosen,
    finished,
    next_step,
    pace,
    row,
    standing,
    steps,
)
from funland_cli.failures import CommandError, ExitCode
from funland_cli.naming import named
from funland_cli.overview import news
from funland_cli.progress import drawn, shortened

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SUM = "a" * 64


def at(seconds: float) -> Timestamp:
    time = Timestamp()
    time.FromDatetime(NOW + timedelta(seconds=seconds))
    return time


def file(path: str, done: int, size: int | None = 100, *, reused: bool = False) -> DownloadFile:
    return DownloadFile(
        path=path, downloaded_bytes=done, size_bytes=size, sha256=SUM, done=done == size,
        reused=reused,
    )  # fmt: skip


def test_there_is_a_bar_for_each_file_and_one_for_all() -> None:
    download = Download(
        downloaded_bytes=250,
        total_bytes=400,
        files=[
            file("a", 100),
            file("b", 50),
            file("c", 100, reused=True),
            file("d", 0, None),
            DownloadFile(path="e", downloaded_bytes=7, size_bytes=7, done=True),
        ],
    )

    assert bars(download, 5) == [
        Bar("a", 100, 100, "100 B, checked"),
        Bar("b", 50, 100, "50 B of 100 B, 50%"),
        Bar("c", 100, 100, "was here already"),
        Bar("d", 0, None, ""),
        Bar("e", 7, 7, "7 B"),
        Bar("all, 3 of 5 files", 250, 400, "250 B of 400 B, 62%"),
    ]


def test_of_many_files_those_that_come_now_are_shown() -> None:
    files = [file("done", 100), file("one", 1), file("later", 0), file("two", 2), file("three", 3)]

    shown = bars(Download(files=files), 2)

    assert [bar.name for bar in shown] == ["one", "two", "all, 1 of 5 files"]


def test_one_file_needs_no_bar_for_all_and_none_needs_it() -> None:
    assert [bar.name for bar in bars(Download(files=[file("a", 1)]), 5)] == ["a"]
    assert bars(Download(), 5) == [Bar("all", 0, None, "")]


@pytest.mark.parametrize(
    ("download", "said"),
    [
        (Download(), ""),
        (Download(downloaded_bytes=5), "5 B"),
        (Download(downloaded_bytes=0, total_bytes=2000), "0 B of 2.0 kB, 0%"),
        (Download(downloaded_bytes=1999, total_bytes=2000), "2.0 kB of 2.0 kB, 99%"),
        (Download(downloaded_bytes=0, total_bytes=0), "0 B of 0 B"),
    ],
)
def test_amounts(download: Download, said: str) -> None:
    assert amount(download) == said


@pytest.mark.parametrize(
    ("download", "said"),
    [
        (Download(), ""),
        (Download(bytes_per_second=1.2e6), "1.2 MB/s"),
        (
            Download(bytes_per_second=1e3, remaining=Duration(seconds=90), active_connections=1),
            "1.0 kB/s, 1 min 30 s left, 1 connection",
        ),
        (Download(active_connections=16), "16 connections"),
    ],
)
def test_paces(download: Download, said: str) -> None:
    assert pace(download) == said


@pytest.mark.parametrize(
    ("download", "said"),
    [
        (Download(state=Download.QUEUED, queue_position=2), "queued, number 2 in turn"),
        (
            Download(
                state=Download.WAITING, wait_until=at(30), error=Error(message="Ollama is away.")
            ),
            "waiting, again in 30 s: Ollama is away.",
        ),
        (Download(state=Download.WAITING, wait_until=at(-5)), "waiting, again in 0 s"),
        (Download(state=Download.FAILED, error=Error(message="No.")), "failed: No."),
        (Download(state=99), ""),  # pyright: ignore[reportArgumentType]  # a later version's
    ],
)
def test_states(download: Download, said: str) -> None:
    assert standing(download, NOW) == said


ORIGIN = Origin(
    hub=Origin.MODELSCOPE, model_id="Qwen/Qwen", revision="0123456789abcdef", variant="Q4_K_M"
)


def test_what_was_chosen_and_why() -> None:
    download = Download(
        origin=ORIGIN, format=Model.GGUF, total_bytes=4_700_000_000, reason="The largest that fits."
    )

    assert chosen(download) == [
        "Qwen/Qwen @0123456789ab, Q4_K_M, gguf, 4.7 GB, from ModelScope",
        "The largest that fits.",
    ]
    assert chosen(Download(source="qwen")) == ["qwen"]


def test_steps_are_what_is_new() -> None:
    queued = Download(source="q", state=Download.QUEUED, queue_position=1, total_bytes=200)
    begun = Download(state=Download.DOWNLOADING, total_bytes=200, files=[file("a", 0)])
    more = Download(
        state=Download.DOWNLOADING, downloaded_bytes=19, total_bytes=200, bytes_per_second=5,
        files=[file("a", 19)],
    )  # fmt: skip
    tenth = Download(
        state=Download.DOWNLOADING, downloaded_bytes=100, total_bytes=200, bytes_per_second=5,
        files=[file("a", 100)],
    )  # fmt: skip
    away = Download(state=Download.WAITING, total_bytes=200, error=Error(message="Away."))
    done = Download(state=Download.COMPLETED, downloaded_bytes=200, total_bytes=200)

    assert steps(None, queued, NOW) == [
        "q, 200 B",
        "queued, number 1 in turn, 0 B of 200 B, 0%",
    ]
    assert steps(queued, begun, NOW) == ["downloading, 0 B of 200 B, 0%"]
    assert steps(begun, begun, NOW) == []
    assert steps(begun, more, NOW) == []
    assert steps(more, tenth, NOW) == ["a: 100 B, checked", "100 B of 200 B, 50%, 5 B/s"]
    assert steps(tenth, away, NOW) == ["waiting, 0 B of 200 B, 0%: Away."]
    assert steps(tenth, done, NOW) == []
    assert steps(tenth, Download(state=Download.FAILED), NOW) == []


@pytest.mark.parametrize(
    ("model", "command"),
    [
        (Model(can_chat=True, can_generate=True), "chat"),
        (Model(can_generate=True), "generate"),
        (Model(can_rerank=True), "rerank"),
        (Model(), "embed"),
        (Model(kind=Model.SPEECH), 'say "Hello."'),
        (Model(kind=Model.TRANSCRIPTION), "listen FILE"),
        (Model(kind=Model.IMAGE), 'paint "a house"'),
    ],
)
def test_what_is_installed_can_be_used_at_once(model: Model, command: str) -> None:
    model.model_id = "m"
    download = Download(
        model_id="m", fetched_bytes=398_000_000, start_time=at(0), end_time=at(62), verified=True
    )

    assert finished(download, model) == (
        "Installed m, 398.0 MB in 1 min 2 s, SHA-256 checked. "
        f"Try it: funland {command} -m m"
    )  # fmt: skip


def test_what_was_there_was_not_fetched() -> None:
    told = finished(Download(model_id="m"), Model(model_id="m", can_chat=True))

    assert told == "m is installed; nothing had to be fetched. Try it: funland chat -m m"


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (Download.PAUSED, "To go on: funland downloads resume 7 --server h:1"),
        (Download.FAILED, "To try again: funland downloads retry 7 --server h:1"),
        (Download.CANCELLED, "To try again: funland downloads retry 7 --server h:1"),
        (
            Download.DOWNLOADING,
            "The download goes on at the server. To see it: funland downloads watch 7 --server h:1",
        ),
        (Download.COMPLETED, ""),
    ],
)
def test_next_steps(state: Download.State.ValueType, said: str) -> None:
    assert next_step(Download(download_id="7", state=state), ("--server", "h:1")) == said


def test_rows_and_all_that_is_known() -> None:
    download = Download(
        download_id="7", source="ollama:q", origin=Origin(hub=Origin.OLLAMA), state=Download.PAUSED,
        downloaded_bytes=1, total_bytes=4, files=[file("a", 1, 4)], priority=Download.HIGH,
    )  # fmt: skip

    assert row(download, NOW) == ("7", "ollama:q", "Ollama", "paused", "1 B of 4 B, 25%", "")
    told = dict(all_of(download, NOW))
    assert (told["file"], told["priority"], told["hub"]) == ("a: 1 B of 4 B, 25%", "high", "Ollama")


def picture(download: Download, width: int) -> list[str]:
    console = Console(width=width, force_terminal=True, color_system=None)
    with console.capture() as captured:
        console.print(drawn(download, NOW, width))
    return captured.get().splitlines()


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_shards_are_told_apart_at_every_width(width: int) -> None:
    names = [f"qwen2.5-7b-instruct-q4_k_m-0000{n}-of-00002.gguf" for n in (1, 2)]
    files = [file(name, 1_200_000_000, 3_900_000_000) for name in names]

    lines = picture(Download(state=Download.DOWNLOADING, files=files), width)

    assert len(lines) == 4
    for number, line in enumerate(lines[:2], 1):
        assert f"{number}-of-00002.gguf " in line
        assert line.rstrip().endswith("1.2 GB of 3.9 GB, 30%")


def test_empty_files_and_files_of_unknown_size_have_bars() -> None:
    empty = DownloadFile(path="empty", size_bytes=0, done=True)

    lines = picture(Download(files=[empty, file("unknown", 5, None)]), 80)

    assert lines[0].count("━") == lines[1].count("━") > 10


def test_a_picture_has_names_bars_and_a_state_and_can_not_be_steered() -> None:
    download = Download(
        state=Download.DOWNLOADING, bytes_per_second=5,
        files=[file("\x1b[2Jevil", 50), file("d/" + "x" * 60 + ".gguf", 100)],
    )  # fmt: skip

    lines = picture(download, 100)

    assert len(lines) == 4
    assert lines[0].startswith("[2Jevil")
    assert "━" in lines[0]
    assert lines[1].startswith("…xxx")
    assert lines[-1].strip() == "downloading, 5 B/s"


@pytest.mark.parametrize(("width", "said"), [(5, "a/b.c"), (4, "…b.c")])
def test_of_a_long_path_the_end_is_shown(width: int, said: str) -> None:
    assert shortened("a/b.c", width) == said


DOWNLOADS = [
    Download(download_id="abcd2", source="q", model_id="new"),
    Download(download_id="abcd1", source="q", origin=Origin(model_id="o/n", variant="0.5b")),
    Download(download_id="abce", source="other"),
]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("abcd1", "abcd1"),
        ("q", "abcd2"),
        ("new", "abcd2"),
        ("o/n", "abcd1"),
        ("o/n:0.5b", "abcd1"),
        ("abce", "abce"),
        ("abc", "abc"),  # Too short, and no id: the server says so.
        ("nothing", "nothing"),
    ],
)
def test_a_download_is_named_by_id_source_or_model(text: str, found: str) -> None:
    assert named(text, DOWNLOADS) == found


def test_the_beginning_of_an_id_is_enough_if_it_is_the_only_one() -> None:
    assert named("abcd", DOWNLOADS[1:]) == "abcd1"
    with pytest.raises(CommandError, match="abcd2, abcd1") as raised:
        named("abcd", DOWNLOADS)
    assert raised.value.exit_code == ExitCode.USAGE


def test_a_hubs_model_in_a_row() -> None:
    model = HubModel(
        hub=Origin.HUGGINGFACE, model_id="o/n", formats=[Model.GGUF, Model.SAFETENSORS],
        size_bytes=5_000_000, downloads=1_200_000, likes=0, update_time=at(0),
        installed_model_ids=["n"], favorite=True, gated=True,
    )  # fmt: skip

    assert hub_views.row(model) == (
        "o/n", "HuggingFace", "gguf, safetensors", "5.0 MB", "1.2M", "0", "2026-01-01",
        "installed as n, favorite, needs a token",
    )  # fmt: skip
    assert hub_views.row(HubModel(model_id="n")) == ("n", "", "", "", "", "", "", "")
    assert len(hub_views.COLUMNS) == len(hub_views.row(HubModel()))


def test_a_hub_in_a_row() -> None:
    hub = HubInfo(
        hub=Origin.OLLAMA, display_name="Ollama", endpoint="https://hub", mirrors=["a", "b"],
        has_token=True, catalog_models=1500, catalog_time=at(-60),
    )  # fmt: skip

    assert hub_views.hub_row(hub, NOW) == (
        "Ollama", "https://hub", "a, b", "yes", "by name only", "1.5K", "1 min ago",
    )  # fmt: skip
    assert hub_views.hub_row(HubInfo(hub=Origin.MODELSCOPE, searchable=True), NOW) == (
        "ModelScope", "", "", "no", "yes", "0", "never",
    )  # fmt: skip
    assert len(hub_views.HUB_COLUMNS) == len(hub_views.hub_row(HubInfo(), NOW))


def test_news_of_all_downloads_are_told_by_their_source() -> None:
    known: dict[str, Download] = {}
    begun = Download(download_id="1", source="q", state=Download.DOWNLOADING, total_bytes=9)
    done = Download(download_id="1", source="q", state=Download.COMPLETED, model_id="m")
    failed = Download(
        download_id="3", source="s", state=Download.FAILED, error=Error(message="No.")
    )
    old = Download(download_id="2", source="r", state=Download.COMPLETED)

    told = [
        news(event, known, NOW)
        for event in (
            DownloadEvent(download=begun),
            DownloadEvent(download=old),
            DownloadEvent(synced=Empty()),
            DownloadEvent(download=begun),
            DownloadEvent(download=done),
            DownloadEvent(deleted_download_id="1"),
            DownloadEvent(),
            DownloadEvent(download=failed),
            DownloadEvent(download=failed),
        )
    ]

    assert told == [
        ["q: downloading, 0 B of 9 B, 0%"], [], [], [], ["q: installed as m"], ["q: deleted"], [],
        ["s: failed: No."], [],
    ]  # fmt: skip
    assert list(known) == ["2", "3"]


def test_what_a_search_can_not_answer_is_said() -> None:
    failure = HubFailure(hub=Origin.OLLAMA, error=Error(message="It is away."))
    some = SearchHubModelsResponse(
        models=[HubModel()], failures=[failure], catalog_time=at(-7200), next_page_token="n",  # noqa: S106 - a page's
        total_size=30,
    )  # fmt: skip

    assert list(hub_views.answered(some, 5, NOW)) == [
        "Ollama gave nothing: It is away.",
        "The oldest of it was learnt 2 h ago. To refresh it: funland hubs sync",
        "For 24 more: --skip 6",
    ]
    some.ClearField("total_size")
    assert list(hub_views.answered(some, 0, NOW))[-1] == "For more: --skip 1"
    assert list(hub_views.answered(SearchHubModelsResponse(), 0, NOW)) == ["No model found."]
