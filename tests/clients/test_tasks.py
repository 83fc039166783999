"""What the client says of tasks, plugins and batches on the wire, and how it follows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1 import inference_pb2
from funland.v1.batches_pb2 import (
    Batch,
    BatchError,
    CancelBatchRequest,
    CreateBatchRequest,
    GetBatchRequest,
    ListBatchesRequest,
    ListBatchesResponse,
)
from funland.v1.downloads_pb2 import StartDownloadRequest
from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.inference_pb2 import (
    ChatRequest,
    ChatResponse,
    EmbedRequest,
    GenerateRequest,
    SamplingParameters,
)
from funland.v1.plugins_pb2 import (
    DeletePluginRequest,
    ExecutePluginRequest,
    GetPluginRequest,
    InstallPluginRequest,
    ListPluginsRequest,
    ListPluginsResponse,
    Plugin,
    PluginExecution,
    UpdatePluginRequest,
)
from funland.v1.tasks_pb2 import (
    CancelTaskRequest,
    DeleteTaskRequest,
    GetTaskRequest,
    Lane,
    ListLanesRequest,
    ListLanesResponse,
    ListTasksRequest,
    ListTasksResponse,
    RetryTaskRequest,
    SubmitTaskRequest,
    Task,
    TaskEvent,
    TaskResult,
    Webhook,
    Work,
)
from funland_client import AsyncFunland, Funland, PluginOutput
from funland_client.errors import (
    BatchFailedError,
    BatchStoppedError,
    InvalidRequestError,
    ModelLoadError,
    PluginFailedError,
    StreamBrokenError,
    TaskError,
    TaskStoppedError,
)
from tests.scripted_server import Refusal, serving

HELLO = inference_pb2.Message(role=inference_pb2.Message.USER, content="Hello!")
ANSWER = TaskResult(chat=ChatResponse(message=HELLO))
WAITING = Task(task_id="t", state=Task.PENDING)
RUNNING = Task(task_id="t", state=Task.PROCESSING, progress_percent=40)
DONE = Task(task_id="t", state=Task.COMPLETED, result=ANSWER)
BROKEN = Error(
    code="FAILED_PRECONDITION", reason=ErrorReason.MODEL_LOAD_FAILED, message="It is no model."
)
RAISED = Error(code="UNKNOWN", reason=ErrorReason.PLUGIN_FAILED, message="KeyError: 'text'")
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
GONE_ON = Batch(batch_id="b", state=Batch.IN_PROGRESS, total_lines=2, completed_lines=1)
ANSWERED = Batch(batch_id="b", state=Batch.COMPLETED, total_lines=2, completed_lines=2)
SUMMARY = PluginExecution(plugin_id="summarize", output='{"summary": "Short."}')

CALLS: list[tuple[str, Callable[[Any], Any], Message, Message, Any]] = [
    (
        "SubmitTask",
        lambda client: client.tasks.submit_chat(
            "Hello!", "m", max_tokens=3,
            task={
                "priority": 5, "caller": "ada", "start_time": NOON, "max_attempts": 2,
                "deadline": NOON.astimezone(timezone(timedelta(hours=2))), "retention_seconds": 60,
                "idempotency_key": "k", "webhook": "https://example.com/", "metadata": {"a": "b"},
            },
        ),
        SubmitTaskRequest(
            work=Work(
                chat=ChatRequest(
                    model="m", messages=[HELLO], sampling=SamplingParameters(max_tokens=3)
                )
            ),
            priority=5, caller="ada", max_attempts=2, retention_seconds=60,
            start_time=Timestamp(seconds=int(NOON.timestamp())),
            deadline=Timestamp(seconds=int(NOON.timestamp())), idempotency_key="k",
            webhook=Webhook(url="https://example.com/"), metadata={"a": "b"},
        ),
        WAITING,
        WAITING,
    ),
    (
        "SubmitTask",
        lambda client: client.tasks.submit_generate("Once", task={"idempotency_key": ""}),
        SubmitTaskRequest(
            work=Work(generate=GenerateRequest(prompt="Once", sampling=SamplingParameters()))
        ),
        WAITING,
        WAITING,
    ),
    (
        "SubmitTask",
        lambda client: client.tasks.submit_embed(["a", "b"], task={"idempotency_key": ""}),
        SubmitTaskRequest(work=Work(embed=EmbedRequest(inputs=["a", "b"], normalize=True))),
        WAITING,
        WAITING,
    ),
    (
        "SubmitTask",
        lambda client: client.tasks.submit_download("o/n", task={"idempotency_key": ""}),
        SubmitTaskRequest(work=Work(download=StartDownloadRequest(source="o/n"))),
        WAITING,
        WAITING,
    ),
    (
        "SubmitTask",
        lambda client: client.plugins.submit("summarize", {"text": "é"}, idempotency_key="k"),
        SubmitTaskRequest(
            work=Work(
                plugin=ExecutePluginRequest(plugin_id="summarize", input='{"text": "é"}')
            ),
            idempotency_key="k",
        ),
        WAITING,
        WAITING,
    ),
    (
        "GetTask",
        lambda client: client.tasks.get("t", brief=True),
        GetTaskRequest(task_id="t", brief=True),
        DONE,
        DONE,
    ),
    (
        "ListTasks",
        lambda client: client.tasks.list(states=["pending"], kinds=["batch"], caller="ada"),
        ListTasksRequest(
            states=[Task.PENDING], kinds=[Task.BATCH], caller="ada", page_size=1000
        ),
        ListTasksResponse(tasks=[WAITING]),
        [WAITING],
    ),
    (
        "CancelTask",
        lambda client: client.tasks.cancel("t"),
        CancelTaskRequest(task_id="t"),
        WAITING,
        WAITING,
    ),
    (
        "RetryTask",
        lambda client: client.tasks.retry("t"),
        RetryTaskRequest(task_id="t"),
        WAITING,
        WAITING,
    ),
    (
        "DeleteTask",
        lambda client: client.tasks.delete("t"),
        DeleteTaskRequest(task_id="t"),
        Empty(),
        None,
    ),
    (
        "ListLanes",
        lambda client: client.tasks.lanes(),
        ListLanesRequest(),
        ListLanesResponse(lanes=[Lane(limit=4)]),
        [Lane(limit=4)],
    ),
    (
        "ListPlugins",
        lambda client: client.plugins.list(category="analysis", states=["enabled", "broken"]),
        ListPluginsRequest(category="analysis", states=[Plugin.ENABLED, Plugin.BROKEN]),
        ListPluginsResponse(plugins=[Plugin(plugin_id="p")]),
        [Plugin(plugin_id="p")],
    ),
    (
        "GetPlugin",
        lambda client: client.plugins.get("p"),
        GetPluginRequest(plugin_id="p"),
        Plugin(plugin_id="p"),
        Plugin(plugin_id="p"),
    ),
    (
        "InstallPlugin",
        lambda client: client.plugins.install("/p", enable=True, replace=True),
        InstallPluginRequest(path="/p", enable=True, replace=True),
        Plugin(plugin_id="p"),
        Plugin(plugin_id="p"),
    ),
    (
        "UpdatePlugin",
        lambda client: client.plugins.enable("p"),
        UpdatePluginRequest(plugin_id="p", enabled=True),
        Plugin(plugin_id="p"),
        Plugin(plugin_id="p"),
    ),
    (
        "UpdatePlugin",
        lambda client: client.plugins.disable("p"),
        UpdatePluginRequest(plugin_id="p", enabled=False),
        Plugin(plugin_id="p"),
        Plugin(plugin_id="p"),
    ),
    (
        "UpdatePlugin",
        lambda client: client.plugins.configure("p", {"words": 7}),
        UpdatePluginRequest(plugin_id="p", config='{"words": 7}'),
        Plugin(plugin_id="p"),
        Plugin(plugin_id="p"),
    ),
    (
        "DeletePlugin",
        lambda client: client.plugins.remove("p"),
        DeletePluginRequest(plugin_id="p"),
        Empty(),
        None,
    ),
    (
        "ExecutePlugin",
        lambda client: client.plugins.execute(
            "summarize", {"text": "Long."}, config={"words": 7}, output_format="json"
        ),
        ExecutePluginRequest(
            plugin_id="summarize", input='{"text": "Long."}', config='{"words": 7}',
            output_format="json",
        ),
        SUMMARY,
        PluginOutput(SUMMARY),
    ),
    (
        "CreateBatch",
        lambda client: client.batches.create_of_file(
            "f", "/v1/embeddings", window_seconds=60, output_retention_seconds=7, priority=-1,
            caller="ada", metadata={"a": "b"},
        ),
        CreateBatchRequest(
            input_file_id="f", endpoint="/v1/embeddings", window_seconds=60, priority=-1,
            output_retention_seconds=7, caller="ada", metadata={"a": "b"},
        ),
        GONE_ON,
        GONE_ON,
    ),
    (
        "GetBatch",
        lambda client: client.batches.get("b"),
        GetBatchRequest(batch_id="b"),
        GONE_ON,
        GONE_ON,
    ),
    (
        "ListBatches",
        lambda client: client.batches.list(limit=3),
        ListBatchesRequest(page_size=3),
        ListBatchesResponse(batches=[GONE_ON]),
        [GONE_ON],
    ),
    (
        "CancelBatch",
        lambda client: client.batches.cancel("b"),
        CancelBatchRequest(batch_id="b"),
        GONE_ON,
        GONE_ON,
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


def test_what_a_plugin_gives_is_a_dictionary() -> None:
    assert PluginOutput(SUMMARY).output == {"summary": "Short."}


def test_lists_are_read_to_their_last_page_or_as_far_as_is_wanted() -> None:
    def tasks(request: ListTasksRequest) -> ListTasksResponse:
        if not request.page_token:
            return ListTasksResponse(tasks=[WAITING, RUNNING], next_page_token=WAITING.task_id)
        return ListTasksResponse(tasks=[DONE])

    with serving(ListTasks=tasks) as server, Funland(server.address) as client:
        assert client.tasks.list() == [WAITING, RUNNING, DONE]
        assert client.tasks.list(limit=2) == [WAITING, RUNNING]
        assert client.tasks.list(limit=1) == [WAITING]

    assert len(server.requests) == 4


def test_what_the_contract_does_not_know_names_its_field() -> None:
    wrong: Any = "soon"
    unknown: Any = {"priorty": 1}

    with Funland("127.0.0.1:1") as client:
        with pytest.raises(InvalidRequestError, match=r"^kinds\[0\]\.kind: "):
            client.tasks.list(kinds=[wrong])
        with pytest.raises(InvalidRequestError, match=r"^max_attempts: "):
            client.tasks.submit_chat("Hello!", task={"max_attempts": 1 << 40})
        with pytest.raises(TypeError, match="did you mean 'priority'"):
            client.tasks.submit_chat("Hello!", task=unknown)
        with pytest.raises(InvalidRequestError, match=r"^input: is not JSON"):
            client.plugins.execute("p", {"at": NOON})


def test_a_time_may_be_said_by_how_long_it_is_until_then() -> None:
    with serving(SubmitTask=WAITING) as server, Funland(server.address) as client:
        before = datetime.now(UTC)
        client.tasks.submit_chat("Hello!", task={"deadline": timedelta(hours=1)})

    (request,) = server.requests
    assert isinstance(request, SubmitTaskRequest)
    left = request.deadline.ToDatetime(tzinfo=UTC) - before
    assert timedelta(hours=1) <= left < timedelta(hours=1, minutes=1)


def lost(times: int) -> Callable[[Any], Task]:
    """Refuses so many submissions for what may pass."""
    fails = iter(range(times))

    def answer(_: Any) -> Task:
        if next(fails, None) is None:
            return WAITING
        raise Refusal(grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING", "It stops.")

    return answer


def test_a_submission_is_made_again_with_the_same_key_and_only_with_one() -> None:
    with serving(SubmitTask=lost(2)) as server, Funland(server.address) as client:
        assert client.tasks.submit_chat("Hello!") == WAITING
        server.answers["SubmitTask"] = lost(1)
        with pytest.raises(Exception, match="It stops"):
            client.tasks.submit_chat("Hello!", task={"idempotency_key": ""})

    keys = [
        request.idempotency_key
        for request in server.requests
        if isinstance(request, SubmitTaskRequest)
    ]
    assert keys == [keys[0]] * 3 + [""]
    assert keys[0]


def told(*states: Task) -> Callable[[Any], Iterator[TaskEvent]]:
    """Answers a watch with these states."""
    return lambda _: iter([TaskEvent(task=state) for state in states])


async def test_a_task_is_waited_for_and_gives_what_came_of_it() -> None:
    with serving(WatchTask=told(WAITING, RUNNING, DONE)) as server:
        with Funland(server.address) as blocking:
            assert list(blocking.tasks.follow("t")) == [WAITING, RUNNING, DONE]
            assert blocking.tasks.wait("t").chat.message == HELLO
        async with AsyncFunland(server.address) as asynchronous:
            assert await asynchronous.tasks.wait("t") == ANSWER


@pytest.mark.parametrize(
    ("last", "kind", "message"),
    [
        (Task(state=Task.FAILED, error=BROKEN), ModelLoadError, "It is no model"),
        (Task(state=Task.FAILED, error=RAISED), PluginFailedError, "KeyError"),
        (Task(state=Task.FAILED), TaskError, "does not say why"),
        (Task(state=Task.CANCELLED), TaskStoppedError, "was cancelled"),
        (Task(state=Task.COMPLETED), TaskError, "is not there"),
    ],
    ids=["failed", "a plugin's error", "nobody knows why", "cancelled", "no result"],
)
async def test_a_task_that_ends_without_a_result_says_why(
    last: Task, kind: type[Exception], message: str
) -> None:
    with serving(WatchTask=told(RUNNING, last)) as server:
        with Funland(server.address) as client, pytest.raises(kind, match=message):
            client.tasks.wait("t")
        async with AsyncFunland(server.address) as client:
            with pytest.raises(kind, match=message):
                await client.tasks.wait("t")

    assert len(server.requests) == 2  # Nothing was asked twice.


def test_a_task_that_is_deleted_is_stopped() -> None:
    events = [TaskEvent(task=RUNNING), TaskEvent(deleted_task_id="t")]

    with (
        serving(WatchTask=lambda _: iter(events)) as server,
        Funland(server.address) as client,
        pytest.raises(TaskStoppedError, match="deleted") as raised,
    ):
        client.tasks.wait("t")

    assert raised.value.task is None


def broken_off(times: int) -> Callable[[Any], Iterator[TaskEvent]]:
    """Answers so many watches with one state and an end, and the next to its end."""
    broken = iter(range(times))

    def answer(_: Any) -> Iterator[TaskEvent]:
        yield TaskEvent(task=RUNNING)
        if next(broken, None) is None:
            yield TaskEvent(task=DONE)

    return answer


async def test_a_server_that_starts_again_is_found_again() -> None:
    with serving(WatchTask=broken_off(1)) as server:
        with Funland(server.address, retries=1) as client:
            assert list(client.tasks.follow("t")) == [RUNNING, RUNNING, DONE]
        server.answers["WatchTask"] = broken_off(1)
        async with AsyncFunland(server.address, retries=1) as client:
            assert await client.tasks.wait("t") == ANSWER
        server.answers["WatchTask"] = broken_off(1)
        with (
            Funland(server.address, retries=0) as client,
            pytest.raises(StreamBrokenError, match="the task goes on"),
        ):
            client.tasks.wait("t")


WRONG = Batch(
    state=Batch.FAILED,
    errors=[
        BatchError(code="invalid_json_line", line=2, message="It is not JSON."),
        BatchError(code="duplicate", line=3, message="Again."),
    ],
)


@pytest.mark.parametrize(
    ("last", "kind", "message"),
    [
        (WRONG, BatchFailedError, r"line 2: It is not JSON\. \(1 more\)"),
        (Batch(state=Batch.FAILED), BatchFailedError, "does not say why"),
        (
            Batch(state=Batch.CANCELLED, total_lines=5, completed_lines=2, failed_lines=1),
            BatchStoppedError,
            "was cancelled: 3 of 5 lines",
        ),
        (Batch(state=Batch.EXPIRED), BatchStoppedError, "ran out of time"),
    ],
    ids=["wrong", "nobody knows why", "cancelled", "expired"],
)
def test_a_batch_that_is_not_answered_says_why(
    last: Batch, kind: type[BatchFailedError | BatchStoppedError], message: str
) -> None:
    with (
        serving(GetBatch=GONE_ON, WatchBatch=lambda _: iter([GONE_ON, last])) as server,
        Funland(server.address) as client,
        pytest.raises(kind, match=message) as raised,
    ):
        client.batches.wait("b")

    assert raised.value.batch == last


async def test_a_batch_is_waited_for() -> None:
    with serving(GetBatch=GONE_ON, WatchBatch=lambda _: iter([GONE_ON, ANSWERED])) as server:
        with Funland(server.address) as blocking:
            assert blocking.batches.wait("b") == ANSWERED
        async with AsyncFunland(server.address) as asynchronous:
            assert await asynchronous.batches.wait("b") == ANSWERED
