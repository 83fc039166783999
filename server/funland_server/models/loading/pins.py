"""Which models are pinned: kept in the home, for the next start."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog
from pydantic import AwareDatetime, TypeAdapter, ValidationError

from funland_server.durable import write_whole
from funland_server.storage.errors import StorageFullError, StorageUnavailableError

logger = structlog.get_logger(__name__)

_NAME: Final = "pins.json"
_adapter: Final = TypeAdapter(dict[str, AwareDatetime])


class Pins:
    """Ids of models, and since when each is pinned."""

    def __init__(self, home: Path) -> None:
        self._path = home / _NAME
        self._turn = asyncio.Lock()
        self._present: Mapping[str, datetime] = {}

    @property
    def present(self) -> Mapping[str, datetime]:
        """The pins; nobody changes it."""
        return self._present

    def read(self) -> None:
        """Reads what was kept. Blocks."""
        try:
            self._present = _adapter.validate_json(self._path.read_bytes())
        except FileNotFoundError:
            self._present = {}
        except (OSError, ValidationError) as error:
            # The server had better run without pins than not at all.
            logger.error("pins_not_read", file=_NAME, error=type(error).__name__)

    async def add(self, model_id: str) -> datetime:
        """Pins a model, and says since when it is; that is on the disk on return.

        Raises:
            StorageFullError, StorageUnavailableError: It is not pinned.
        """
        async with self._turn:
            since = self._present.get(model_id) or datetime.now(UTC)
            await self._keep({**self._present, model_id: since})
        return since

    async def remove(self, model_id: str) -> None:
        """Ends a pin, if there is one. Raises as `add`; then it is pinned still."""
        async with self._turn:
            if model_id in self._present:
                rest = {one: since for one, since in self._present.items() if one != model_id}
                await self._keep(rest)

    async def _keep(self, pins: Mapping[str, datetime]) -> None:
        try:
            await asyncio.to_thread(write_whole, self._path, _adapter.dump_json(dict(pins)))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFullError from error
            raise StorageUnavailableError(
                f"Nothing was changed: {_NAME} in the home can't be written ({error.strerror})."
            ) from error
        self._present = pins
