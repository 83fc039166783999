"""What the server asks for a user, later or for a plugin, sees no more than they do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from funland.v1 import batches_pb2, plugins_pb2, responses_pb2, tasks_pb2
from funland.v1.errors_pb2 import ErrorReason
from tests.server.plugins.conftest import MISSING
from tests.server.rpc.users import User

in_one_loop = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(("who", "ends"), [("ada", "output_file_id"), ("eve", "error_file_id")])
@in_one_loop
async def test_a_batchs_line_goes_on_only_with_its_users_responses(
    who: str, ends: str, ada: User, eve: User
) -> None:
    said = responses_pb2.CreateResponseRequest(store=True)
    said.chat.messages.add(role="USER", content="My secret is 4711.")
    said.chat.sampling.max_tokens = 2
    response = await ada.call("CreateResponse", said)
    user = {"ada": ada, "eve": eve}[who]
    line = {
        "custom_id": "a",
        "method": "POST",
        "url": "/v1/responses",
        "body": {
            "previous_response_id": response.response_id,
            "input": "What is it?",
            "max_output_tokens": 2,
        },
    }
    file = await user.upload(json.dumps(line).encode() + b"\n")
    batch = await user.call(
        "CreateBatch",
        batches_pb2.CreateBatchRequest(input_file_id=file.file_id, endpoint="/v1/responses"),
    )

    batch = await user.last("WatchBatch", batches_pb2.WatchBatchRequest(batch_id=batch.batch_id))

    assert batch.state == batches_pb2.Batch.COMPLETED, batch
    answer = await user.content(getattr(batch, ends))
    assert (b"response_not_found" in answer) == (who == "eve")


PLUGIN = """
id = "listener"
name = "Listener"
version = "1.0"
category = "utility"
entry = "listener:execute"
[permissions]
models = true
"""
CODE = """
def execute(context, input, config):
    return {"text": context.hear(b"", file_id=input["file"]).text}
"""


@pytest.mark.skipif(bool(MISSING), reason=f"plugins are refused here: {MISSING}")
@in_one_loop
async def test_a_plugin_is_told_nothing_of_files_that_its_caller_does_not_have(
    ada: User, eve: User, admin: User, tmp_path: Path
) -> None:
    (tmp_path / "plugin.toml").write_text(PLUGIN, encoding="utf-8")
    (tmp_path / "listener.py").write_text(CODE, encoding="utf-8")
    install = plugins_pb2.InstallPluginRequest(path=str(tmp_path), enable=True)
    await admin.call("InstallPlugin", install)
    hers = (await ada.upload(b"no sound at all")).file_id
    execute = plugins_pb2.ExecutePluginRequest(
        plugin_id="listener", input=json.dumps({"file": hers})
    )

    assert await eve.reason("ExecutePlugin", execute) == "FILE_NOT_FOUND"
    assert await ada.reason("ExecutePlugin", execute) != "FILE_NOT_FOUND"
    work = tasks_pb2.Work(plugin=execute)
    task = await eve.call("SubmitTask", tasks_pb2.SubmitTaskRequest(work=work))
    ended = await eve.last("WatchTask", tasks_pb2.WatchTaskRequest(task_id=task.task_id))
    assert ended.task.error.reason == ErrorReason.FILE_NOT_FOUND
