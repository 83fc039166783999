#!/usr/bin/env bash
# grpcio 1.85.3 (grpc.aio), Python 3.11.
# One would guess: where a caller gives up amid an upload (a method that takes a stream and answers once), the server's
# `async for` over its requests raises, or the handler is cancelled, before that loop can end as for a whole upload.
# Seen: where the event loop has other work while the caller leaves, the `async for` ends as if all had come, in each of 20
# calls; the handler is cancelled only at a later await. So a handler that keeps what it has at the end of its loop keeps
# a part for the whole. Sending the initial metadata there tells the two apart: for a caller that left it is where the
# cancel comes, for a whole upload it goes through.
# Exits 1 unless all 20 abandoned uploads end their loop so, and all 5 whole ones send the metadata.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check grpcio==1.85.3
cat >"$folder/server.py" <<'END'
import asyncio
import sys
import time

import grpc.aio


def busy():
    """The loop has other work, while this call waits for its next request and its caller leaves."""
    print("begun", flush=True)
    time.sleep(0.3)


async def upload(requests, context):
    count = 0
    try:
        async for _ in requests:
            count += 1
            if count == 3:
                asyncio.get_running_loop().call_later(0.05, busy)
    except BaseException as error:
        print("raised", type(error).__name__, flush=True)
        raise
    try:
        await context.send_initial_metadata(())
    except BaseException as error:
        print("ended, then", type(error).__name__, flush=True)
        raise
    print("ended, then the metadata was sent", flush=True)
    return b"kept"


async def main():
    server = grpc.aio.server()
    handlers = {"Upload": grpc.stream_unary_rpc_method_handler(upload)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", handlers),))
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    await server.start()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop(0)


asyncio.run(main())
END
cat >"$folder/caller.py" <<'END'
import asyncio
import pathlib
import sys

import grpc.aio


async def main():
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(pathlib.Path(__file__).with_name("server.py")),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )
    line = lambda: asyncio.wait_for(process.stdout.readline(), 20)
    port = int(await line())
    seen = []
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        ask = channel.stream_unary("/test.Test/Upload")
        for leaves in [True] * 20 + [False] * 5:
            call = ask()
            for _ in range(3):
                await call.write(b"part")
            assert await line() == b"begun\n"
            if leaves:
                call.cancel()
            else:
                await call.done_writing()
                await call
            seen.append((leaves, (await line()).decode().strip()))
    process.stdin.close()
    await process.wait()
    for one in sorted(set(seen)):
        print(seen.count(one), "left" if one[0] else "whole", "->", one[1])
    expected = {(True, "ended, then CancelledError"), (False, "ended, then the metadata was sent")}
    if set(seen) != expected:
        raise SystemExit(1)


asyncio.run(main())
END
"$folder/venv/bin/python" "$folder/caller.py"
