"""JSON shapes that the gateway speaks beside its native one."""

from __future__ import annotations

from funland_gateway.dialects.registry import DIALECTS as DIALECTS
