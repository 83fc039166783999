"""Reads tools of type `mcp`: servers of the settings, by their labels."""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.openai.warned import Warned
from funland_gateway.dialects.reading import JsonObject, unsupported

_ELSEWHERE: Final = ("server_url", "connector_id", "tunnel_id", "authorization", "headers")


def read_server(tool: JsonObject, path: str) -> str | Warned:
    """The label of a server that is to be used, or why the offer is left out.

    What would have the server do something else than is asked for is refused.
    """
    given = next((name for name in _ELSEWHERE if tool.raw(name) not in (None, {})), None)
    label = tool.optional_string("server_label")
    if given is not None or not label:
        what = f"{given!r} is" if given is not None else "tools of type 'mcp' without a label are"
        problem = f"Left out: {what} not served. Name a server of the settings by server_label."
        return Warned(path, problem, "mcp")
    if tool.raw("require_approval") != "never":
        raise unsupported(
            tool.path_of("require_approval"),
            "nobody is asked before a call is made, so it must be 'never'.",
        )
    if tool.raw("allowed_tools") is not None:
        raise unsupported(
            tool.path_of("allowed_tools"),
            "the settings say which tools may be used, as mcp.servers.NAME.tools.",
        )
    return label
