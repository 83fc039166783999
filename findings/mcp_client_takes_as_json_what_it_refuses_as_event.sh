#!/usr/bin/env bash
# mcp 2.3.0, Python 3.11.
# One would guess: a server of the Model Context Protocol may answer a call as JSON or as server-sent events, and a
# client takes the same results either way.
# Seen: the client takes a JSON text of any size, but no event of more than 1 MiB: then the call fails with "SSE stream
# failed", after the server has done all the work. A picture of 1024x1024 pixels as PNG is more. Nothing that a client
# sends tells its limit.
# Here a server answers the same 2 MiB, once as JSON and once as an event. Exits 1 if both are taken.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mcp==2.3.0
cat >"$folder/sizes.py" <<'END'
import asyncio
import importlib.metadata
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from mcp import Client

VERSION = "2026-07-28"
TEXT = "x" * (2 << 20)
RESULTS = {
    "tools/call": {"content": [{"type": "text", "text": TEXT}]},
    "tools/list": {"tools": [], "ttlMs": 0, "cacheScope": "public"},
}


class Server(BaseHTTPRequestHandler):
    """Answers what is asked, as an event if the tool is called so."""

    def log_message(self, *_):
        """Nothing."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        result = RESULTS[asked["method"]] | {"resultType": "complete"}
        told = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result})
        event = asked["params"].get("name") == "event"
        body = (f"data: {told}\n\n" if event else told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream" if event else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


async def call(url, name):
    async with Client(url, mode=VERSION) as client:
        try:
            result = await client.call_tool(name, {})
        except Exception as error:
            return f"{type(error).__name__}: {error}"[:100]
        return f"{len(result.content[0].text)} characters"


async def main(url):
    return {name: await call(url, name) for name in ("json", "event")}


server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
told = asyncio.run(main(f"http://127.0.0.1:{server.server_port}/mcp"))
server.shutdown()
print(f"mcp {importlib.metadata.version('mcp')}: 2 MiB as JSON: {told['json']}; as an event: {told['event']}")
raise SystemExit(0 if "characters" in told["json"] and "characters" not in told["event"] else 1)
END
"$folder/venv/bin/python" "$folder/sizes.py"
