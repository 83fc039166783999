"""A plugin that does what it may not is stopped, its caller learns why, and the server goes on."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import grpc.aio
import pytest
import pytest_asyncio

from funland.v1 import plugins_pb2
from funland_server.app import Server
from tests.server.conftest import SECONDS, call, until
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

LIMITS = """
memory_bytes = 67108864
duration_seconds = 20.0
disk_bytes = 4194304
output_bytes = 65536
"""

SAY = """
from funland.worker.v1.plugin_pb2 import FromPlugin, PluginFailure, PluginResult
own = context._link._own
def say(**message):
    context._link.send(FromPlugin(**message))
    while True: pass
"""
EXCEEDED, DENIED, FAILED = "PLUGIN_LIMIT_EXCEEDED", "PLUGIN_DENIED", "PLUGIN_FAILED"


@dataclass(frozen=True, slots=True)
class Hostile:
    """What a plugin does, why it ends, and what the error says of that."""

    name: str
    body: str
    reason: str
    detail: str = ""


CASES = [
    Hostile("memory", "x = []\nwhile True: x.append(bytearray(1 << 20))", EXCEEDED, "memory"),
    Hostile(
        "swallows",
        "x = []\nwhile True:\n"
        "    try: x.append(bytearray(1 << 20))\n    except MemoryError: break\n"
        "del x\nwhile True:\n    try: bytearray(1 << 40)\n    except MemoryError: raise",
        EXCEEDED,
        "memory",
    ),
    Hostile(
        "shared",  # what RLIMIT_DATA does not count
        "import mmap, os\nf = open(context.folder / 'm', 'w+b')\nf.truncate(1 << 22)\n"
        "m = [mmap.mmap(f.fileno(), 1 << 22) for _ in range(40)]\n"
        "while True:\n    for one in m: one[:] = bytes(1 << 22)",
        EXCEEDED,
        "memory",
    ),
    Hostile(
        "threads",
        "import threading, time\nthreading.stack_size(1 << 16)\n"
        "while True: threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()",
        EXCEEDED,
        "threads",
    ),
    Hostile(
        "big_file",
        "with open(context.folder / 'big', 'wb') as file:\n"
        "    while True: file.write(bytes(65536))",
        EXCEEDED,
        "disk",
    ),
    Hostile(
        "many_files",
        "import itertools\nfor i in itertools.count():\n"
        "    try: (context.folder / str(i)).write_bytes(bytes(65536))\n    except OSError: pass",
        EXCEEDED,
        "disk",
    ),
    Hostile("long_output", "return {'x': 'x' * 100_000}", EXCEEDED, "output"),
    Hostile("floods", "while True: context.progress(1, 'x' * 10_000)", EXCEEDED, "output"),
    Hostile(
        "lies",  # past the SDK
        "import os\nfor fd in range(3, 10):\n    try: os.write(fd, b'\\xff' * 65536)\n"
        "    except OSError: pass\nimport time\ntime.sleep(100)",
        EXCEEDED,
        "output",
    ),
    Hostile("reads_home", "open('{home}/funland.sqlite3', 'rb').read()", DENIED, "files"),
    Hostile("lists_home", "import os\nos.listdir('{home}')", DENIED, "files"),
    Hostile("reads_others", "open('/etc/passwd').read()", DENIED, "files"),
    Hostile("reads_environment", "open('/proc/{pid}/environ', 'rb').read()", DENIED, "files"),
    Hostile("writes_outside", "open('{home}/planted', 'w')", DENIED, "files"),
    Hostile("writes_its_code", "open(__file__, 'a').write('#')", DENIED, "files"),
    Hostile(
        "links_out",
        "import os\nos.symlink('{home}', context.folder / 'out')",
        DENIED,
        "files",
    ),
    Hostile("changes_rights", "import os\nos.chmod('{home}', 0o777)", DENIED, "files"),
    Hostile(
        "empties",
        "import os\nos.open(os.__file__, os.O_RDONLY | os.O_TRUNC)",
        DENIED,
        "files",
    ),
    Hostile(
        "connects",
        "import socket\nsocket.create_connection(('127.0.0.1', {port}))",
        DENIED,
        "network",
    ),
    Hostile(
        "looks_up", "import socket\nsocket.getaddrinfo('localhost.invalid', 80)", DENIED, "network"
    ),
    Hostile(
        "native_socket",
        "import ctypes\nc = ctypes.CDLL(None, use_errno=True)\n"
        "if c.socket(2, 1, 0) < 0: raise PermissionError(ctypes.get_errno(), 'socket')",
        DENIED,
    ),
    Hostile("forks", "import os\nwhile True: os.fork()", DENIED, "processes"),
    Hostile("runs", "import subprocess\nsubprocess.run(['true'])", DENIED, "processes"),
    Hostile("kills", "import os\nos.kill({pid}, 9)", DENIED, "signals"),
    Hostile("kills_host", "import os\nos.kill(os.getppid(), 9)", DENIED, "signals"),
    Hostile(
        "raises_limits",
        "import ctypes\nc = ctypes.CDLL(None, use_errno=True)\n"
        "words = (ctypes.c_ulong * 2)(-1, -1)\n"
        "if c.prlimit(0, 2, words, None): raise PermissionError(ctypes.get_errno(), 'prlimit')",
        DENIED,
    ),
    Hostile("asks", "return {'x': context.chat('hello').text}", DENIED, "models"),
    Hostile("crashes", "import ctypes\nctypes.string_at(0)", FAILED, "SIGSEGV"),
    Hostile(
        "lets_go", "import os\nos.closerange(3, 256)\nwhile True: pass", FAILED, "was ended by SIG"
    ),
    Hostile("leaves", "import os\nos._exit(7)", FAILED, "exit code 7"),
    Hostile("raises", "raise ValueError('no such thing')", FAILED, "ValueError: no such thing"),
    Hostile("exits", "raise SystemExit", FAILED, "SystemExit"),
    Hostile("wrong_type", "return 5", FAILED, "int"),
    Hostile("no_json", "return {'x': float('nan')}", FAILED, "JSON"),
    Hostile("half_a_sign", "raise ValueError('half \\ud800 a sign')", FAILED, "half ? a sign"),
    Hostile(
        "no_words",
        "class Mute(RuntimeError):\n    def __str__(self): raise OSError\nraise Mute",
        FAILED,
        "It raised a Mute",
    ),
    Hostile("obeyed", "raise ValueError('a\\x1b[31mb\\0')", FAILED, "a\ufffd[31mb\ufffd"),
    Hostile(
        "tells_paths", "raise ValueError(__file__)", FAILED, ": ValueError: tells_paths_code.py"
    ),
    Hostile("long_words", "raise ValueError('错' * 9000)", FAILED, "错错错"),
    Hostile(  # past the SDK
        "forged_words",
        SAY + "say(failure=PluginFailure(message='x' * 300_000))",
        FAILED,
        "xxx",
    ),
    Hostile(
        "forged_violations",
        SAY + "from funland.v1.errors_pb2 import FieldViolation\n"
        "say(failure=PluginFailure(kind=PluginFailure.INVALID, violations=[\n"
        "    FieldViolation(field='é' * 999, description='y' * 9_000)] * 99))",
        "FIELD_INVALID",
    ),
    Hostile("forged_output", SAY + "say(result=PluginResult(output='no JSON'))", FAILED, "no JSON"),
    Hostile("forged_list", SAY + "say(result=PluginResult(output='[]'))", FAILED, "no JSON object"),
    Hostile(
        "says_nonsense", SAY + "own.sendall(b'\\0\\0\\0\\4' + b'\\xff' * 4)", FAILED, "no message"
    ),
    Hostile(
        "digs",  # deeper than a path may be long, where nobody looks
        "import os\nfor _ in range(30): os.mkdir('d' * 200), os.chdir('d' * 200)\nwhile True: pass",
        EXCEEDED,
        "disk",
    ),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def well(plugins: Server, write: Write) -> str:
    """A plugin that does as it should."""
    return (await install(plugins, write("well", "return {'well': True}"))).plugin_id


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_plugin_that_does_what_it_may_not_ends_with_the_reason(
    plugins: Server, write: Write, home: Path, port: int, well: str, *, case: Hostile
) -> None:
    body = (
        case.body.replace("{home}", str(home))
        .replace("{pid}", str(os.getpid()))
        .replace("{port}", str(port))
    )
    await install(plugins, write(case.name, body, limits=LIMITS))

    async with asyncio.timeout(SECONDS):
        error = await refused(plugins, case.name)

    assert reason(error) == case.reason, error.details()
    told = metadata(error)
    if case.reason == FAILED:
        assert case.detail in str(error.details())
    elif case.detail:
        assert told["limit" if case.reason == EXCEEDED else "permission"] == case.detail
    assert not (home / "planted").exists()
    await until(lambda: not children_of_host())
    assert (await execute(plugins, well)).output == '{"well": true}'
    await call(plugins, "DeletePlugin", plugins_pb2.DeletePluginRequest(plugin_id=case.name))
    assert not list((home / "plugins").glob(".*"))


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can see such files")
async def test_files_that_are_open_and_removed_count_too(plugins: Server, write: Write) -> None:
    body = (
        "import os\nfiles = []\n"
        "for name in 'abc':\n"
        "    files.append(open(name, 'wb', 0))\n"
        "    os.unlink(name)\n"
        "    files[-1].write(bytes(2 << 20))\n"
        "while True: pass"
    )
    await install(plugins, write("unlinks", body, limits=LIMITS))

    error = await refused(plugins, "unlinks")

    assert (reason(error), metadata(error)["limit"]) == (EXCEEDED, "disk")


@pytest.mark.parametrize(
    "body",
    [
        "while True: pass",
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "while True: time.sleep(9)",
        "import re\nre.match('(a+)+$', 'a' * 64 + 'b')",  # C code that holds the GIL
    ],
    ids=["loops", "ignores_sigterm", "holds_the_gil"],
)
async def test_a_plugin_that_does_not_end_is_ended_at_its_time(
    plugins: Server, write: Write, body: str
) -> None:
    await install(plugins, write("endless", body, limits="duration_seconds = 0.3"))

    async with asyncio.timeout(SECONDS):
        error = await refused(plugins, "endless")

    assert (reason(error), metadata(error)["limit"]) == (EXCEEDED, "duration")
    await until(lambda: not children_of_host())


async def test_a_schema_that_takes_for_ever_costs_its_plugin_alone(
    plugins: Server, write: Write, well: str
) -> None:
    schema = "properties.text = { type = 'string', pattern = '(a+)+$' }"
    folder = write("pattern", "return {}", limits="duration_seconds = 0.3", input_schema=schema)
    await install(plugins, folder)

    slow = asyncio.create_task(refused(plugins, "pattern", '{"text": "' + "a" * 64 + 'b"}'))
    done = await execute(plugins, well) if not MISSING else None

    assert done is None or done.output == '{"well": true}'
    assert metadata(await slow)["limit"] == "duration"


async def test_a_caller_that_leaves_ends_the_plugin(plugins: Server, write: Write) -> None:
    if MISSING:
        pytest.skip(f"plugins are refused here: {MISSING}")
    await install(plugins, write("runs_on", "while True: pass"))
    calling = asyncio.create_task(execute(plugins, "runs_on"))
    await until(lambda: bool(children_of_host()))

    calling.cancel()

    await until(lambda: not children_of_host())


async def test_what_was_said_of_a_plugin_that_is_not_there(plugins: Server) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await execute(plugins, "nobody")

    assert reason(raised.value) == "PLUGIN_NOT_FOUND"
