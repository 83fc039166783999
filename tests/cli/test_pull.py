"""`funland pull` and its relatives as a user runs them, with a server that is told what to say."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from funland.v1.downloads_pb2 import (
    DeleteDownloadRequest,
    Download,
    DownloadEvent,
    DownloadFile,
    ListDownloadsResponse,
    PauseDownloadRequest,
    ResumeDownloadRequest,
    StartDownloadRequest,
    UpdateDownloadRequest,
    WatchDownloadsRequest,
)
from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.hub_pb2 import (
    AddFavoriteRequest,
    Favorite,
    HubFailure,
    HubInfo,
    HubModel,
    HubSync,
    ListFavoritesResponse,
    ListHubsResponse,
    RemoveFavoriteRequest,
    SearchHubModelsRequest,
    SearchHubModelsResponse,
    SyncHubsEvent,
    SyncHubsRequest,
    SyncHubsResult,
)
from funland.v1.models_pb2 import Model, Origin
from funland_cli.following import after_failure
from funland_client import FunlandError
from funland_client.errors import (
    DownloadCorruptError,
    DownloadNotFoundError,
    DownloadStoppedError,
    ModelNotFoundError,
    ServerUnreachableError,
    StreamBrokenError,
)
from tests.cli.terminal import SECONDS, Terminal
from tests.scripted_server import Refusal, ScriptedServer, serving

if TYPE_CHECKING:
    from tests.cli.conftest import Command

ORIGIN = Origin(hub=Origin.OLLAMA, model_id="qwen2.5", revision="0b1c", variant="0.5b")


def download(state: Download.State.ValueType, done: int) -> Download:
    """One of 400 bytes, as far as it has come."""
    file = DownloadFile(
        path="model.gguf", size_bytes=400, downloaded_bytes=done, done=done == 400, sha256="a" * 64
    )
    return Download(
        download_id="d1", source="qwen2.5:0.5b", origin=ORIGIN, format=Model.GGUF, state=state,
        files=[file], downloaded_bytes=done, total_bytes=400, fetched_bytes=done,
        bytes_per_second=5, model_id="qwen2.5-0.5b", reason="The largest that fits.",
        verified=state == Download.COMPLETED,
    )  # fmt: skip


STARTED = download(Download.QUEUED, 0)
HALF = download(Download.DOWNLOADING, 200)
PAUSED = download(Download.PAUSED, 200)
DONE = download(Download.COMPLETED, 400)
MODEL = Model(model_id="qwen2.5-0.5b", can_chat=True)


def told(*states: Download) -> list[DownloadEvent]:
    return [DownloadEvent(download=state) for state in states]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """One whose download goes well."""
    with serving(
        StartDownload=STARTED,
        WatchDownloads=lambda _: told(STARTED, HALF, DONE),
        GetDownload=HALF,
        ListDownloads=ListDownloadsResponse(downloads=[HALF]),
        GetModel=MODEL,
    ) as scripted:
        yield scripted


def run(
    funland: Command, server: ScriptedServer, *arguments: str
) -> subprocess.CompletedProcess[str]:
    return funland(*arguments, FUNLAND_SERVER=server.address)


def test_a_pull_tells_its_steps_and_ends_with_how_to_use_the_model(
    funland: Command, server: ScriptedServer
) -> None:
    result = run(funland, server, "pull", "qwen2.5:0.5b", "--hub", "ollama", "--id", "mine")

    assert result.returncode == 0
    assert result.stderr.splitlines() == [
        "qwen2.5 @0b1c, 0.5b, gguf, 400 B, from Ollama",
        "The largest that fits.",
        "queued, 0 B of 400 B, 0%",
        "downloading, 200 B of 400 B, 50%",
        "model.gguf: 400 B, checked",
    ]
    assert result.stdout == (
        "Installed qwen2.5-0.5b, SHA-256 checked. Try it: funland chat -m qwen2.5-0.5b\n"
    )
    assert server.requests[0] == StartDownloadRequest(
        source="qwen2.5:0.5b", hub=Origin.OLLAMA, model_id="mine"
    )


def test_every_option_is_part_of_what_is_asked_for(
    funland: Command, server: ScriptedServer
) -> None:
    flags = (
        *("--hub", "modelscope", "--file", "q4.gguf", "--format", "gguf", "--revision", "v1"),
        *("--context", "4096", "--id", "mine", "--alias", "a", "--alias", "b"),
        *("--priority", "high", "--connections", "4"),
    )

    run(funland, server, "pull", "o/n", *flags, "--detach")

    assert server.requests == [
        StartDownloadRequest(
            source="o/n", hub=Origin.MODELSCOPE, variant="q4.gguf", format=Model.GGUF,
            revision="v1", context_length=4096, model_id="mine", aliases=["a", "b"],
            priority=Download.HIGH, max_connections=4,
        )
    ]  # fmt: skip


def test_programs_get_a_line_of_json_for_each_state(
    funland: Command, server: ScriptedServer
) -> None:
    result = run(funland, server, "pull", "qwen2.5:0.5b", "--json")

    assert result.returncode == 0
    assert result.stderr == ""
    states = [json.loads(line) for line in result.stdout.splitlines()]
    assert [state["state"] for state in states] == ["QUEUED", "DOWNLOADING", "COMPLETED"]
    assert states[1]["files"][0]["downloaded_bytes"] == 200
    assert states[-1]["model_id"] == "qwen2.5-0.5b"


def test_a_detached_pull_writes_the_id_alone(funland: Command, server: ScriptedServer) -> None:
    result = run(funland, server, "pull", "qwen2.5:0.5b", "--detach")

    assert (result.returncode, result.stdout) == (0, "d1\n")
    assert "funland downloads watch d1" in result.stderr
    assert not any(isinstance(request, WatchDownloadsRequest) for request in server.requests)


def test_what_is_installed_is_not_downloaded_again(
    funland: Command, server: ScriptedServer
) -> None:
    there = download(Download.COMPLETED, 400)
    there.fetched_bytes = 0
    server.answers["StartDownload"] = there

    result = run(funland, server, "pull", "qwen2.5:0.5b")

    assert result.returncode == 0
    assert result.stdout.startswith("qwen2.5-0.5b is installed; nothing had to be fetched, SHA-256")


def test_a_quantization_and_a_file_are_one_too_many(
    funland: Command, server: ScriptedServer
) -> None:
    result = run(funland, server, "pull", "o/n", "-q", "q8_0", "--file", "a.gguf")

    assert result.returncode == 2
    assert result.stderr == "error: Only one of --quantization and --file can be.\n"
    assert server.requests == []


def refused(code: grpc.StatusCode, reason: str) -> Refusal:
    return Refusal(code, reason, "It can not be.")


@pytest.mark.parametrize(
    ("refusal", "exit_code", "hint"),
    [
        (refused(grpc.StatusCode.NOT_FOUND, "HUB_MODEL_NOT_FOUND"), 4, "funland search"),
        (refused(grpc.StatusCode.UNAVAILABLE, "HUB_UNREACHABLE"), 1, "search --offline"),
        (refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "HUB_RATE_LIMITED"), 1, "again in 1 s."),
        (refused(grpc.StatusCode.FAILED_PRECONDITION, "OFFLINE"), 1, "search --offline"),
        (refused(grpc.StatusCode.ALREADY_EXISTS, "MODEL_EXISTS"), 1, "--id"),
        (refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "STORAGE_FULL"), 1, "funland models rm"),
    ],
    ids=["not found", "unreachable", "limited", "offline", "exists", "full"],
)
def test_a_pull_that_can_not_begin_says_why_and_what_to_do(
    funland: Command, server: ScriptedServer, refusal: Refusal, exit_code: int, hint: str
) -> None:
    def refuse(_: StartDownloadRequest) -> Download:
        raise refusal

    server.answers["StartDownload"] = refuse

    result = run(funland, server, "pull", "o/n")

    assert result.returncode == exit_code
    assert result.stderr.startswith("error: It can not be.\n")
    assert hint in result.stderr
    assert len(server.requests) == 1  # Who waits sees at once what is wrong.


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_download_that_fails_says_why_and_how_to_try_again(
    funland: Command, server: ScriptedServer, form: tuple[str, ...]
) -> None:
    failed = download(Download.FAILED, 0)
    failed.error.CopyFrom(
        Error(code="DATA_LOSS", reason=ErrorReason.DOWNLOAD_CORRUPT, message="It is another file.")
    )
    server.answers["WatchDownloads"] = lambda _: told(STARTED, failed)

    result = run(funland, server, "pull", "qwen2.5:0.5b", *form)

    assert result.returncode == 1
    hint = "To try again: funland downloads retry d1"
    if form:
        error = json.loads(result.stderr)["error"]
        assert (error["reason"], error["hint"]) == ("DOWNLOAD_CORRUPT", hint)
    else:
        assert result.stderr.endswith(f"error: It is another file.\nhint: {hint}\n")


def test_a_server_that_starts_again_is_waited_for_and_people_see_it(
    funland: Command, server: ScriptedServer
) -> None:
    starts = iter([False, False, True, False, True])

    def watch(_: WatchDownloadsRequest) -> Iterator[DownloadEvent]:
        if not next(starts):
            yield from told(HALF)
            raise Refusal(grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING", "The server stops.")
        yield from told(HALF, DONE)

    server.answers["WatchDownloads"] = watch

    people = run(funland, server, "pull", "qwen2.5:0.5b")
    programs = run(funland, server, "pull", "qwen2.5:0.5b", "--json")

    assert people.returncode == programs.returncode == 0
    waits = "waiting, 200 B of 400 B, 50%: The server stops."
    assert [line for line in people.stderr.splitlines() if line == waits] == [waits] * 2
    states = [json.loads(line)["state"] for line in programs.stdout.splitlines()]
    assert states == ["DOWNLOADING", "DOWNLOADING", "COMPLETED"]


# A test run in the background may have inherited that the signal is ignored.
HEAR_SIGNALS = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Held:
    """A download that goes on until it is paused."""

    def __init__(self, server: ScriptedServer) -> None:
        self._paused = threading.Event()
        server.answers["WatchDownloads"] = self.watch
        server.answers["PauseDownload"] = self.pause

    def watch(self, _: WatchDownloadsRequest) -> Iterator[DownloadEvent]:
        yield from told(HALF)
        self._paused.wait(SECONDS)
        yield from told(PAUSED)

    def pause(self, _: PauseDownloadRequest) -> Download:
        self._paused.set()
        return PAUSED


def interrupted(
    funland: Command, server: ScriptedServer, *arguments: str, first: str, **variables: str
) -> tuple[int, str, str]:
    """Runs a command and presses Ctrl-C when it has written what it begins with."""
    with subprocess.Popen(
        [sys.executable, "-c", HEAR_SIGNALS, funland.path, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=funland.environment(**({"FUNLAND_SERVER": server.address} | variables)),
    ) as process:
        pipe = process.stdout if "--json" in arguments else process.stderr
        assert pipe is not None
        begun = ""
        while first not in begun:
            line = pipe.readline()
            assert line, begun
            begun += line
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=SECONDS)
    return process.returncode, out, err


def test_ctrl_c_pauses_the_download_and_says_how_to_go_on(
    funland: Command, server: ScriptedServer
) -> None:
    Held(server)

    code, out, err = interrupted(
        *(funland, server, "pull", "qwen2.5:0.5b", "-q", "q8_0", "--server", server.address),
        first="downloading",
        FUNLAND_SERVER="127.0.0.1:1",
    )

    assert (code, out) == (130, "")
    flag = f"--server {server.address}"
    assert err.splitlines() == [
        "Paused at 200 B of 400 B, 50%.",
        f"To go on: funland downloads resume d1 {flag}, or: "
        f"funland pull qwen2.5:0.5b --file=q8_0 {flag}",
    ]
    assert PauseDownloadRequest(download_id="d1") in server.requests


def test_ctrl_c_before_the_answer_says_where_to_look(
    funland: Command, server: ScriptedServer
) -> None:
    asked, over = threading.Event(), threading.Event()

    def wait(_: StartDownloadRequest) -> Download:
        asked.set()
        over.wait(SECONDS)
        return STARTED

    server.answers["StartDownload"] = wait
    with subprocess.Popen(
        [sys.executable, "-c", HEAR_SIGNALS, funland.path, "pull", "o/n"],
        stderr=subprocess.PIPE,
        text=True,
        env=funland.environment(FUNLAND_SERVER=server.address),
    ) as process:
        assert asked.wait(SECONDS)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=SECONDS)
        over.set()

    assert process.returncode == 130
    assert err == "It may have begun nevertheless. To see it: funland downloads\n"


def test_ctrl_c_leaves_programs_a_paused_download(funland: Command, server: ScriptedServer) -> None:
    Held(server)

    code, out, _ = interrupted(
        funland, server, "pull", "qwen2.5:0.5b", "--json", first="DOWNLOADING"
    )

    assert code == 130
    assert json.loads(out.splitlines()[-1])["state"] == "PAUSED"


def test_ctrl_c_after_the_end_changes_nothing(funland: Command, server: ScriptedServer) -> None:
    held = Held(server)

    def refuse(request: PauseDownloadRequest) -> Download:
        held.pause(request)
        raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, "DOWNLOAD_STATE", "It is complete.")

    server.answers |= {"PauseDownload": refuse, "GetDownload": DONE}

    code, out, _ = interrupted(funland, server, "pull", "qwen2.5:0.5b", first="downloading")

    assert code == 0
    assert out.startswith("Installed qwen2.5-0.5b")


def test_a_watch_that_is_left_pauses_nothing(funland: Command, server: ScriptedServer) -> None:
    Held(server)

    code, _, err = interrupted(
        funland, server, "downloads", "watch", "qwen2.5:0.5b", first="downloading"
    )

    assert code == 130
    assert err == "What is downloaded goes on at the server.\n"
    assert not any(isinstance(request, PauseDownloadRequest) for request in server.requests)


def test_a_terminal_shows_bars_and_ctrl_c_takes_them_away(
    funland: Command, server: ScriptedServer
) -> None:
    Held(server)
    environment = funland.environment(
        FUNLAND_SERVER=server.address, TERM="xterm", COLUMNS="120", LINES="40"
    )
    terminal = Terminal([funland.path, "pull", "qwen2.5:0.5b"], environment)
    try:
        shown = terminal.wait_for(r"downloading, 5 B/s")
        assert "The largest that fits." in shown
        assert "model.gguf" in shown
        assert "━" in shown
        assert "200 B of 400 B, 50%" in shown

        terminal.type("\x03")

        terminal.wait_for(r"Paused at 200 B of 400 B, 50%\.")
        terminal.wait_for(r"funland downloads resume d1")
        assert terminal.process.wait(SECONDS) == 130
    finally:
        terminal.close()


def test_downloads_are_listed_and_shown(funland: Command, server: ScriptedServer) -> None:
    for arguments in (("downloads",), ("downloads", "list")):
        listed = run(funland, server, *arguments).stdout.splitlines()
        assert listed[0].split() == ["DOWNLOAD", "MODEL", "HUB", "STATE", "DONE", "PACE"]
        assert "downloading" in listed[1]
    for arguments in (
        ("--json", "downloads"),
        ("downloads", "--json"),
        ("downloads", "list", "--json"),
    ):
        document = json.loads(run(funland, server, *arguments).stdout)
        assert document["downloads"][0]["download_id"] == "d1"
    shown = run(funland, server, "downloads", "show", "qwen2.5-0.5b").stdout
    assert "The largest that fits." in shown
    assert "model.gguf: 200 B of 400 B, 50%" in shown


def test_downloads_are_changed_by_id_or_source(funland: Command, server: ScriptedServer) -> None:
    answers = dict.fromkeys(
        ("ResumeDownload", "CancelDownload", "RetryDownload", "UpdateDownload"), HALF
    )
    server.answers |= {**answers, "PauseDownload": PAUSED, "DeleteDownload": Empty()}
    changed = ("downloads", "--json")

    paused = run(funland, server, "downloads", "pause", "qwen2.5:0.5b")
    resumed = run(funland, server, *changed, "resume", "d1")
    update = run(funland, server, "downloads", "update", "d1", "--priority", "high")
    deleted = run(funland, server, "downloads", "delete", "d1")

    assert paused.stdout == "d1 (qwen2.5:0.5b): paused\n"
    assert "funland downloads resume d1" in paused.stderr
    assert json.loads(resumed.stdout)["state"] == "DOWNLOADING"
    assert update.returncode == 0
    assert deleted.stdout == "Deleted d1.\n"
    for request in (
        PauseDownloadRequest(download_id="d1"),
        ResumeDownloadRequest(download_id="d1"),
        UpdateDownloadRequest(download_id="d1", priority=Download.HIGH),
        DeleteDownloadRequest(download_id="d1"),
    ):
        assert request in server.requests
    for name in ("cancel", "retry"):
        assert run(funland, server, "downloads", name, "d1").stdout.startswith("d1 (")


def test_a_change_of_nothing_is_wrong_usage(funland: Command, server: ScriptedServer) -> None:
    result = run(funland, server, "downloads", "update", "d1")

    assert result.returncode == 2
    assert "--priority or --connections" in result.stderr


def test_a_search_shows_what_the_hubs_have(funland: Command, server: ScriptedServer) -> None:
    model = HubModel(hub=Origin.OLLAMA, model_id="qwen2.5", downloads=5)
    server.answers["SearchHubModels"] = SearchHubModelsResponse(models=[model])
    flags = (
        *("--format", "gguf", "-q", "q4_k_m", "--type", "text-generation", "--hub", "ollama"),
        *("--limit", "3", "--skip", "1", "--sort", "downloads", "--owner", "o", "--offline"),
    )

    result = run(funland, server, "search", "qwen", "0.5b", *flags)
    document = json.loads(run(funland, server, "search", "--json").stdout)

    assert [line.split()[:2] for line in result.stdout.splitlines()] == [
        ["MODEL", "HUB"],
        ["qwen2.5", "Ollama"],
    ]
    assert document["models"][0]["downloads"] == 5
    assert server.requests == [
        SearchHubModelsRequest(
            query="qwen 0.5b", format=Model.GGUF, quantization="q4_k_m", hub=Origin.OLLAMA,
            model_type="text-generation", page_size=3, skip=1, owner="o", local=True,
            sort=SearchHubModelsRequest.DOWNLOADS,
        ),
        SearchHubModelsRequest(),
    ]  # fmt: skip


def test_a_search_without_a_result_has_no_table(funland: Command, server: ScriptedServer) -> None:
    server.answers["SearchHubModels"] = SearchHubModelsResponse()

    result = run(funland, server, "search", "nothing")

    assert (result.returncode, result.stdout, result.stderr) == (0, "", "No model found.\n")


def test_all_downloads_are_watched(funland: Command, server: ScriptedServer) -> None:
    Held(server)

    code, out, _ = interrupted(funland, server, "downloads", "watch", "--json", first="DOWNLOADING")

    assert code == 130
    assert out == ""
    assert server.requests == [WatchDownloadsRequest()]

    server.answers["WatchDownloads"] = lambda _: told(HALF, DONE)
    watched = run(funland, server, "downloads", "watch")
    assert watched.stdout.splitlines() == [
        "qwen2.5:0.5b: downloading, 200 B of 400 B, 50%",
        "qwen2.5:0.5b: model.gguf: 400 B, checked",
        "qwen2.5:0.5b: installed as qwen2.5-0.5b",
    ]


def test_a_terminal_shows_all_downloads(funland: Command, server: ScriptedServer) -> None:
    Held(server)
    environment = funland.environment(FUNLAND_SERVER=server.address, TERM="xterm", COLUMNS="120")
    terminal = Terminal([funland.path, "downloads", "watch"], environment)
    try:
        terminal.wait_for(r"qwen2\.5-0\.5b .*Ollama .*200 B of 400 B, 50%")
    finally:
        terminal.close()


def test_a_terminal_shows_no_downloads_that_were_over_before(
    funland: Command, server: ScriptedServer
) -> None:
    before, goes_on, ends = Download(), Download(), Download()
    for shown, name in ((before, "before"), (goes_on, "goes-on"), (ends, "ends")):
        shown.CopyFrom(DONE if shown is before else HALF)
        shown.download_id = shown.model_id = name
    ended = Download()
    ended.CopyFrom(ends)
    ended.state = Download.COMPLETED
    over = threading.Event()

    def watch(_: WatchDownloadsRequest) -> Iterator[DownloadEvent]:
        yield from told(before, goes_on, ends, ended)
        over.wait(SECONDS)

    server.answers["WatchDownloads"] = watch
    environment = funland.environment(FUNLAND_SERVER=server.address, TERM="xterm", COLUMNS="120")
    terminal = Terminal([funland.path, "downloads", "watch"], environment)
    try:
        shown = terminal.wait_for("completed")
        assert "goes-on" in shown
        assert "before" not in shown
    finally:
        over.set()
        terminal.close()


def test_hubs_are_listed_and_synced(funland: Command, server: ScriptedServer) -> None:
    hub = HubInfo(
        hub=Origin.HUGGINGFACE, display_name="Hub", endpoint="https://hub", searchable=True
    )
    failure = HubFailure(hub=Origin.MODELSCOPE, error=Error(message="It is away."))
    events = [
        SyncHubsEvent(progress=HubSync(hub=Origin.OLLAMA, models=3)),
        SyncHubsEvent(failure=failure),
        SyncHubsEvent(finish=SyncHubsResult(models=3, added=1, hubs=[hub])),
    ]
    server.answers |= {"ListHubs": ListHubsResponse(hubs=[hub]), "SyncHubs": lambda _: events}

    listed = run(funland, server, "hubs")
    synced = run(funland, server, "hubs", "sync", "--hub", "ollama", "--limit", "9")
    document = run(funland, server, "hubs", "sync", "--json")

    assert "https://hub" in listed.stdout
    assert synced.stdout == "Synced 3 models, 1 of them new.\n"
    assert synced.stderr == "ModelScope gave nothing: It is away.\n"
    assert SyncHubsRequest(hub=Origin.OLLAMA, limit=9) in server.requests
    assert [list(json.loads(line)) for line in document.stdout.splitlines()] == [
        ["progress"], ["failure"], ["finish"]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("events", "said"),
    [
        (
            [
                SyncHubsEvent(failure=HubFailure(hub=Origin.MODELSCOPE)),
                SyncHubsEvent(finish=SyncHubsResult(hubs=[HubInfo(hub=Origin.OLLAMA)])),
            ],
            "No hub could be synced.",
        ),
        ([], "The connection to the server was lost before the sync was complete."),
    ],
    ids=["nothing", "cut off"],
)
def test_a_sync_that_brought_nothing_has_failed(
    funland: Command, server: ScriptedServer, events: list[SyncHubsEvent], said: str
) -> None:
    server.answers["SyncHubs"] = lambda _: events

    result = run(funland, server, "hubs", "sync")

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.endswith(f"error: {said}\n")


def test_favorites_are_added_listed_and_removed(funland: Command, server: ScriptedServer) -> None:
    favorite = Favorite(model=HubModel(hub=Origin.MODELSCOPE, model_id="o/n"))
    server.answers |= {
        "ListFavorites": ListFavoritesResponse(favorites=[favorite]),
        "AddFavorite": favorite,
        "RemoveFavorite": Empty(),
    }

    added = run(funland, server, "favorites", "add", "o/n", "--hub", "modelscope")
    listed = run(funland, server, "favorites")
    removed = run(funland, server, "favorites", "remove", "o/n")

    assert added.stdout == "o/n is a favorite.\n"
    assert "o/n" in listed.stdout
    assert removed.stdout == "o/n is no favorite.\n"
    assert server.requests[0] == AddFavoriteRequest(hub=Origin.MODELSCOPE, model_id="o/n")
    assert server.requests[-1] == RemoveFavoriteRequest(model_id="o/n")


@pytest.mark.parametrize(
    ("error", "last", "said"),
    [
        (DownloadCorruptError("no"), PAUSED, "To go on: funland downloads resume d1"),
        (StreamBrokenError("no"), HALF, "The download goes on at the server."),
        (ServerUnreachableError("no"), HALF, "hint; the download then goes on by itself"),
        (DownloadNotFoundError("no"), HALF, "hint"),
        (DownloadStoppedError("deleted", None), HALF, "hint"),
        (DownloadStoppedError("paused", PAUSED), PAUSED, "To go on: "),
        (ModelNotFoundError("no"), DONE, "hint"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_what_to_do_after_a_failure(error: FunlandError, last: Download, said: str) -> None:
    assert after_failure(error, "hint", last, ()).startswith(said)
