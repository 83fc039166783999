#!/usr/bin/env bash
# grpcio 1.85.1 (grpc.aio), Python 3.11.
# One would guess: a server's handler that never fails leaves no error in the log, whenever its callers'
# deadlines pass; a caller that is gone is nobody's fault.
# Seen: about one call in a thousand whose deadline passes just as it is answered is logged at level ERROR with
# the traceback of an ExecuteBatchError, in unary calls and in streams. Sending fails in the core before the
# task that watches for the caller's leave has taken note of it, and only then is the failure passed over.
# It depends on timing, so it is tried for at most two minutes. Exits 1 if no such record is seen in that time.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check grpcio==1.85.1
cat >"$folder/deadlines.py" <<'END'
import asyncio
import logging
import random
import time

import grpc.aio

LONGEST = 0.02
seen = []


class Records(logging.Handler):
    def emit(self, record):
        if record.levelno >= logging.ERROR and record.exc_info:
            seen.append(type(record.exc_info[1]).__name__)


async def stream(request, context):
    for _ in range(random.randint(0, 6)):
        await asyncio.sleep(random.random() * LONGEST / 5)
        await context.write(b"part")


async def unary(request, context):
    await asyncio.sleep(random.random() * LONGEST)
    return b"whole"


async def main():
    logging.getLogger().addHandler(Records())
    server = grpc.aio.server()
    handlers = {
        "Stream": grpc.unary_stream_rpc_method_handler(stream),
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    calls = 0

    async def call(ask_stream, ask_unary):
        deadline = random.random() * LONGEST
        try:
            if random.random() < 0.5:
                async for _ in ask_stream(b"", timeout=deadline):
                    pass
            else:
                await ask_unary(b"", timeout=deadline)
        except grpc.aio.AioRpcError as error:
            assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED

    end = time.monotonic() + 120
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        methods = channel.unary_stream("/test.Test/Stream"), channel.unary_unary("/test.Test/Unary")
        while time.monotonic() < end and len(seen) < 3:
            await asyncio.gather(*(call(*methods) for _ in range(20)))
            calls += 20
    await server.stop(None)
    print(f"grpcio {grpc.__version__}: {len(seen)} errors in the log of {calls} calls: {sorted(set(seen))}")
    return seen.count("ExecuteBatchError") > 0


raise SystemExit(0 if asyncio.run(main()) else 1)
END
"$folder/venv/bin/python" "$folder/deadlines.py"
