"""The example of docs/plugins.md does what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from funland.v1 import files_pb2
from funland_server.app import Server
from tests.docs.markdown import blocks, read
from tests.server.conftest import call
from tests.server.plugins.conftest import MISSING, execute, install

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_documented_plugin_works(plugins: Server, tmp_path: Path) -> None:
    page = read("docs/plugins.md")
    (manifest,) = blocks(page, "toml")
    (code,) = blocks(page, "python")
    (tmp_path / "plugin.toml").write_text(manifest)
    (tmp_path / "counter_plugin.py").write_text(code)

    told = await install(plugins, tmp_path)

    assert (told.plugin_id, told.permissions.models) == ("counter", True)
    if MISSING:
        return
    done = await execute(plugins, "counter", '{"text": "one two three"}')
    output = json.loads(done.output)
    assert output["words"] == 3
    assert output["opinion"]
    (file_id,) = done.file_ids
    file = await call(plugins, "GetFile", files_pb2.GetFileRequest(file_id=file_id))
    assert (file.name, file.media_type) == ("words.txt", "text/plain")
