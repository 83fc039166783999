"""Starts an MCP server as a process and exchanges lines of JSON with it.

The SDK has such a transport too. This one bounds how long a line may be, passes on nothing of the
server's environment, keeps what the process writes to its standard error, and says at once that it
has ended.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from funland_server.mcp.server import ConnectionLostError
from funland_server.mcp.untrusted import redacted

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.shared.message import SessionMessage

logger = structlog.get_logger(__name__)

LONGEST_LINE: Final = 4 * 1024**2
"""Bytes of one message of a server."""
_INHERITED: Final = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")
"""What programs need to start at all; nothing else of the server's environment is passed on."""
_KIND_SECONDS: Final = 1.0
"""How long one may take to end when its standard input has ended, and after SIGTERM."""
_JUNK: Final = 1000
"""So many lines that are no messages are passed over: some servers greet, or log there."""
_WORDS: Final = 8
"""So many of its last lines are told when it has ended."""
_LOGGED: Final = 1000
"""Characters of a line in the log."""


@dataclass(frozen=True, slots=True)
class Program:
    """What is started."""

    server: str
    """The name in the settings, for the log."""
    command: Sequence[str]
    variables: Mapping[str, str]
    secrets: Sequence[str]


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Of a process, with the variables that the settings give it."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {"LANG": "C.UTF-8"} | inherited | dict(variables)


@asynccontextmanager
async def stdio_transport(
    program: Program, lost: Callable[[str], None]
) -> AsyncGenerator[
    tuple[
        MemoryObjectReceiveStream[SessionMessage | Exception],
        MemoryObjectSendStream[SessionMessage],
    ]
]:
    """Streams of messages, as the SDK's client takes them. The process ends with the block.

    Args:
        program: What is started.
        lost: Told why nothing more comes, unless the block ended it.

    Raises:
        ConnectionLostError: It can't be started.
    """
    import anyio  # noqa: PLC0415 - only who uses MCP servers needs the SDK and its parts
    from mcp.shared.message import SessionMessage  # noqa: PLC0415 - as above

    process = await _started(program)
    heard, hears = anyio.create_memory_object_stream[SessionMessage | Exception](16)
    says, said = anyio.create_memory_object_stream[SessionMessage](0)
    words: deque[str] = deque(maxlen=_WORDS)
    closing = asyncio.Event()

    def ended(why: str) -> None:
        if not closing.is_set():
            logger.warning("mcp_server_ended", server=program.server, words=[*words], reason=why)
            lost(why)

    tasks = [
        asyncio.create_task(_read(process, heard, ended)),
        asyncio.create_task(_write(process, said)),
        asyncio.create_task(_log(program, process, words)),
    ]
    try:
        yield hears, says
    finally:
        closing.set()
        await asyncio.shield(_end(process, tasks))
        for stream in (heard, hears, says, said):
            stream.close()


async def _started(program: Program) -> asyncio.subprocess.Process:
    try:
        process = await asyncio.create_subprocess_exec(
            *program.command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(program.variables),
            limit=LONGEST_LINE,
            start_new_session=True,  # what it starts ends with it, and Ctrl-C is the server's
        )
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise ConnectionLostError(f"it can't be started: {why}.") from None
    logger.info("mcp_server_started", server=program.server, pid=process.pid)
    return process


async def _read(
    process: asyncio.subprocess.Process,
    heard: MemoryObjectSendStream[SessionMessage | Exception],
    ended: Callable[[str], None],
) -> None:
    from mcp.shared.message import SessionMessage  # noqa: PLC0415 - as above
    from mcp_types import jsonrpc_message_adapter  # noqa: PLC0415 - as above

    assert process.stdout is not None  # noqa: S101 - a pipe
    why = "its process has ended."
    junk = 0
    try:
        with heard:
            while junk < _JUNK and (line := await process.stdout.readline()):
                try:
                    message = jsonrpc_message_adapter.validate_json(line, by_name=False)
                except ValueError:
                    junk += 1
                else:
                    await heard.send(SessionMessage(message))
        if junk == _JUNK:
            why = "it writes what are no messages of JSON-RPC."
    except ValueError:  # the line is longer than the reader's limit
        why = f"it wrote a message of more than {LONGEST_LINE // 1024**2} MiB."
    except Exception as error:  # the session has gone, or the pipe broke
        why = f"what it wrote can't be read any more ({type(error).__name__})."
    ended(why)
    while await process.stdout.read(LONGEST_LINE):  # so that it can end, and is not held up
        pass


async def _write(
    process: asyncio.subprocess.Process, said: MemoryObjectReceiveStream[SessionMessage]
) -> None:
    assert process.stdin is not None  # noqa: S101 - a pipe
    with suppress(ConnectionError):
        async for one in said:
            text = one.message.model_dump_json(by_alias=True, exclude_unset=True)
            process.stdin.write(text.encode() + b"\n")
            await process.stdin.drain()


async def _log(program: Program, process: asyncio.subprocess.Process, words: deque[str]) -> None:
    """What it writes to its standard error, for the server's log."""
    assert process.stderr is not None  # noqa: S101 - a pipe
    while True:
        try:
            line = await process.stderr.readline()
        except ValueError:  # longer than any should be
            continue
        if not line:
            return
        text = redacted(line.decode("utf-8", "replace").rstrip(), program.secrets)
        words.append(text[:_LOGGED])
        logger.debug("mcp_server_says", server=program.server, text=text[:_LOGGED])


async def _end(process: asyncio.subprocess.Process, tasks: Sequence[asyncio.Task[None]]) -> None:
    """Ends the process, and what it has started: kindly, then without asking."""
    assert process.stdin is not None  # noqa: S101 - a pipe
    with suppress(OSError, RuntimeError):
        process.stdin.close()
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        if number is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)
        try:
            async with asyncio.timeout(_KIND_SECONDS):
                await process.wait()
                break
        except TimeoutError:
            continue
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await asyncio.wait(tasks, timeout=_KIND_SECONDS)  # the pipes end with who had them
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
