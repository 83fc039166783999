"""Keeps which device has which id, over restarts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog
from pydantic import TypeAdapter, ValidationError

from funland_server.devices.numbering import Identity, is_id
from funland_server.durable import write_whole

logger = structlog.get_logger(__name__)

_adapter: Final = TypeAdapter(list[Identity])


def remembered(path: Path) -> list[Identity]:
    """What was kept; nothing if there is no such file, or it is damaged. Blocks."""
    try:
        kept = _adapter.validate_json(path.read_bytes())
    except FileNotFoundError:
        return []
    except (OSError, ValidationError):
        logger.warning("devices_forgotten", file=path.name)
        return []
    ids = [each.device_id for each in kept if is_id(each.device_id)]
    return [each for each in kept if ids.count(each.device_id) == 1]


def remember(path: Path, identities: Sequence[Identity]) -> None:
    """Keeps it, if the disk has room. Blocks."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, _adapter.dump_json(list(identities), indent=2) + b"\n")
    except OSError as error:
        logger.warning("devices_not_kept", error=error.strerror)
