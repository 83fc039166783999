"""A system that lacks a means to keep plugins in runs none, and what runs dies with its server."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import grpc.aio
import psutil
import pytest

from funland.v1.plugins_pb2 import Plugin
from funland.v1.system_pb2 import GetHealthReportRequest, PartHealth
from funland.worker.v1.plugin_pb2 import ExecutionEnded
from funland_plugin.isolation.filters import MISSING as NOT_THERE
from funland_plugin.isolation.filters import NEVER, program
from funland_plugin.isolation.system_calls import PROCESSORS
from funland_server.app import Server
from funland_server.config import ServerSettings
from funland_server.plugins.manifest import Limits
from funland_server.plugins.outcome import of_end
from funland_server.workers.errors import WorkerLostError
from tests.server.conftest import call
from tests.server.plugins.conftest import MISSING, Write, execute, install, reason

SCRIPTS = "tests.server.plugins.scripts"


LACKING = """
import os
from funland_plugin.isolation import filters, kernel, probing, system_calls
processor = system_calls.PROCESSORS[os.uname().machine]
processor.numbers.setdefault("seccomp", processor.seccomp)
kernel.give_up_privileges()
kernel.filter_system_calls(processor.seccomp, filters.refusing(processor, {call!r}))
print(probing.missing())
"""


@pytest.mark.skipif(bool(MISSING), reason=f"plugins are refused here: {MISSING}")
@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("landlock_create_ruleset", "the kernel has no Landlock"),
        ("landlock_restrict_self", "Landlock can't be used: Function not implemented"),
        ("seccomp", "seccomp can't be used: Function not implemented"),
        ("unshare", ""),  # namespaces are no more than an addition
    ],
)
def test_a_means_that_is_missing_is_found(call: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", LACKING.format(call=call)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip

    assert done.stdout == f"{said}\n"


PYTHON = """#!{python} -I
import os, sys
from funland_plugin.isolation import filters, kernel, system_calls
processor = system_calls.PROCESSORS[os.uname().machine]
kernel.filter_system_calls(processor.seccomp, filters.refusing(processor, "landlock_add_rule"))
os.execv({python!r}, [{python!r}, *sys.argv[1:]])
"""


@pytest.mark.skipif(bool(MISSING), reason=f"plugins are refused here: {MISSING}")
async def test_without_a_means_no_plugin_is_run(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = tmp_path / "python"
    lacking.write_text(PYTHON.format(python=sys.executable))
    lacking.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(lacking))
    ran = tmp_path / "ran"
    code = f"# a plugin\nopen({str(ran)!r}, 'w')\ndef execute(*_): return {{}}\n"
    server = Server(ServerSettings(home=tmp_path / "home", port=0))
    await server.start()

    installed = await install(server, write("lacking", code))
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await execute(server, "lacking")
    report = await call(server, "GetHealthReport", GetHealthReportRequest())
    await server.stop(0)

    assert installed.state == Plugin.ENABLED
    assert reason(raised.value) == "PLUGIN_ISOLATION_UNAVAILABLE"
    assert "Landlock can't be used" in str(raised.value.details())
    assert not ran.exists()
    (part,) = [part for part in report.parts if part.name == "plugins"]
    assert part.state == PartHealth.DEGRADED
    assert "Landlock" in part.message


@pytest.mark.skipif(bool(MISSING), reason=f"plugins are refused here: {MISSING}")
def test_a_killed_server_takes_its_plugins_with_it(tmp_path: Path) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", f"{SCRIPTS}.holding", str(tmp_path)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert server.stdout is not None
    told = next(line for line in server.stdout if line.startswith("["))  # its log comes before
    running = [psutil.Process(pid) for pid in json.loads(told)]

    server.kill()

    _, left = psutil.wait_procs(running, timeout=120)
    assert len(running) == 2  # the host, and the plugin
    assert not left
    server.stdout.close()
    server.wait()


@pytest.mark.parametrize("machine", PROCESSORS)
def test_every_call_that_is_refused_has_a_number_where_the_processor_has_it(machine: str) -> None:
    processor = PROCESSORS[machine]
    # The generic table, of 64-bit Arm, never had these.
    never_there = {
        "chmod", "chown", "creat", "fork", "futimesat", "ioperm", "iopl", "lchown", "modify_ldt",
        "utime", "utimes", "vfork",
    } if machine != "x86_64" else set[str]()  # fmt: skip

    assert {name for name in NEVER if name not in processor.numbers} == never_there
    assert all(name in processor.numbers for name in NOT_THERE)
    assert len(set(processor.numbers.values())) == len(processor.numbers)
    assert len(program(processor, os.getpid())) // 8 < 4096  # the kernel's limit


def headers() -> dict[str, int]:
    """What this machine's headers say, if there are any."""
    path = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    lines = path.read_text().splitlines() if path.is_file() else []
    words = [line.split() for line in lines if line.startswith("#define __NR_")]
    return {name.removeprefix("__NR_"): int(number) for _, name, number in words}


@pytest.mark.skipif(not headers(), reason="The kernel's headers are not installed.")
def test_the_numbers_are_the_kernel_s() -> None:
    numbers = PROCESSORS["x86_64"].numbers

    assert {name: headers()[name] for name in numbers if name in headers()} == {
        name: number for name, number in numbers.items() if name in headers()
    }


ROOMLESS = """
import os, socket
from funland.worker.v1.plugin_pb2 import HostCommand, HostEvent, StartExecution
from funland_plugin import host
from funland_plugin.isolation import filters, kernel, system_calls
server, control = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
one = host.Host(control)
processor = system_calls.PROCESSORS[os.uname().machine]
kernel.give_up_privileges()
kernel.filter_system_calls(processor.seccomp, filters.refusing(processor, "clone"))
_, plugins = socket.socketpair()
command = HostCommand(start=StartExecution(execution_id="x"))
socket.send_fds(server, [command.SerializeToString()], [plugins.fileno()])
one._turn()
print(HostEvent.FromString(server.recv(9999)).ended.not_started)
"""


@pytest.mark.skipif("seccomp" in MISSING, reason=f"no filters here: {MISSING}")
def test_a_system_without_room_for_a_process_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-c", ROOMLESS],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    why = done.stdout.strip()

    error = of_end("p", ExecutionEnded(not_started=why), Limits())
    assert why == os.strerror(errno.ENOSYS)  # as the filter has it
    assert isinstance(error, WorkerLostError)
    assert f"no room for another process ({why})" in error.message
