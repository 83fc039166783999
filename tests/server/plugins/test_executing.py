"""Plugins are executed: what they are given, what they give, whom they ask."""

from __future__ import annotations

import json

import pytest

from funland.v1 import files_pb2
from funland_server.app import Server
from tests.server.conftest import call
from tests.server.plugins.conftest import (
    MISSING,
    Write,
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
