"""All dialects that the gateway speaks."""

from __future__ import annotations

from typing import Final

from funland_gateway.dialects.anthropic.routes import ANTHROPIC
from funland_gateway.dialects.dialect import Dialect
from funland_gateway.dialects.hellovm.routes import HELLOVM
from funland_gateway.dialects.inference.routes import INFERENCE
from funland_gateway.dialects.manager.routes import MANAGER
from funland_gateway.dialects.ollama.routes import OLLAMA
from funland_gateway.dialects.openai.routes import OPENAI
from funland_gateway.dialects.platform.routes import PLATFORM
from funland_gateway.dialects.scheduler.routes import SCHEDULER

DIALECTS: Final[tuple[Dialect, ...]] = (
    OPENAI,
    INFERENCE,
    HELLOVM,
    MANAGER,
    PLATFORM,
    SCHEDULER,
    OLLAMA,
    ANTHROPIC,
)
