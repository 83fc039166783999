"""Tasks, batches, files and plugins as a user sees them, with a server that is told what to say."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from typer.testing import CliRunner, Result

from funland.v1 import inference_pb2
from funland.v1.batches_pb2 import Batch, BatchError, CreateBatchRequest, ListBatchesResponse
from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.files_pb2 import (
    DownloadFileRequest,
    File,
    GetFileRequest,
    ListFilesResponse,
    UploadFileRequest,
)
from funland.v1.inference_pb2 import ChatRequest, ChatResponse, GenerateRequest
from funland.v1.plugins_pb2 import (
    ExecutePluginRequest,
    InstallPluginRequest,
    ListPluginsResponse,
    Plugin,
    PluginExecution,
    PluginPermissions,
    UpdatePluginRequest,
)
from funland.v1.tasks_pb2 import (
    CancelTaskRequest,
    Lane,
    ListLanesResponse,
    ListTasksRequest,
    ListTasksResponse,
    SubmitTaskRequest,
    Task,
    TaskEvent,
    TaskResult,
)
from funland_cli.main import app
from tests.cli.terminal import Terminal
from tests.cli.test_pull import interrupted
from tests.scripted_server import Answer, Refusal, ScriptedServer, serving

if TYPE_CHECKING:
    from tests.cli.conftest import Command

TASK_ID, BATCH_ID = "task_7c1f22", "batch_9b02aa"
HELLO = inference_pb2.Message(role=inference_pb2.Message.USER, content="Hello!")
SYSTEM = inference_pb2.Message(role=inference_pb2.Message.SYSTEM, content="Be short.")
WAITING = Task(task_id=TASK_ID, kind=Task.CHAT, state=Task.PENDING)
RUNNING = Task(task_id=TASK_ID, state=Task.PROCESSING, progress_percent=40, progress_text="reading")
DONE = Task(
    task_id=TASK_ID,
    state=Task.COMPLETED,
    result=TaskResult(chat=ChatResponse(message=inference_pb2.Message(content="Hi!"))),
    file_ids=["file_1"],
)
BROKEN = Task(
    task_id=TASK_ID,
    state=Task.FAILED,
    error=Error(code="NOT_FOUND", reason=ErrorReason.MODEL_NOT_FOUND, message="No such model."),
)
GOING = Batch(batch_id=BATCH_ID, state=Batch.IN_PROGRESS, total_lines=2, completed_lines=1)
ANSWERED = Batch(
    batch_id=BATCH_ID, state=Batch.COMPLETED, total_lines=2, completed_lines=1, failed_lines=1,
    output_file_id="out", error_file_id="errors",
)  # fmt: skip
PLUGIN = Plugin(
    plugin_id="mine", version="1.0.0", state=Plugin.DISABLED,
    permissions=PluginPermissions(models=True, hosts=["example.com:443"]),
)  # fmt: skip
CONTENTS = {"out": b'{"custom_id": "a"}\n', "errors": b'{"custom_id": "b"}\n'}


def kept(file_id: str) -> File:
    content = CONTENTS[file_id]
    return File(
        file_id=file_id, name=f"{file_id}.jsonl", size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )  # fmt: skip


def told(*states: Task) -> Callable[[Any], Iterator[TaskEvent]]:
    return lambda _: iter([TaskEvent(task=state) for state in states])


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedServer]:
    with serving() as server:
        yield server


@pytest.fixture
def server(scripted: ScriptedServer) -> ScriptedServer:
    """One whose tasks, batches and plugins go well."""
    scripted.requests.clear()
    answers: dict[str, Message | Answer] = {
        "SubmitTask": WAITING,
        "GetTask": DONE,
        "ListTasks": ListTasksResponse(tasks=[RUNNING]),
        "WatchTask": told(WAITING, RUNNING, DONE),
        "ListLanes": ListLanesResponse(lanes=[Lane(name=Lane.LANGUAGE, limit=4)]),
        "CancelTask": WAITING,
        "RetryTask": WAITING,
        "DeleteTask": Empty(),
        "CreateBatch": GOING,
        "GetBatch": ANSWERED,
        "ListBatches": ListBatchesResponse(batches=[GOING]),
        "WatchBatch": watched(GOING, ANSWERED),
        "CancelBatch": GOING,
        "UploadFile": upload,
        "GetFile": get_file,
        "ListFiles": ListFilesResponse(files=[kept("out")]),
        "DownloadFile": content,
        "DeleteFile": Empty(),
        "ListPlugins": ListPluginsResponse(plugins=[PLUGIN]),
        "GetPlugin": PLUGIN,
        "InstallPlugin": PLUGIN,
        "UpdatePlugin": updated,
        "DeletePlugin": Empty(),
        "ExecutePlugin": PluginExecution(output='{"summary": "Short."}', file_ids=["out"]),
    }
    scripted.answers = answers
    return scripted


def watched(*states: Batch) -> Callable[[Any], Iterator[Batch]]:
    return lambda _: iter(states)


def get_file(request: GetFileRequest) -> File:
    return kept(request.file_id)


def content(request: DownloadFileRequest) -> Iterator[HttpBody]:
    yield HttpBody(data=CONTENTS[request.file_id])


def updated(request: UpdatePluginRequest) -> Plugin:
    state = Plugin.ENABLED if request.enabled else Plugin.DISABLED
    return Plugin(
        plugin_id="mine", config=request.config, permissions=PLUGIN.permissions, state=state
    )


def upload(requests: Iterator[UploadFileRequest]) -> Iterator[File]:
    content = b"".join(request.data for request in requests)
    yield File(file_id="in", sha256=hashlib.sha256(content).hexdigest())


def run(server: ScriptedServer, *arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(
        app, [*arguments], input=stdin, env={"FUNLAND_SERVER": server.address}
    )


def test_a_chat_is_submitted_and_its_id_is_written(server: ScriptedServer) -> None:
    result = run(server, "chat", "Hello!", "-d", "--system", "Be short.", "--seed", "7", "-m", "m")

    assert (result.exit_code, result.stdout) == (0, f"{TASK_ID}\n")
    assert f"funland tasks watch {TASK_ID}, to end it:" in result.stderr
    (request,) = server.requests
    assert isinstance(request, SubmitTaskRequest)
    chat = ChatRequest(model="m", messages=[SYSTEM, HELLO])
    chat.sampling.seed = 7
    assert request.work.chat == chat


def test_a_text_is_submitted_to_be_continued(server: ScriptedServer) -> None:
    result = run(server, "generate", "-", "--detach", "--json", stdin="Once")

    assert json.loads(result.stdout)["task_id"] == TASK_ID
    (request,) = server.requests
    assert isinstance(request, SubmitTaskRequest)
    generate = GenerateRequest(prompt="Once")
    generate.sampling.SetInParent()
    assert request.work.generate == generate


def test_what_nobody_waits_for_is_no_conversation(server: ScriptedServer) -> None:
    result = run(server, "chat", "Hello!", "--detach", "--session", "new")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "--detach has no --session" in result.stderr


def test_a_task_is_watched_to_its_end_and_its_result_is_written(server: ScriptedServer) -> None:
    result = run(server, "tasks", "watch", TASK_ID)

    assert (result.exit_code, result.stdout) == (0, "Hi!\n")
    assert result.stderr.splitlines() == [
        "pending",
        "processing: reading, 40%",
        "completed",
        "It made a file. To get it: funland files download file_1",
    ]


class Restarts:
    """Watches that a server breaks off which stops; it is there again at once."""

    def __init__(self, *watches: Callable[[Any], Iterator[Any]]) -> None:
        self._watches = iter(watches)

    def __call__(self, request: Any) -> Iterator[Any]:
        yield from next(self._watches)(request)
        raise Refusal(grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING", "The server stops.")


def test_a_server_that_starts_again_is_waited_for_and_that_is_said(server: ScriptedServer) -> None:
    server.answers["WatchTask"] = Restarts(told(RUNNING), told(WAITING), told(DONE))
    server.answers["WatchBatch"] = Restarts(watched(GOING), watched(ANSWERED))

    task = run(server, "tasks", "watch", TASK_ID)
    batch = run(server, "batch", "watch", BATCH_ID)

    assert (task.exit_code, task.stdout) == (0, "Hi!\n")
    assert task.stderr.splitlines()[:5] == [
        "processing: reading, 40%",
        "waiting for the server: The server stops., 40%",
        "pending",
        "waiting for the server: The server stops.",
        "completed",
    ]
    assert batch.exit_code == 0
    assert "waiting for the server: The server stops." in batch.stderr


def test_programs_are_told_no_state_while_the_server_is_gone(server: ScriptedServer) -> None:
    server.answers["WatchTask"] = Restarts(told(RUNNING), told(DONE))

    result = run(server, "tasks", "watch", TASK_ID, "--json")

    states = [json.loads(line)["state"] for line in result.stdout.splitlines()]
    assert states == ["PROCESSING", "COMPLETED"]
    assert result.stderr == ""


def test_what_a_plugin_made_as_a_task_is_its_output(server: ScriptedServer) -> None:
    made = TaskResult(plugin=PluginExecution(output='{"summary": "é"}'))
    server.answers["WatchTask"] = told(Task(state=Task.COMPLETED, result=made))

    assert run(server, "tasks", "watch", TASK_ID).stdout == '{"summary": "é"}\n'


def test_programs_get_each_state_of_a_task(server: ScriptedServer) -> None:
    result = run(server, "tasks", "watch", TASK_ID, "--json")

    states = [json.loads(line)["state"] for line in result.stdout.splitlines()]
    assert states == ["PENDING", "PROCESSING", "COMPLETED"]
    assert result.stderr == ""


def test_a_task_that_fails_says_why_and_what_to_do(server: ScriptedServer) -> None:
    server.answers["WatchTask"] = told(RUNNING, BROKEN)

    result = run(server, "tasks", "watch", TASK_ID)

    assert (result.exit_code, result.stdout) == (4, "")
    error, hint = result.stderr.splitlines()[-2:]
    assert error == "error: No such model."
    assert hint.startswith(f"hint: To try again: funland tasks retry {TASK_ID}")


def test_ctrl_c_leaves_a_task_as_it_is(funland: Command, server: ScriptedServer) -> None:
    over = threading.Event()

    def endless(_: Any) -> Iterator[TaskEvent]:
        yield TaskEvent(task=RUNNING)
        over.wait()

    server.answers["WatchTask"] = endless
    try:
        code, out, err = interrupted(
            funland, server, "tasks", "watch", TASK_ID, first="processing: reading"
        )
    finally:
        over.set()

    assert (code, out) == (130, "")
    assert f"funland tasks cancel {TASK_ID}" in err


def test_a_terminal_shows_a_bar_and_leaves_the_result(
    funland: Command, server: ScriptedServer
) -> None:
    shown = threading.Event()

    def stepwise(_: Any) -> Iterator[TaskEvent]:
        yield TaskEvent(task=RUNNING)
        shown.wait()
        yield TaskEvent(task=DONE)

    server.answers["WatchTask"] = stepwise
    environment = funland.environment(FUNLAND_SERVER=server.address, TERM="xterm")
    terminal = Terminal([funland.path, "tasks", "watch", TASK_ID], environment)
    try:
        assert "━" in terminal.wait_for("40%")
        shown.set()
        terminal.wait_for("Hi!\r\n")
        assert terminal.process.wait(120) == 0
    finally:
        shown.set()
        terminal.close()


def test_tasks_are_listed_as_many_as_are_wanted(server: ScriptedServer) -> None:
    server.answers["ListTasks"] = ListTasksResponse(tasks=[RUNNING, DONE])

    flags = ("--state", "failed", "--kind", "chat", "--caller", "ada")
    result = run(server, "tasks", "list", "-n", "1", *flags)

    heading, row = result.stdout.splitlines()
    assert heading.split()[:2] == ["TASK", "KIND"]
    assert row.startswith(TASK_ID)
    assert "There are more than 1" in result.stderr
    assert server.requests == [
        ListTasksRequest(states=[Task.FAILED], kinds=[Task.CHAT], caller="ada", page_size=2)
    ]
    assert len(json.loads(run(server, "tasks", "--json").stdout)["tasks"]) == 2


def test_a_task_is_shown_with_its_result(server: ScriptedServer) -> None:
    result = run(server, "tasks", "show", TASK_ID)

    assert result.stdout.splitlines()[0].split() == ["task", TASK_ID]
    assert result.stdout.endswith("\n\nHi!\n")


def test_the_beginning_of_an_id_is_enough(server: ScriptedServer) -> None:
    def get(request: Any) -> Task:
        if request.task_id != TASK_ID:
            raise Refusal(grpc.StatusCode.NOT_FOUND, "TASK_NOT_FOUND", "No such task.")
        return DONE

    server.answers["GetTask"] = get
    result = run(server, "tasks", "cancel", "7c1f")

    assert result.stdout == f"{TASK_ID}: pending\n"
    assert server.requests[-1] == CancelTaskRequest(task_id=TASK_ID)

    result = run(server, "tasks", "show", "none")
    assert result.exit_code == 4
    assert result.stderr == "error: No such task.\n"


def test_tasks_are_cancelled_retried_and_deleted(server: ScriptedServer) -> None:
    assert run(server, "tasks", "retry", TASK_ID).stdout == f"{TASK_ID}: pending\n"
    assert run(server, "tasks", "delete", TASK_ID).stdout == f"Deleted {TASK_ID}.\n"
    deleted = json.loads(run(server, "tasks", "delete", TASK_ID, "--json").stdout)
    assert deleted == {"deleted_task_id": TASK_ID}


def test_lanes_are_listed(server: ScriptedServer) -> None:
    assert run(server, "tasks", "lanes").stdout.splitlines()[1].split() == [
        *("language", "0/4", "0/0")
    ]


def test_all_tasks_are_watched(server: ScriptedServer) -> None:
    events = [TaskEvent(task=RUNNING), TaskEvent(task=DONE), TaskEvent(deleted_task_id=TASK_ID)]
    server.answers["WatchTasks"] = lambda _: iter(events)

    result = run(server, "tasks", "watch")

    assert result.stdout.splitlines() == [
        f"{TASK_ID}: processing: reading",
        f"{TASK_ID}: completed",
        f"{TASK_ID}: deleted",
    ]


def test_all_tasks_are_watched_beyond_the_end_of_a_server(server: ScriptedServer) -> None:
    server.answers["WatchTasks"] = Restarts(told(RUNNING, WAITING), told(WAITING), told())

    result = run(server, "tasks", "watch")

    assert result.stdout.splitlines()[:4] == [
        f"{TASK_ID}: processing: reading",
        f"{TASK_ID}: pending",
        "waiting for the server: The server stops.",
        f"{TASK_ID}: pending",
    ]


def test_a_terminal_shows_what_goes_on_and_above_it_what_ended(
    funland: Command, server: ScriptedServer
) -> None:
    shown, over = threading.Event(), threading.Event()

    def stepwise(_: Any) -> Iterator[TaskEvent]:
        yield TaskEvent(task=RUNNING)
        shown.wait()
        yield TaskEvent(task=DONE)
        over.wait()

    server.answers["WatchTasks"] = stepwise
    environment = funland.environment(FUNLAND_SERVER=server.address, TERM="xterm", COLUMNS="120")
    terminal = Terminal([funland.path, "tasks", "watch"], environment)
    try:
        terminal.wait_for("processing: reading, 40%")
        shown.set()
        # It has a line of its own: the table is drawn anew below it.
        terminal.wait_for(rf"\x1b\[2K{TASK_ID}: completed\r\n[^\n]*TASK")
        terminal.interrupt()
        terminal.wait_for("goes on at the server")
        assert terminal.process.wait(120) == 130
    finally:
        shown.set()
        over.set()
        terminal.close()


def test_a_batch_is_created_shown_and_written(server: ScriptedServer, tmp_path: Path) -> None:
    asked, answers, errors = (tmp_path / name for name in ("in.jsonl", "out.jsonl", "errors.jsonl"))
    asked.write_bytes(b"{}\n")

    result = run(
        server, "batch", "create", str(asked), "--wait", "--window", "2h", "--priority", "-3",
        "-o", str(answers), "--errors", str(errors),
    )  # fmt: skip

    assert result.exit_code == 0
    assert result.stdout == "1 of 2 lines answered, 1 failed.\n"
    assert result.stderr.splitlines()[0] == "in_progress, 1 of 2 lines"
    assert (answers.read_bytes(), errors.read_bytes()) == (CONTENTS["out"], CONTENTS["errors"])
    (create,) = [each for each in server.requests if isinstance(each, CreateBatchRequest)]
    assert create == CreateBatchRequest(
        input_file_id="in", endpoint="/v1/chat/completions", window_seconds=7200, priority=-3
    )


def test_a_batch_is_created_and_left(server: ScriptedServer, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_bytes(b"{}\n")

    result = run(server, "batch", "create", str(tmp_path / "in.jsonl"))

    assert (result.exit_code, result.stdout) == (0, f"{BATCH_ID}\n")
    assert f"funland batch watch {BATCH_ID}" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere.jsonl",), "nowhere.jsonl can't be read: No such file or directory"),
        (("nowhere.jsonl", "-o", "out"), "--output and --errors need --wait"),
        (("nowhere.jsonl", "--window", "forever"), "--window must be at least a second"),
    ],
)
def test_a_batch_that_can_not_be_is_wrong_usage(
    server: ScriptedServer, arguments: tuple[str, ...], said: str
) -> None:
    result = run(server, "batch", "create", *arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_a_batch_whose_file_is_wrong_says_so(server: ScriptedServer) -> None:
    wrong = Batch(
        batch_id=BATCH_ID, state=Batch.FAILED, errors=[BatchError(line=2, message="No JSON.")]
    )
    server.answers["WatchBatch"] = watched(wrong)
    server.answers["GetBatch"] = wrong

    followed = run(server, "batch", "watch", BATCH_ID)
    shown = run(server, "batch", "show", BATCH_ID)

    assert followed.exit_code == 1
    assert "line 2: No JSON." in followed.stderr
    assert f"funland batch show {BATCH_ID}" in followed.stderr
    assert shown.stdout.splitlines()[-1].split() == ["2", "No", "JSON."]


def test_results_are_written_as_they_are(server: ScriptedServer, tmp_path: Path) -> None:
    result = run(server, "batch", "results", BATCH_ID)
    saved = run(server, "batch", "results", BATCH_ID, "-o", str(tmp_path / "out.jsonl"))

    assert result.stdout_bytes == CONTENTS["out"] + CONTENTS["errors"]
    assert (tmp_path / "out.jsonl").read_bytes() == CONTENTS["out"]
    assert "Some lines failed" in saved.stderr

    server.answers["GetBatch"] = GOING
    early = run(server, "batch", "results", BATCH_ID)
    assert (early.exit_code, early.stdout) == (1, "")
    assert "has not ended: in_progress, 1 of 2 lines" in early.stderr

    server.answers["GetBatch"] = Batch(batch_id=BATCH_ID, state=Batch.FAILED)
    wrong = run(server, "batch", "results", BATCH_ID)
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert f"{BATCH_ID} has no answers: failed." in wrong.stderr


def test_batches_are_listed_and_cancelled(server: ScriptedServer) -> None:
    assert run(server, "batch").stdout.splitlines()[1].startswith(BATCH_ID)
    server.answers["ListBatches"] = ListBatchesResponse(batches=[GOING] * 3)
    server.answers["ListFiles"] = ListFilesResponse(files=[kept("out")] * 3)
    for command in ("batch", "files"):
        some = run(server, command, "list", "-n", "2")
        assert len(some.stdout.splitlines()) == 3
        assert "There are more than 2" in some.stderr
    cancelled = run(server, "batch", "cancel", BATCH_ID)
    assert cancelled.stdout == f"{BATCH_ID}: in_progress, 1 of 2 lines\n"


def test_files_go_there_and_back(server: ScriptedServer, tmp_path: Path) -> None:
    sent = run(server, "files", "upload", "-", "--name", "a", "--keep", "1h", stdin="Hello!")
    first, sent_content = server.requests
    listed = run(server, "files")
    fetched = run(server, "files", "download", "out", "-o", str(tmp_path))
    piped = run(server, "files", "download", "out", "-o", "-")
    deleted = run(server, "files", "delete", "out")

    assert sent.stdout == "in\n"
    assert isinstance(first, UploadFileRequest)
    assert (first.name, first.retention_seconds) == ("a", 3600)
    assert sent_content == UploadFileRequest(data=b"Hello!")
    assert listed.stdout.splitlines()[1].split()[:2] == ["out", "out.jsonl"]
    assert fetched.stdout == f"{tmp_path / 'out.jsonl'}\n"
    assert (tmp_path / "out.jsonl").read_bytes() == piped.stdout_bytes == CONTENTS["out"]
    assert deleted.stdout == "Deleted out.\n"


def test_a_file_of_a_name_that_nobody_chose_here_takes_no_other_s_place(
    server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    first = run(server, "files", "download", "out")
    Path("out.jsonl").write_text("mine")
    again = run(server, "files", "download", "out")

    assert (first.exit_code, first.stdout) == (0, "out.jsonl\n")
    assert (again.exit_code, again.stdout) == (1, "")
    assert again.stderr.startswith("error: out.jsonl is there already.\nhint: ")
    assert Path("out.jsonl").read_text() == "mine"
    assert run(server, "files", "download", "out", "-o", ".").exit_code == 0
    assert Path("out.jsonl").read_bytes() == CONTENTS["out"]


def test_a_file_that_is_not_there_is_said_by_its_name(server: ScriptedServer) -> None:
    result = run(server, "files", "upload", "nowhere")

    assert result.exit_code == 2
    assert result.stderr == "error: nowhere can't be read: No such file or directory\n"


def test_plugins_are_listed_and_shown(server: ScriptedServer) -> None:
    listed = run(server, "plugins")
    shown = run(server, "plugins", "show", "mine")

    assert listed.stdout.splitlines()[1].split() == ["mine", "1.0.0", "disabled"]
    assert "ask models, connect to example.com:443" in shown.stdout


def test_a_plugin_runs_on_json(server: ScriptedServer, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text('{"text": "é"}', encoding="utf-8")

    result = run(
        server, "plugins", "run", "mine", "--input", f"@{tmp_path / 'in.json'}",
        "--config", '{"words": 7}', "--format", "json", "--files", str(tmp_path / "made"),
    )  # fmt: skip

    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"summary": "Short."}
    assert (tmp_path / "made" / "out.jsonl").read_bytes() == CONTENTS["out"]
    assert server.requests[0] == ExecutePluginRequest(
        plugin_id="mine", input='{"text": "é"}', config='{"words": 7}', output_format="json"
    )


def test_a_plugin_is_submitted(server: ScriptedServer) -> None:
    result = run(server, "plugins", "run", "mine", "-i", "-", "--detach", stdin='{"a": 1}')

    assert result.stdout == f"{TASK_ID}\n"
    (request,) = server.requests
    assert isinstance(request, SubmitTaskRequest)
    assert request.work.plugin == ExecutePluginRequest(plugin_id="mine", input='{"a": 1}')


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("{", "--input is not JSON"),
        ("[1]", "--input is no object"),
        ("@nowhere.json", "nowhere.json can't be read"),
    ],
)
def test_what_is_no_object_is_wrong_usage(server: ScriptedServer, given: str, said: str) -> None:
    result = run(server, "plugins", "run", "mine", "--input", given)

    assert result.exit_code == 2
    assert said in result.stderr
    assert server.requests == []


def test_what_a_plugin_asks_for_is_told_before_it_may(
    server: ScriptedServer, tmp_path: Path
) -> None:
    result = run(server, "plugins", "install", str(tmp_path))

    assert result.stdout == "Installed mine 1.0.0: disabled\n"
    told, models, host, step = result.stderr.splitlines()
    assert (told, models, host) == (
        "mine wants to:", "  - ask models", "  - connect to example.com:443"
    )  # fmt: skip
    assert "funland plugins enable mine" in step
    assert server.requests == [InstallPluginRequest(path=str(tmp_path))]


def test_a_plugin_is_enabled_when_that_is_allowed_at_the_terminal(
    funland: Command, server: ScriptedServer, tmp_path: Path
) -> None:
    environment = funland.environment(FUNLAND_SERVER=server.address, TERM="dumb")
    terminal = Terminal([funland.path, "plugins", "install", str(tmp_path)], environment)
    try:
        terminal.wait_for(r"connect to example\.com:443[^?]*Allow that\?")
        terminal.type("y\n")
        terminal.wait_for("Installed mine : enabled")
        assert terminal.process.wait(120) == 0
    finally:
        terminal.close()

    assert server.requests[-1] == UpdatePluginRequest(plugin_id="mine", enabled=True)


def test_plugins_are_enabled_disabled_configured_and_removed(server: ScriptedServer) -> None:
    enabled = run(server, "plugins", "enable", "mine").stdout
    assert enabled == "mine: enabled; it may ask models, connect to example.com:443\n"
    assert run(server, "plugins", "disable", "mine").stdout == "mine: disabled\n"
    assert run(server, "plugins", "configure", "mine", '{"a": 1}').stdout == 'mine: {"a": 1}\n'
    assert run(server, "plugins", "remove", "mine").stdout == "Removed mine.\n"
