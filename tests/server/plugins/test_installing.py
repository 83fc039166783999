"""Plugins are installed from folders and wheels, set, replaced and removed."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import grpc.aio
import pytest

from funland.v1 import plugins_pb2
from funland.v1.plugins_pb2 import Plugin
from funland_server.app import Server
from funland_server.config import ServerSettings
from funland_server.plugins.manifest import Manifest, ManifestError, read_manifest
from funland_server.plugins.packages import copy
from tests.server.conftest import call, details, until
from tests.server.plugins.conftest import (
    MISSING,
    Write,
    children_of_host,
    execute,
    install,
    metadata,
    reason,
    refused,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def get(server: Server, plugin_id: str) -> Plugin:
    return await call(server, "GetPlugin", plugins_pb2.GetPluginRequest(plugin_id=plugin_id))


async def update(server: Server, plugin_id: str, **fields: object) -> Plugin:
    request = plugins_pb2.UpdatePluginRequest(plugin_id=plugin_id, **fields)  # pyright: ignore[reportArgumentType] - a table
    return await call(server, "UpdatePlugin", request)


async def wrong(call_: Callable[[], object]) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call_()  # pyright: ignore[reportGeneralTypeIssues] - any of the calls above
    return raised.value


async def test_a_plugin_is_installed_disabled_and_its_code_does_not_run(
    plugins: Server, write: Write, tmp_path: Path
) -> None:
    code = f"# a plugin\nopen({str(tmp_path / 'ran')!r}, 'w')\ndef execute(*_): return {{}}\n"

    told = await install(plugins, write("sleeper", code), enable=False)

    assert told.state == Plugin.DISABLED
    assert not told.bundled
    assert told.HasField("install_time")
    assert not (tmp_path / "ran").exists()
    error = await wrong(lambda: execute(plugins, "sleeper"))
    assert reason(error) == "PLUGIN_DISABLED"


async def test_what_the_manifest_says_is_told(plugins: Server, write: Write) -> None:
    head = """
description = "It is one."
author = "Me"
beta = true
capabilities = ["text", "fast"]
supported_formats = ["json", "md"]
max_resolution = "64x64"
max_duration_seconds = 2.5
"""
    folder = write(
        "told", "return {'f': context.output_format}", head,
        permissions="models = true", input_schema="required = ['a']",
        limits="memory_bytes = 1099511627776\nduration_seconds = 86400.0",
    )  # fmt: skip

    told = await install(plugins, folder)

    assert (told.name, told.version, told.category) == ("Plugin told", "1.0", "utility")
    assert (told.description, told.author, told.beta) == ("It is one.", "Me", True)
    assert list(told.capabilities) == ["text", "fast"]
    assert list(told.supported_formats) == ["json", "md"]
    assert told.input_schema == '{"required":["a"]}'
    assert told.permissions.models
    assert told.limits.memory_bytes == ServerSettings().plugin_memory_bytes
    assert told.limits.duration.ToTimedelta().total_seconds() == ServerSettings().plugin_seconds
    assert (told.max_resolution, told.max_duration.ToMilliseconds()) == ("64x64", 2500)
    listed = await call(plugins, "ListPlugins", plugins_pb2.ListPluginsRequest(category="utility"))
    assert told in listed.plugins
    none = await call(plugins, "ListPlugins", plugins_pb2.ListPluginsRequest(category="x"))
    assert not none.plugins


async def test_input_that_breaks_the_schema_is_named_by_its_path(
    plugins: Server, write: Write
) -> None:
    schema = """
