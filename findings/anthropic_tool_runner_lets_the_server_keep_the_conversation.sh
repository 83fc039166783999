#!/usr/bin/env bash
# anthropic 2.14.0 (client.beta.messages.tool_runner), Python 3.11.
# One would guess: the runner sends the whole conversation with each request, as messages.create does, so that any server
# of the Messages API can answer it.
# Seen: it asks the server to keep the conversation (`thread`) unless it is told not to (thread=False), and its next
# request has the tool's result alone. A server that passes over fields which it does not know so answers without what
# was said, and nothing tells. One that answers 400 with `error.details.error_code` = `thread_unsupported_request` gets
# the same request again with all messages and without `thread`.
# Exits 1 if the second request has the whole conversation, or the refusal is raised.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check anthropic==2.14.0
cat >"$folder/runner.py" <<'END'
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import anthropic

CALL = {"type": "tool_use", "id": "call_1", "name": "weather", "input": {"city": "Rome"}}
REFUSED = {"type": "error", "error": {
    "type": "invalid_request_error", "message": "no threads",
    "details": {"error_code": "thread_unsupported_request", "unsupported": ["thread"]}}}


def lengths(refuses):
    """How many messages each request has that is answered."""
    seen = []

    class Server(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if refuses and body.get("thread"):
                self.answer(400, REFUSED)
                return
            seen.append(len(body["messages"]))
            self.answer(200, {
                "id": f"msg_{len(seen)}", "type": "message", "role": "assistant", "model": "m", "content": [CALL],
                "stop_reason": "tool_use", "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1}})

        def answer(self, status, told):
            data = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = anthropic.Anthropic(base_url=f"http://127.0.0.1:{server.server_port}", api_key="any", max_retries=0)

    @anthropic.beta_tool
    def weather(city: str) -> str:
        """Tells the weather.

        Args:
            city: Where.
        """
        return "sunny"

    list(client.beta.messages.tool_runner(
        model="m", max_tokens=9, messages=[{"role": "user", "content": "Weather?"}], tools=[weather], max_iterations=3))
    server.shutdown()
    return seen


passed_over, refused = lengths(False), lengths(True)
print(f"anthropic {anthropic.__version__}: guess [1, 3, 5] messages; seen {passed_over}, and where thread is refused {refused}")
raise SystemExit(0 if passed_over == [1, 1, 1] and refused == [1, 3, 5] else 1)
END
"$folder/venv/bin/python" "$folder/runner.py"
