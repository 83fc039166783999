"""The process of one execution: gives up what it may not do, and only then reads what to do."""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn

from funland.worker.v1.plugin_pb2 import (
    FromPlugin,
    PluginFailure,
    PluginResult,
    PluginRun,
    StartExecution,
)
from funland_plugin.checking import ViolatedError, check, read, schema
from funland_plugin.context import Context
from funland_plugin.failing import Attempts, broken, failure
from funland_plugin.isolation import kernel
from funland_plugin.isolation.confining import UnavailableError, confine, limit
from funland_plugin.link import Link

_CHECK_BYTES: Final = 1024**3
_ENVIRONMENT: Final = {
    "LANG": "C.UTF-8",
    # Libraries take memory for a thread a core before they compute anything.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}

Execute = Callable[[Context, dict[str, Any], dict[str, Any]], object]


def run(start: StartExecution, own: socket.socket, readable: list[str], parent: int) -> NoReturn:
    """Is the process from its fork to its end."""
    code = 1
    try:
        _alone(start, own, parent)
        link = Link(own)
        try:
            _confine(start, readable)
        except UnavailableError as error:
            told = PluginFailure(kind=PluginFailure.ISOLATION, message=str(error))
            link.send(FromPlugin(failure=told))
        else:
            link.send(_outcome(start, link, link.receive().run))
        code = 0
    except (EOFError, BrokenPipeError, ConnectionError):
        code = 0  # the server has let go
    finally:
        os._exit(code)  # nothing of the plugin's is waited for


def _alone(start: StartExecution, own: socket.socket, parent: int) -> None:
    """Lets go of all that the host has."""
    kernel.die_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    kernel.close_all_but([0, 1, 2, own.fileno()])
    os.umask(0o077)
    os.environ.clear()
    os.environ.update(_ENVIRONMENT)
    if start.folder:
        os.environ["HOME"] = os.environ["TMPDIR"] = start.folder
        os.chdir(start.folder)


def _confine(start: StartExecution, readable: list[str]) -> None:
    limit(memory_bytes=start.memory_bytes or _CHECK_BYTES, disk_bytes=start.disk_bytes)
    to_read = [*readable, start.code_folder] if start.code_folder else readable
    try:
        confine(to_read=to_read, to_write=[start.folder] if start.folder else [])
    except UnavailableError:
        if start.foreign:
            raise
        # Else it is our code alone, on what a stranger wrote: its limits are enough.


def _outcome(start: StartExecution, link: Link, run: PluginRun) -> FromPlugin:
    attempts = Attempts()
    try:
        told = _done(start, link, run, attempts)
    except BaseException as error:  # also SystemExit: the code is a stranger's
        attempts.rest()
        told = failure(error, attempts)
    if isinstance(told, PluginFailure):
        return FromPlugin(failure=told)
    return FromPlugin(result=told)


def _done(
    start: StartExecution, link: Link, run: PluginRun, attempts: Attempts
) -> PluginResult | PluginFailure:
    # Nothing of the plugin's is imported yet: what is said here of its caller is true.
    input_schema = schema(run.input_schema, "The input's schema")
    config_schema = schema(run.config_schema, "The configuration's schema")
    output_schema = schema(run.output_schema, "The output's schema")
    try:
        input_ = read(run.input, "input", input_schema) if run.HasField("input") else {}
        config = read(run.config, "config", config_schema) if run.HasField("config") else {}
    except ViolatedError as error:
        return PluginFailure(kind=PluginFailure.INVALID, violations=error.violations)
    if run.extent == PluginRun.CHECK:
        return PluginResult()
    attempts.listen()
    try:
        execute = _imported(start.code_folder, run.entry)
    except BaseException as error:  # also SystemExit
        attempts.rest()
        return broken(error)
    if run.extent == PluginRun.IMPORT:
        return PluginResult()
    context = Context(link, Path(start.folder), run.output_format, run.output_bytes)
    output = execute(context, input_, config)
    attempts.rest()
    if not isinstance(output, dict):
        raise TypeError(f"It gave {type(output).__name__}, not a dict.")
    text = json.dumps(output, ensure_ascii=False, allow_nan=False)
    context.take_output(len(text.encode()))
    if violations := check(json.loads(text), "output", output_schema):
        raise ViolatedError(violations)
    return PluginResult(output=text)


def _imported(code_folder: str, entry: str) -> Execute:
    sys.path.insert(0, code_folder)
    module, _, name = entry.partition(":")
    execute = getattr(importlib.import_module(module), name)
    if not callable(execute):
        raise TypeError(f"{entry} is no function.")
    return execute
