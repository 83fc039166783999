#!/usr/bin/env bash
# grpcio 1.85.3 (grpc.aio), Python 3.11.
# One would guess: a server that ends a bidirectional stream with a status of its own has its caller see that
# status, whether or not the caller is just then sending something.
# Seen: where the caller's iterator of requests is being sent when the end arrives, the call mostly has INTERNAL,
# "Internal error from Core", in place of the server's code and words (nine of ten calls of a caller that never
# stops to send). So a caller can't tell a refusal from a defect by the code alone. Waiting is no help: the call says
# the same a second later.
# It depends on timing, so many calls are made. Exits 1 unless the server's own status and INTERNAL are both seen,
# and INTERNAL stays.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check grpcio==1.85.3
cat >"$folder/sending.py" <<'END'
import asyncio
import random
import time

import grpc.aio


async def converse(requests, context):
    async for _ in requests:
        break
    await asyncio.sleep(random.random() * 0.01)
    await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "enough")


async def main():
    server = grpc.aio.server()
    handlers = {"Converse": grpc.stream_stream_rpc_method_handler(converse)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    codes = {}
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        ask = channel.stream_stream("/test.Test/Converse")

        async def sent():
            while True:
                yield b"word"

        async def call():
            asked = ask(sent())
            try:
                async for _ in asked:
                    pass
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.INTERNAL:
                    await asyncio.sleep(1)
                    assert await asked.code() is grpc.StatusCode.INTERNAL
                told = error.code().name, error.details()
                codes[told] = codes.get(told, 0) + 1

        end = time.monotonic() + 20
        while time.monotonic() < end:
            await asyncio.gather(*(call() for _ in range(8)))
    await server.stop(0)
    print(codes)
    if codes.keys() != {("RESOURCE_EXHAUSTED", "enough"), ("INTERNAL", "Internal error from Core")}:
        raise SystemExit(1)


asyncio.run(main())
END
"$folder/venv/bin/python" "$folder/sending.py"