required = ["rows"]
properties.rows = { type = "array", items = { type = "object", properties.n.type = "integer" } }
"""
    folder = write(
        "rows", "return {}", 'supported_formats = ["md"]', input_schema=schema,
        output_schema="", config_schema="properties.depth = { type = 'integer' }",
    )  # fmt: skip
    await install(plugins, folder)
    cases = {
        '{"rows": [{"n": 1}, {"n": "x"}]}': "input.rows[1].n",
        "{}": "input",
        "[]": "input",
        "{": "input",
    }

    for given, field in cases.items():
        error = await refused(plugins, "rows", given)
        assert reason(error) == "FIELD_INVALID"
        assert details(error)["BadRequest"].field_violations[0].field == field

    for field, more in (
        ("config.depth", {"config": '{"depth": "x"}'}),
        ("config", {"config": "5"}),
        ("output_format", {"output_format": "html"}),
    ):
        error = await refused(plugins, "rows", '{"rows": []}', **more)
        assert details(error)["BadRequest"].field_violations[0].field == field


@pytest.mark.parametrize(
    ("schema", "given", "said"),
    [
        ("'$ref' = 'http://127.0.0.1:{port}/schema.json'", "{}", "PLUGIN_BROKEN"),
        ("'$ref' = 'file:///etc/passwd'", "{}", "PLUGIN_BROKEN"),
        ("'$ref' = '#/nothing'", "{}", "PLUGIN_BROKEN"),
        ("properties.a = { '$ref' = '#' }", '{"a":' * 900 + "{}" + "}" * 900, "FIELD_INVALID"),
        ("'$ref' = '#'", "[" * 100_000, "FIELD_INVALID"),
    ],
    ids=["network", "files", "nothing", "deep", "deeper"],
)
async def test_a_schema_leads_nowhere(
    plugins: Server, write: Write, port: int, schema: str, given: str, *, said: str
) -> None:
    told = schema.replace("{port}", str(port))
    await install(plugins, write("leads", "return {}", input_schema=told))

    assert reason(await refused(plugins, "leads", given)) == said


async def test_output_that_breaks_its_schema_is_no_output(plugins: Server, write: Write) -> None:
    await install(
        plugins, write("wrong", "return {'n': 'x'}", output_schema="properties.n.type = 'integer'")
    )

    error = await refused(plugins, "wrong")

    assert reason(error) == "PLUGIN_FAILED"
    assert "output.n" in str(error.details())


async def test_a_configuration_stands_and_a_call_s_goes_before_it(
    plugins: Server, write: Write
) -> None:
    folder = write("set", "return config", config_schema="properties.a.type = 'integer'")
    await install(plugins, folder)

    told = await update(plugins, "set", config='{"a": 1, "b": 2}')

    assert told.config == '{"a":1,"b":2}'
    error = await wrong(lambda: update(plugins, "set", config='{"a": "x"}'))
    assert details(error)["BadRequest"].field_violations[0].field == "config.a"
    assert (await get(plugins, "set")).config == told.config
    if MISSING:
        return
    done = await execute(plugins, "set", config='{"a": 5}')
    assert done.output == '{"a": 5, "b": 2}'
    assert done.config == '{"a":5,"b":2}'


async def test_a_plugin_is_there_again_after_a_start(write: Write, tmp_path: Path) -> None:
    settings = ServerSettings(home=tmp_path / "home", port=0)
    body = """
