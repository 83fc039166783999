"""Stands in for llama-cpp-python's examples/server: `examples_server.py -C CONFIG`.

It speaks as that does: `/healthz`, and streams that tell no usage. It computes nothing.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from aiohttp import web


async def health(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def chat(request: web.Request) -> web.StreamResponse:
    body = await request.json()
    answer = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await answer.prepare(request)
    await answer.write(event({"role": "assistant"}))
    for _ in range(body["max_tokens"]):
        await answer.write(event({"content": " dasi"}))
    await answer.write(event({}, finish_reason="length"))
    await answer.write(b"data: [DONE]\n\n")
    return answer


def event(delta: dict[str, str], **rest: str) -> bytes:
    chunk = {
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": delta, **rest}],
    }
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def main() -> None:
    _, _, config = sys.argv
    wanted = json.loads(Path(config).read_bytes())
    if not Path(wanted["model"]["path"]).is_file() or not wanted["model"]["n_seq_max"]:
        sys.exit("no model, or no sequences for it")
    app = web.Application()
    app.add_routes([web.get("/healthz", health), web.post("/v1/chat/completions", chat)])
    web.run_app(app, host=wanted["server"]["host"], port=wanted["server"]["port"], print=None)


if __name__ == "__main__":
    main()
