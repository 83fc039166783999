"""Plugins are replaced and removed while they are executed, and leave nothing behind."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import grpc.aio
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1 import plugins_pb2, tasks_pb2
from funland.v1.plugins_pb2 import Plugin
from funland_server.app import Server
from funland_server.plugins.removing import remove
from funland_server.plugins.shelf import Shelf
from tests.server.conftest import call, until
from tests.server.plugins.conftest import (
    MISSING,
    Write,
    children_of_host,
    execute,
    install,
    reason,
)

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(bool(MISSING), reason=f"plugins are refused here: {MISSING}"),
]

WAITS = """
import os, time
(context.folder / f"began-{config.get('which', '')}").touch()
while not (context.folder / "go").exists(): time.sleep(0.005)
return {"version": 1}
"""


async def test_what_waits_when_its_plugin_is_replaced_runs_the_new_code(
    plugins: Server, write: Write, home: Path
) -> None:
    await install(plugins, write("changes", WAITS))
    folder = home / "plugins" / "changes" / "folder"
    running = [
        asyncio.create_task(execute(plugins, "changes", config=f'{{"which": {number}}}'))
        for number in range(3)  # of which two have a place
    ]
    await until(lambda: len(list(folder.glob("began-*"))) == 2)

    await install(plugins, write("changes", "return {'version': 2}"))
    assert (await get(plugins, "changes")).active_executions == 2
    (folder / "go").touch()

    outputs = sorted([(await one).output for one in running])
    assert outputs == ['{"version": 1}', '{"version": 1}', '{"version": 2}']
    assert len(list((home / "plugins" / "changes").glob("code-*"))) == 1


async def test_a_removed_plugin_ends_executions_of_older_versions_too(
    plugins: Server, write: Write, home: Path
) -> None:
    await install(plugins, write("old", "import os\nos.mkdir('x')\nwhile True: open('x/y', 'w')"))
    running = asyncio.create_task(execute(plugins, "old"))
    await until((home / "plugins" / "old" / "folder" / "x").exists)
    await install(plugins, write("old", "return {}"))

    await call(plugins, "DeletePlugin", plugins_pb2.DeletePluginRequest(plugin_id="old"))

    assert not children_of_host()
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await running
    assert reason(raised.value) == "PLUGIN_NOT_FOUND"
    assert not list((home / "plugins").glob(".*"))


async def test_folders_of_any_depth_are_removed(tmp_path: Path) -> None:
    top = tmp_path / "plugins" / ".import-deep"
    top.mkdir(parents=True)
    here = os.open(top, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.fchmod(here, 0)
        os.close(here)
        here = below
    os.close(here)

    Shelf(tmp_path / "plugins", bundled=tmp_path / "none").read()

    assert not top.exists()


async def test_what_broken_off_executions_made_is_removed(tmp_path: Path) -> None:
    for plugin_id in ("summarize", "installed"):
        made = tmp_path / plugin_id / ".out-0"
        made.mkdir(parents=True)
        (made / "0").write_text("half a file")

    Shelf(tmp_path).read()

    for plugin_id in ("summarize", "installed"):
        assert not list((tmp_path / plugin_id).glob(".out-*"))


async def test_a_folder_that_others_write_into_ends_its_removal(tmp_path: Path) -> None:
    remove(tmp_path / "nothing")
    (tmp_path / "file").touch()

    remove(tmp_path / "file")

    assert (tmp_path / "file").exists()


async def test_code_that_ends_its_process_at_its_import_breaks_its_plugin(
    plugins: Server, write: Write
) -> None:
    for name, code in {"exits": "import sys\nsys.exit()", "ends": "import os\nos._exit(0)"}.items():
        await install(plugins, write(name, f"# a plugin\n{code}"), enable=False)

        request = plugins_pb2.UpdatePluginRequest(plugin_id=name, enabled=True)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call(plugins, "UpdatePlugin", request)

        assert reason(raised.value) == "PLUGIN_BROKEN"
        assert (await get(plugins, name)).state == Plugin.BROKEN


async def test_as_many_tasks_as_come_at_once_are_looked_at(plugins: Server, write: Write) -> None:
    await install(plugins, write("many", "return {}"))
    later = Timestamp(seconds=4_000_000_000)
    request = tasks_pb2.SubmitTaskRequest(
        work=tasks_pb2.Work(plugin=plugins_pb2.ExecutePluginRequest(plugin_id="many")),
        start_time=later,
    )
    most = 0

    async def submit() -> None:
        nonlocal most
        task = await call(plugins, "SubmitTask", request)
        most = max(most, len(children_of_host()))
        await call(plugins, "DeleteTask", tasks_pb2.DeleteTaskRequest(task_id=task.task_id))

    await asyncio.gather(*(submit() for _ in range(24)))

    assert most <= 8


async def get(server: Server, plugin_id: str) -> Plugin:
    return await call(server, "GetPlugin", plugins_pb2.GetPluginRequest(plugin_id=plugin_id))
