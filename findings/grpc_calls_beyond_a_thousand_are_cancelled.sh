#!/usr/bin/env bash
# grpcio 1.85.3 (grpc.aio), Python 3.11.
# One would guess: calls that come faster than a server takes them wait for it, as maximum_concurrent_rpcs is not
# set; or those that are too many fail with RESOURCE_EXHAUSTED, as with that.
# Seen: of 3,000 calls at once, hundreds end as CANCELLED, with no other word, though nobody cancelled them and
# no handler saw them. The core keeps 1,000 that Python has not taken yet, and beyond that refuses some by chance
# (grpc.server.max_pending_requests; at most 3,000, grpc.server.max_pending_requests_hard_limit); both are in no
# documentation of the Python package. With both set higher, all are answered.
# Exits 1 if the first server cancels none, or the second any.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check grpcio==1.85.3
cat >"$folder/many.py" <<'END'
import asyncio
from collections import Counter

import grpc.aio

CALLS = 3000
HIGHER = [
    ("grpc.server.max_pending_requests", 65536),
    ("grpc.server.max_pending_requests_hard_limit", 65536),
]


async def unary(request, context):
    return b"answer"


async def statuses(options):
    server = grpc.aio.server(options=options)
    handlers = {"Unary": grpc.unary_unary_rpc_method_handler(unary)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()

    async def call(ask):
        try:
            await ask(b"")
        except grpc.aio.AioRpcError as error:
            return f"{error.code().name} {error.details()!r}"
        return "OK"

    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        ask = channel.unary_unary("/test.Test/Unary")
        seen = Counter(await asyncio.gather(*(call(ask) for _ in range(CALLS))))
    await server.stop(None)
    return dict(seen)


async def main():
    asked = await statuses([])
    raised = await statuses(HIGHER)
    print(f"grpcio {grpc.__version__}, {CALLS} calls at once: {asked}; with higher limits: {raised}")
    return asked.get("CANCELLED 'CANCELLED'", 0) > 0 and raised == {"OK": CALLS}


raise SystemExit(0 if asyncio.run(main()) else 1)
END
"$folder/venv/bin/python" "$folder/many.py"
