"""The table of tools."""

from __future__ import annotations

from typing import Final

from funland_gateway.mcp.tool import Tool
from funland_gateway.mcp.tools.downloads import DOWNLOADS
from funland_gateway.mcp.tools.media import MEDIA
from funland_gateway.mcp.tools.models import MODELS
from funland_gateway.mcp.tools.texts import TEXTS

TOOLS: Final[tuple[Tool, ...]] = (*TEXTS, *MEDIA, *MODELS, *DOWNLOADS)
