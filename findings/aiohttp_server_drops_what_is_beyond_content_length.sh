#!/usr/bin/env bash
# aiohttp 3.14.5 (web.StreamResponse), Python 3.11.
# One would guess: a handler that writes more bytes than its content_length gets an error from write, as it would from
# other servers (h11 raises LocalProtocolError, ASGI servers refuse too), or the connection is closed.
# Seen: the surplus is left out without an error, a warning or a line of the log; write returns as if it had been sent,
# and the client has a whole answer of the announced length. A handler that counts wrong is so never told.
# Exits 1 if the surplus raises, or reaches the client.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiohttp==3.14.5
cat >"$folder/surplus.py" <<'END'
import asyncio
import logging

import aiohttp
from aiohttp import web

records = []


class Records(logging.Handler):
    def emit(self, record):
        if record.levelno >= logging.WARNING:
            records.append(record.getMessage())


async def main():
    logging.getLogger().addHandler(Records())
    written = []

    async def answer(request):
        response = web.StreamResponse()
        response.content_length = 5
        await response.prepare(request)
        for piece in (b"abc", b"defgh", b"ijk"):
            await response.write(piece)
            written.append(piece)
        await response.write_eof()
        return response

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{runner.addresses[0][1]}/") as response:
            body = await response.read()
    await runner.cleanup()
    print(f"aiohttp {aiohttp.__version__}: wrote {b''.join(written)!r}, the client has {body!r}, log {records}")
    return body == b"abcde" and len(written) == 3 and not records


raise SystemExit(0 if asyncio.run(main()) else 1)
END
"$folder/venv/bin/python" "$folder/surplus.py"
