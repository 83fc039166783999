"""Plugins are executed: what they are given, what they give, whom they ask."""

from __future__ import annotations

import asyncio
import json

import grpc.aio
import pytest

from funland.v1 import files_pb2, plugins_pb2, tasks_pb2
from funland_server.app import Server
from tests.server.conftest import SECONDS, call, details, streamed, until
from tests.server.plugins.conftest import (
    MISSING,
    Write,
    children_of_host,
    execute,
    install,
    reason,
    refused,
)

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(bool(MISSING), reason=f"plugins are refused here: {MISSING}"),
]


async def test_a_plugin_gets_its_input_and_gives_its_output(plugins: Server, write: Write) -> None:
    await install(plugins, write("count", "return {'length': len(input['text']), 'of': input}"))

    done = await execute(plugins, "count", '{"text": "häh"}')

    assert json.loads(done.output) == {"length": 3, "of": {"text": "häh"}}
    assert (done.plugin_id, done.plugin_version, done.input) == ("count", "1.0", '{"text": "häh"}')
    assert done.execution_id
    assert done.duration.ToMicroseconds() > 0


async def test_a_plugin_asks_models_and_what_it_asked_is_told(
    plugins: Server, write: Write
) -> None:
    body = """
one = context.chat([{"role": "user", "content": "Hello"}], max_tokens=4, temperature=0)
many = context.chat_many(["Hello"] * 20, max_tokens=2, temperature=0)
return {"text": one.text, "many": [answer.text for answer in many], "model": one.model,
        "tokens": one.tokens + sum(answer.tokens for answer in many)}
"""
    await install(plugins, write("ask", body, permissions="models = true"))

    done = await execute(plugins, "ask")

    output = json.loads(done.output)
    assert output["text"]
    assert len(output["many"]) == 20
    assert all(text and output["text"].startswith(text) for text in output["many"])
    assert list(done.models) == [output["model"]] == ["funland-tiny"]
    assert done.tokens == output["tokens"]
    assert list(done.device_ids)


async def test_a_model_s_failure_that_a_plugin_lets_pass_is_its_caller_s(
    plugins: Server, write: Write
) -> None:
    await install(
        plugins,
        write(
            "lost",
            "return {'t': context.chat('a', model='gone').text}",
            permissions="models = true",
        ),
    )

    error = await refused(plugins, "lost")

    assert reason(error) == "MODEL_NOT_FOUND"


async def test_files_that_a_plugin_makes_are_kept(plugins: Server, write: Write) -> None:
    body = """
context.write_file("a.bin", bytes(3_000_000), "application/octet-stream")
context.write_file("empty.txt", b"", "text/plain")
return {}
"""
    await install(plugins, write("files", body))

    done = await execute(plugins, "files")

    files = [
        await call(plugins, "GetFile", files_pb2.GetFileRequest(file_id=file_id))
        for file_id in done.file_ids
    ]
    assert [(file.name, file.size_bytes) for file in files] == [
        ("a.bin", 3_000_000),
        ("empty.txt", 0),
    ]


async def test_a_task_executes_a_plugin_and_its_files_go_with_it(
    plugins: Server, write: Write
) -> None:
    body = """
context.progress(50, "half")
context.write_file("a.txt", b"abc", "text/plain")
return {"said": input["text"]}
"""
    await install(plugins, write("later", body))
    request = plugins_pb2.ExecutePluginRequest(plugin_id="later", input='{"text": "x"}')
    submit = tasks_pb2.SubmitTaskRequest(work=tasks_pb2.Work(plugin=request))

    task = await call(plugins, "SubmitTask", submit)
    ended = await last(plugins, task.task_id)

    assert ended.state == tasks_pb2.Task.COMPLETED, ended.error
    done = ended.result.plugin
    assert done.execution_id == task.task_id
    assert json.loads(done.output) == {"said": "x"}
    assert list(ended.file_ids) == list(done.file_ids)
    assert len(done.file_ids) == 1
    await call(plugins, "DeleteTask", tasks_pb2.DeleteTaskRequest(task_id=task.task_id))
    with pytest.raises(grpc.aio.AioRpcError):
        await call(plugins, "GetFile", files_pb2.GetFileRequest(file_id=done.file_ids[0]))


async def test_a_task_with_wrong_input_is_refused_at_once(plugins: Server, write: Write) -> None:
    schema = "properties.text = { type = 'string' }"
    await install(plugins, write("strict", "return {}", input_schema=schema))
    request = plugins_pb2.ExecutePluginRequest(plugin_id="strict", input='{"text": 5}')

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call(
            plugins,
            "SubmitTask",
            tasks_pb2.SubmitTaskRequest(work=tasks_pb2.Work(plugin=request)),
        )

    assert reason(raised.value) == "FIELD_INVALID"
    violations = details(raised.value)["BadRequest"].field_violations
    assert [one.field for one in violations] == ["input.text"]


async def test_a_cancelled_task_s_plugin_ends(plugins: Server, write: Write) -> None:
    body = "context.progress(10, 'on')\nwhile True: pass"
    await install(plugins, write("loops", body))
    request = plugins_pb2.ExecutePluginRequest(plugin_id="loops")
    submit = tasks_pb2.SubmitTaskRequest(work=tasks_pb2.Work(plugin=request))
    task = await call(plugins, "SubmitTask", submit)
    watch = streamed(plugins, "WatchTask", tasks_pb2.WatchTaskRequest(task_id=task.task_id))
    async for event in watch:
        if event.task.progress_text == "on":
            break
    await watch.aclose()

    ended = await call(plugins, "CancelTask", tasks_pb2.CancelTaskRequest(task_id=task.task_id))

    assert ended.state == tasks_pb2.Task.CANCELLED
    await until(lambda: not children_of_host())


async def last(server: Server, task_id: str) -> tasks_pb2.Task:
    task = tasks_pb2.Task()
    async with asyncio.timeout(SECONDS):
        async for event in streamed(
            server, "WatchTask", tasks_pb2.WatchTaskRequest(task_id=task_id)
        ):
            task = event.task
    return task
