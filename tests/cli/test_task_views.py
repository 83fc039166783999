"""What people are told of tasks, batches, plugins and files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console

from funland.v1.batches_pb2 import Batch, BatchError
from funland.v1.downloads_pb2 import Download
from funland.v1.errors_pb2 import Error
from funland.v1.files_pb2 import File
from funland.v1.inference_pb2 import (
    AlternativeMessage,
    AlternativeText,
    ChatResponse,
    Embedding,
    EmbedResponse,
    GenerateResponse,
    Message,
)
from funland.v1.plugins_pb2 import Plugin, PluginExecution, PluginLimits, PluginPermissions
from funland.v1.tasks_pb2 import Lane, Task, TaskEvent, TaskResult, WebhookDelivery
from funland_cli import batch_views, file_views, plugin_views, task_views
from funland_cli.all_tasks import Known, news
from funland_cli.sight import OutOfSight
from funland_cli.steps import Step, drawn, is_news, out_of_sight

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def at(**after: float) -> Timestamp:
    time = Timestamp()
    time.FromDatetime(NOW + timedelta(**after))
    return time


def task(state: Task.State.ValueType, **more: Any) -> Task:
    return Task(task_id="task_1", kind=Task.CHAT, state=state, create_time=at(minutes=-2), **more)


FAILED = Error(message="No such model.")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (task(Task.PENDING), "pending"),
        (task(Task.PENDING, position=0), "pending, next in turn"),
        (
            task(Task.PENDING, position=3, estimated_start_time=at(seconds=20)),
            "pending, 3 before it, in about 20 s",
        ),
        (
            task(Task.PENDING, start_time=at(hours=2), position=3),
            "pending, not before 2 h have passed",
        ),
        (task(Task.PENDING, start_time=at(hours=-1)), "pending"),
        (task(Task.PENDING, error=FAILED), "pending: No such model."),
        (task(Task.PROCESSING), "processing"),
        (
            task(Task.PROCESSING, progress_percent=40, progress_text="reading"),
            "processing: reading, 40%",
        ),
        (task(Task.COMPLETED, progress_percent=100), "completed"),
        (task(Task.FAILED, error=FAILED), "failed: No such model."),
        (Task(state=99), ""),  # pyright: ignore[reportArgumentType]  # a later version's
    ],
)
def test_where_a_task_stands(told: Task, said: str) -> None:
    assert task_views.step(told, NOW).line == said


def test_a_task_in_a_row_and_all_that_is_known_of_it() -> None:
    whole = task(
        Task.COMPLETED, model="tiny", caller="ada", priority=5, lane=Lane.LANGUAGE,
        begin_time=at(seconds=-30), end_time=at(seconds=-29.5), deadline=at(hours=1),
        expire_time=at(days=1), attempts=1, max_attempts=3, file_ids=["file_1"],
        webhook=WebhookDelivery(
            url="https://example.com/", state=WebhookDelivery.SENDING, attempts=2,
            last_error="It was answered with 503.",
        ),
        metadata={"b": "2", "a": "1"}, start_time=at(seconds=-40),
    )  # fmt: skip

    assert task_views.row(whole, NOW) == (
        *("task_1", "chat", "tiny", "ada", "5", "completed", "2 min ago"),
    )
    assert [pair for pair in task_views.all_of(whole, NOW) if pair[1]] == [
        ("task", "task_1"),
        ("kind", "chat"),
        ("model", "tiny"),
        ("state", "completed"),
        ("lane", "language"),
        ("priority", "5"),
        ("caller", "ada"),
        ("submitted", "2 min ago"),
        ("not before", "2026-11-28T11:59:20Z"),
        ("begun", "30 s ago"),
        ("ended", "29 s ago"),
        ("took", "500 ms"),
        ("deadline", "2026-11-28T13:00:00Z"),
        ("kept until", "2026-11-29T12:00:00Z"),
        ("attempts", "1 of 3"),
        ("file", "file_1"),
        ("webhook", "https://example.com/: sending, told 2 times: It was answered with 503."),
        ("metadata a", "1"),
        ("metadata b", "2"),
    ]


ANSWER = Message(content="Hello!")
BATCH = Batch(
    batch_id="batch_1", endpoint="/v1/embeddings", state=Batch.IN_PROGRESS, total_lines=10,
    completed_lines=4, failed_lines=1, create_time=at(seconds=-5), model="tiny", task_id="task_1",
    input_file_id="file_1", begin_time=at(seconds=-4), expire_time=at(hours=24),
    metadata={"a": "1"}, prompt_tokens=900, completion_tokens=40,
)  # fmt: skip


@pytest.mark.parametrize(
    ("result", "lines"),
    [
        (
            TaskResult(
                chat=ChatResponse(
                    message=ANSWER,
                    alternatives=[AlternativeMessage(message=Message(content="Hi!"))],
                )
            ),
            ["Hello!", "Hi!"],
        ),
        (
            TaskResult(
                generate=GenerateResponse(text="a", alternatives=[AlternativeText(text="b")])
            ),
            ["a", "b"],
        ),
        (
            TaskResult(embed=EmbedResponse(embeddings=[Embedding(values=[0.5, 1])])),
            ["[0.5, 1.0]"],
        ),
        (
            TaskResult(batch=BATCH),
            ["4 of 10 lines answered, 1 failed; 900 tokens read, 40 written."],
        ),
        (
            TaskResult(download=Download(model_id="qwen", fetched_bytes=4_000_000)),
            ["Installed qwen, 4.0 MB."],
        ),
        (TaskResult(), []),
    ],
    ids=["chat", "generate", "embed", "batch", "download", "a later version's"],
)
def test_what_came_of_a_task(result: TaskResult, lines: list[str]) -> None:
    assert list(task_views.result(result)) == lines


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (
            Task.PENDING,
            "It goes on at the server. To see it: funland tasks watch task_1 --server h:1,"
            " to end it: funland tasks cancel task_1 --server h:1",
        ),
        (Task.FAILED, "To try again: funland tasks retry task_1 --server h:1"),
        (Task.COMPLETED, ""),
    ],
)
def test_what_can_be_done_with_a_task(state: Task.State.ValueType, said: str) -> None:
    assert task_views.next_step(task(state), ("--server", "h:1")) == said


def test_a_lane_in_a_row() -> None:
    lane = Lane(name=Lane.PLUGINS, limit=2, running=1, waiting=30, capacity=1000)

    assert task_views.lane_row(lane) == ("plugins", "1/2", "30/1000", "")
    lane.mean_duration.FromMilliseconds(250)
    assert task_views.lane_row(lane)[-1] == "250 ms"
    lane.mean_duration.FromSeconds(65)
    assert task_views.lane_row(lane)[-1] == "1 min 5 s"


def test_news_of_all_tasks_are_what_is_new() -> None:
    known = Known()
    events = [
        TaskEvent(task=task(Task.PENDING)),
        TaskEvent(task=task(Task.PENDING)),
        TaskEvent(task=task(Task.PROCESSING)),
        TaskEvent(task=task(Task.PROCESSING, progress_percent=7)),
        TaskEvent(task=task(Task.PROCESSING, progress_text="1 of 9")),
        TaskEvent(task=task(Task.PROCESSING, progress_text="2 of 9")),
        OutOfSight("No server."),
        OutOfSight("No server."),
        TaskEvent(task=task(Task.PROCESSING)),
        TaskEvent(task=task(Task.COMPLETED)),
        TaskEvent(deleted_task_id="task_1"),
        TaskEvent(),
    ]

    assert [news(event, known, NOW) for event in events] == [
        ["task_1: pending"],
        [],
        ["task_1: processing"],
        [],
        ["task_1: processing: 1 of 9"],
        [],
        ["waiting for the server: No server."],
        [],
        ["task_1: processing"],
        ["task_1: completed"],
        ["task_1: deleted"],
        [],
    ]
    assert known.tasks == {}


def test_a_batch_in_a_row_and_all_that_is_known_of_it() -> None:
    assert batch_views.row(BATCH, NOW) == (
        *("batch_1", "/v1/embeddings", "tiny", "in_progress", "5/10", "1", "5 s ago"),
    )
    assert batch_views.step(BATCH) == Step("in_progress", "5 of 10 lines, 1 failed", 0.5)
    assert batch_views.step(Batch(state=Batch.VALIDATING)) == Step("validating")
    assert [pair for pair in batch_views.all_of(BATCH, NOW) if pair[1]] == [
        ("batch", "batch_1"),
        ("task", "task_1"),
        ("endpoint", "/v1/embeddings"),
        ("model", "tiny"),
        ("state", "in_progress, 5 of 10 lines, 1 failed"),
        ("input", "file_1"),
        ("created", "5 s ago"),
        ("begun", "4 s ago"),
        ("time left", "1 d"),
        ("tokens", "900 read, 40 written"),
        ("metadata a", "1"),
    ]


def test_what_is_wrong_with_a_batch_in_a_row() -> None:
    wrong = BatchError(code="invalid_json_line", line=2, message="No JSON.", param="body")

    assert batch_views.error_row(wrong) == ("2", "No JSON.", "body", "invalid_json_line")
    assert batch_views.error_row(BatchError(message="Empty."))[0] == ""


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        (BATCH, "It goes on at the server. To see it: funland batch watch batch_1,"),
        (
            Batch(batch_id="b", state=Batch.COMPLETED, output_file_id="f"),
            "To read what was answered: funland batch results b",
        ),
        (Batch(batch_id="b", state=Batch.FAILED), "To see more: funland batch show b"),
    ],
    ids=["goes on", "answered", "wrong"],
)
def test_what_can_be_done_with_a_batch(batch: Batch, said: str) -> None:
    assert batch_views.next_step(batch, ()).startswith(said)


PLUGIN = Plugin(
    plugin_id="summarize", name="Summarise", version="1.0.0", category="processing",
    description="Makes a text short. Of any length.", state=Plugin.ENABLED, bundled=True,
    beta=True, author="Ada",
    capabilities=["summaries"], supported_formats=["json", "text"], config="{}",
    permissions=PluginPermissions(models=True, hosts=["example.com:443"]), active_executions=1,
    limits=PluginLimits(
        memory_bytes=512_000_000, duration=Duration(seconds=60), disk_bytes=1_000_000,
        output_bytes=2_000_000,
    ),
    input_schema='{"type":"object"}', output_schema="no JSON",
)  # fmt: skip


def test_a_plugin_in_a_row_and_all_that_is_known_of_it() -> None:
    assert plugin_views.row(PLUGIN) == (
        *("summarize", "1.0.0", "processing", "enabled", "Makes a text short"),
    )
    assert [pair for pair in plugin_views.all_of(PLUGIN) if pair[1]] == [
        ("plugin", "summarize"),
        ("name", "Summarise"),
        ("about", "Makes a text short. Of any length."),
        ("version", "1.0.0, unfinished"),
        ("author", "Ada"),
        ("from", "Funland"),
        ("category", "processing"),
        ("can", "summaries"),
        ("state", "enabled"),
        ("may", "ask models, connect to example.com:443"),
        (
            "at most",
            "512.0 MB of memory, 1 min, 1.0 MB in its folder, 2.0 MB of output",
        ),
        ("runs now", "1"),
        ("formats", "json, text"),
        ("input", '{\n  "type": "object"\n}'),
        ("output", "no JSON"),
    ]
    broken = Plugin(state=Plugin.BROKEN, error="No such module.")
    assert plugin_views.standing(broken) == "broken: No such module."


def test_what_an_execution_took() -> None:
    execution = PluginExecution(
        duration=Duration(seconds=1, nanos=200_000_000), tokens=340, models=["tiny"]
    )

    assert plugin_views.spent(execution) == "1.2 s, 340 tokens of tiny"
    assert plugin_views.spent(PluginExecution()) == ""


def test_a_file_in_a_row_and_all_that_is_known_of_it() -> None:
    file = File(
        file_id="file_1", name="a.jsonl", purpose="batch", size_bytes=1500, sha256="ab",
        media_type="application/jsonl", create_time=at(seconds=-5), expire_time=at(hours=1),
        task_id="task_1",
    )  # fmt: skip

    assert file_views.row(file, NOW) == (
        *("file_1", "a.jsonl", "batch", "1.5 kB", "5 s ago", "1 h"),
    )
    assert dict(file_views.all_of(file, NOW)) == {
        "file": "file_1",
        "name": "a.jsonl",
        "purpose": "batch",
        "holds": "application/jsonl",
        "size": "1.5 kB",
        "sha256": "ab",
        "made by": "task_1",
        "kept since": "5 s ago",
        "for": "1 h",
    }
    file.ClearField("expire_time")
    assert file_views.row(file, NOW)[-1] == ""


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (None, Step("processing"), True),
        (Step("pending"), Step("processing"), True),
        (Step("processing"), Step("processing"), False),
        (Step("processing", "", 0.11), Step("processing", "", 0.19), False),
        (Step("processing", "", 0.19), Step("processing", "", 0.21), True),
        (Step("processing: 11 of 99", "", 0.11), Step("processing: 12 of 99", "", 0.12), False),
        (Step("pending, 2 before it"), Step("pending, next in turn"), True),
    ],
)
def test_a_step_is_news_when_it_stands_elsewhere_or_is_a_tenth_further(
    before: Step | None, now: Step, said: bool
) -> None:
    assert is_news(before, now) is said


def test_what_is_out_of_sight_stands_where_it_was_seen_last() -> None:
    gone = OutOfSight("No server.")

    assert out_of_sight(gone, Step("processing", "40%", 0.4)) == Step(
        "waiting for the server: No server.", "40%", 0.4
    )
    assert out_of_sight(gone, None).line == "waiting for the server: No server."


def test_a_picture_has_a_bar_only_if_it_is_known_how_far_it_is() -> None:
    console = Console(width=60, record=True, force_terminal=False)
    console.print(drawn(Step("processing\x1b[2J", "40%", 0.4)))
    console.print(drawn(Step("pending, 3 before it")))

    *bar, waiting = console.export_text().splitlines()
    assert "━" in bar[0]
    assert "40%" in bar[0]
    assert bar[1] == "processing[2J"
    assert waiting == "pending, 3 before it"