with (context.folder / "n").open("a") as file: file.write("x")
return {"n": len((context.folder / "n").read_text())}
"""
    first = Server(settings)
    await first.start()
    await install(first, write("stays", body))
    await update(first, "stays", config='{"a": 1}')
    before = await get(first, "stays")
    if not MISSING:
        assert (await execute(first, "stays")).output == '{"n": 1}'
    await first.stop(0)
    (tmp_path / "home" / "plugins" / ".import-half").mkdir()

    second = Server(settings)
    await second.start()
    after = await get(second, "stays")
    again = await execute(second, "stays") if not MISSING else None
    replaced = await install(second, write("stays", "return {}", 'author = "New"'), enable=False)
    await second.stop(0)

    assert after == before
    assert again is None or again.output == '{"n": 2}'
    assert (replaced.author, replaced.config, replaced.state) == ("New", '{"a":1}', Plugin.ENABLED)
    assert sorted(path.name[:5] for path in (tmp_path / "home/plugins/stays").iterdir()) == [
        "code-",
        "folde",
        "state",
    ]
    assert not (tmp_path / "home" / "plugins" / ".import-half").exists()


async def test_a_plugin_whose_files_are_damaged_is_broken_and_can_be_installed_anew(
    write: Write, tmp_path: Path
) -> None:
    settings = ServerSettings(home=tmp_path / "home", port=0)
    first = Server(settings)
    await first.start()
    folder = write("damaged", "return {}")
    await install(first, folder)
    await first.stop(0)
    (manifest,) = (tmp_path / "home" / "plugins").glob("damaged/code-*/plugin.toml")
    manifest.write_text("id = =")

    second = Server(settings)
    await second.start()
    told = await get(second, "damaged")
    error = await wrong(lambda: execute(second, "damaged"))
    anew = await install(second, folder)
    await second.stop(0)

    assert told.state == Plugin.BROKEN
    assert "line 1" in told.error
    assert reason(error) == "PLUGIN_BROKEN"
    assert anew.state == Plugin.ENABLED


async def test_code_that_can_t_be_imported_breaks_its_plugin(plugins: Server, write: Write) -> None:
    await install(plugins, write("lacks", "# a plugin\nimport nothing_of_that_name\n"))

    error = await refused(plugins, "lacks")

    assert reason(error) == "PLUGIN_BROKEN"
    told = await get(plugins, "lacks")
    assert told.state == Plugin.BROKEN
    assert "nothing_of_that_name" in told.error
    again = await wrong(lambda: update(plugins, "lacks", enabled=True))
    assert reason(again) == "PLUGIN_BROKEN"
    assert (await install(plugins, write("lacks", "return {}"))).state == Plugin.ENABLED
    assert (await execute(plugins, "lacks")).output == "{}"


async def test_a_removed_plugin_s_executions_end(plugins: Server, write: Write) -> None:
    if MISSING:
        pytest.skip(f"plugins are refused here: {MISSING}")
    import asyncio  # noqa: PLC0415

    await install(plugins, write("removed", "while True: pass"))
    running = asyncio.create_task(execute(plugins, "removed"))
    await until(lambda: bool(children_of_host()))

    await call(plugins, "DeletePlugin", plugins_pb2.DeletePluginRequest(plugin_id="removed"))

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await running
    assert reason(raised.value) == "PLUGIN_NOT_FOUND"
    assert not children_of_host()
    assert reason(await wrong(lambda: get(plugins, "removed"))) == "PLUGIN_NOT_FOUND"


async def test_one_that_is_there_is_replaced_only_on_request(plugins: Server, write: Write) -> None:
    folder = write("twice", "return {}")
    await install(plugins, folder)

    error = await wrong(lambda: install(plugins, folder, replace=False))

    assert reason(error) == "PLUGIN_EXISTS"
    assert metadata(error) == {"plugin_id": "twice", "version": "1.0"}


def wheel(path: Path, files: dict[str, str], link: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        if link:
            info = zipfile.ZipInfo(link)
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, "/etc/passwd")
    return path


TOML = """
id = "wheeled"
name = "Wheeled"
version = "1"
category = "utility"
entry = "wheeled.code:execute"
"""
GOOD = {
    "wheeled/plugin.toml": TOML,
    "wheeled/__init__.py": "",
    "wheeled/code.py": "def execute(context, input, config): return {'wheel': True}",
    "wheeled-1.dist-info/METADATA": "Name: wheeled\n",
}


async def test_a_wheel_is_installed(plugins: Server, tmp_path: Path) -> None:
    told = await install(plugins, wheel(tmp_path / "wheeled-1-py3-none-any.whl", GOOD))

    assert told.state == Plugin.ENABLED
    if not MISSING:
        assert (await execute(plugins, "wheeled")).output == '{"wheel": true}'


def files_of(home: Path) -> list[Path]:
    """All that lies there and beside it."""
    return sorted(path for path in home.parent.rglob("*") if "sqlite" not in path.name)


HOSTILE_WHEELS: dict[str, tuple[dict[str, str], str, str]] = {
    "up": ({**GOOD, "../../planted": "x"}, "", "planted"),
    "absolute": ({**GOOD, "/planted": "x"}, "", "planted"),
    "windows": ({**GOOD, "..\\planted": "x"}, "", "planted"),
    "link": (GOOD, "wheeled/out", "plain file"),
    "pickle": ({**GOOD, "wheeled/model.pkl": "x"}, "", "model.pkl"),
    "torch": ({**GOOD, "wheeled/model.PT": "x"}, "", "model.PT"),
    "bomb": ({**GOOD, "wheeled/zeros": "\0" * (65 * 1024**2)}, "", "bytes"),
    "many": ({**GOOD, **{f"f/{i}": "" for i in range(4100)}}, "", "files"),
    "two": ({**GOOD, "other/plugin.toml": TOML}, "", "more than one"),
    "none": ({"wheeled/code.py": ""}, "", "no plugin.toml"),
}


@pytest.mark.parametrize("name", HOSTILE_WHEELS)
async def test_a_wheel_that_can_t_be_trusted_leaves_nothing(
    plugins: Server, home: Path, tmp_path: Path, name: str
) -> None:
    files, link, said = HOSTILE_WHEELS[name]
    path = tmp_path / "hostile-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content in files.items():
            archive.writestr(file, content)
    if link:
        wheel(path, files, link)
    before = files_of(home)

    error = await wrong(lambda: install(plugins, path))

    assert reason(error) == "PLUGIN_INVALID"
    assert said in str(error.details())
    assert files_of(home) == before


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
async def test_a_wheel_that_is_damaged_anywhere_is_named_so(tmp_path: Path, method: int) -> None:
    path = tmp_path / "wheeled-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in GOOD.items():
            archive.writestr(name.replace("code", "códe"), content)
    whole = path.read_bytes()

    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        (tmp_path / str(place)).mkdir()
        with suppress(ManifestError, OSError):  # what is not looked at may be damaged
            copy(path, tmp_path / str(place))


async def test_what_is_no_plugin_is_not_installed(
    plugins: Server, write: Write, home: Path, tmp_path: Path
) -> None:
    linked = write("linked", "return {}")
    (linked / "passwd").symlink_to("/etc/passwd")
    (tmp_path / "half-1-py3-none-any.whl").write_bytes(b"PK\x03\x04half")
    (tmp_path / "one-1-cp311-cp311-linux_x86_64.whl").write_bytes(b"")
    schema = write("schema", "return {}", input_schema="type = 'nothing'")
    cases = {
        linked: "passwd",
        tmp_path / "half-1-py3-none-any.whl": "wheel",
        tmp_path / "one-1-cp311-cp311-linux_x86_64.whl": "pure",
        tmp_path / "gone": "no such",
        tmp_path: "plugin.toml",
        home.parent: "home is in it",
        schema: "input's schema",
    }

    for path, said in cases.items():
        error = await wrong(lambda path=path: install(plugins, path))
        assert reason(error) == "PLUGIN_INVALID", path
        assert said in str(error.details())


WRONG_MANIFESTS = {
    'id = "A"': "id:",
    'id = "../x"': "id:",
    'category = "toy"': "category:",
    'entry = "code"': "entry:",
    'entry = "os.path:sys.exit"': "entry:",
    "beta = 1": "beta:",
    "surprise = 1": "surprise:",
    "beta = =": "line 6",
    "[permissions]\nhosts = ['example.com']": "permissions.hosts.0:",
    "[limits]\nmemory_bytes = 5": "limits.memory_bytes:",
    "[limits]\nmemory_bytes = '5'": "limits.memory_bytes:",
    "input_schema = '../../secret.json'": "input_schema:",
    "input_schema = 'none.json'": "none.json can't be read",
    "[input_schema]\ndefault = 2020-01-01": "input_schema:",
    "input_schema = ''": "input_schema:",
    "max_duration_seconds = inf": "max_duration_seconds:",
    "max_duration_seconds = 1e300": "max_duration_seconds:",
    'author = "\\u009b31m"': "author:",
    'description = "\\u001b[31m"': "description:",
    "max_resolution = " + "9" * 5000: "too long",
    "capabilities = " + "[" * 5000: "nested too deeply",
}


@pytest.mark.parametrize("line", WRONG_MANIFESTS)
async def test_a_manifest_s_error_names_the_key_or_the_line(tmp_path: Path, line: str) -> None:
    told = {"id": '"x"', "name": '"X"', "version": '"1"', "category": '"utility"'}
    told["entry"] = '"x:execute"'
    key = line.partition(" ")[0]
    lines = [f"{name} = {value}" for name, value in told.items() if name != key]
    (tmp_path / "plugin.toml").write_text("\n".join([*lines, line]))

    with pytest.raises(ManifestError, match=WRONG_MANIFESTS[line].replace(".", r"\.")):
        read_manifest(tmp_path / "plugin.toml")


async def test_a_schema_may_be_a_file_beside_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text('{"type": "object"}')
    (tmp_path / "plugin.toml").write_text(
        'id = "x"\nname = "X"\nversion = "1"\ncategory = "utility"\nentry = "x:execute"\n'
        'input_schema = "in.json"\n'
    )

    manifest: Manifest = read_manifest(tmp_path / "plugin.toml")

    assert manifest.input_schema == '{"type":"object"}'
    assert manifest.output_schema == "{}"
