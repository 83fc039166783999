"""What `tools/list` tells, made when it is first asked for: the contract's comments are long."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

from funland_gateway.mcp.tools import TOOLS
from funland_gateway.transcoding.comments import contract_comments
from funland_gateway.transcoding.schemas import Schemas


async def tools_as_listed() -> list[dict[str, Any]]:
    """All tools with their schemas; other calls go on while they are made."""
    return await asyncio.to_thread(described_tools)


@cache
def described_tools() -> list[dict[str, Any]]:
    """All tools with their schemas; not to be changed."""
    requests = [tool.rpc.input_type for tool in TOOLS]
    schemas = Schemas(contract_comments(), requests)
    return [tool.schemas(schemas) for tool in TOOLS]
