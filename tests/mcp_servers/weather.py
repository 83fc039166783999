"""An MCP server of the handshake's time, without any package: it starts at once, and counts its
starts and calls in a file if it is given one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

CITY = {"type": "string", "enum": ["Rome", "Paris"]}
SCHEMA = {
    "type": "object",
    "properties": {"city": CITY},
    "required": ["city"],
    "additionalProperties": False,
}
ODD = {"type": "object", "properties": {"city": {"$ref": "#/nowhere"}}}
TOOLS = [
    {"name": "weather", "description": "Tells the weather in a city.", "inputSchema": SCHEMA},
    {"name": "broken", "description": "Always fails.", "inputSchema": SCHEMA},
    {"name": "hang", "description": "Never answers.", "inputSchema": SCHEMA},
    {"name": "end", "description": "Ends the server.", "inputSchema": SCHEMA},
]


def count(what: str) -> None:
    """Adds a line to the file."""
    if len(sys.argv) > 1 and not sys.argv[1].startswith("--"):
        with Path(sys.argv[1]).open("a", encoding="utf-8") as file:
            file.write(what + "\n")


def answer(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
    """A result; None: it knows no such method."""
    if method == "initialize":
        return {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "weather", "version": "1"},
        }
    if method == "ping":
        return {}
    if method == "tools/list":
        odd = {"name": "odd", "description": "Takes what no model can write.", "inputSchema": ODD}
        tools = [*TOOLS, odd] if "--odd" in sys.argv else TOOLS
        if "--many" in sys.argv:
            tools = [*tools, *(TOOLS[0] | {"name": f"weather_{number}"} for number in range(300))]
        return {"tools": tools}
    if method == "tools/call":
        return called(params["name"], params["arguments"])
    return None


def called(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What a tool gives."""
    count(name)
    if name == "end":
        sys.exit(1)
    if name == "hang":
        sys.stdin.read()
    text = f"It is sunny in {arguments['city']}." if name == "weather" else "It is broken."
    return {"content": [{"type": "text", "text": text}], "isError": name == "broken"}


def main() -> None:
    """Answers until its standard input ends."""
    count("start")
    sys.stdout.write("weather is on\n")  # some greet where messages belong
    for line in sys.stdin:
        request = json.loads(line)
        if "id" not in request:
            continue
        result = answer(request["method"], request.get("params") or {})
        told = (
            {"error": {"code": -32601, "message": "Method not found"}}
            if result is None
            else {"result": result}
        )
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": request["id"], **told}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
