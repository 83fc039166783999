"""What hubs tell of single models: asked, remembered, and remembered where they can't be asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from funland.v1.hub_pb2 import HubModel
from funland.v1.models_pb2 import Origin
from funland_server.errors import FieldInvalidError, FunlandError, NotFoundError, Violation
from funland_server.hub.catalog.entries import Entry, key_of
from funland_server.hub.catalog.store import Catalog
from funland_server.hub.clients.protocol import Hub, HubKind, Listing
from funland_server.hub.errors import HubAccessDeniedError, HubModelUnsupportedError
from funland_server.hub.hubs import Hubs
from funland_server.hub.names import complaint
from funland_server.hub.together import as_one
from funland_server.live import Live

_AT_ONCE: Final = 8
"""How many models' files are asked for at a time, of all hubs together."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a model, and by whom."""

    hub: Hub
    entry: Entry
    error: FunlandError | None = None
    """Why the hub did not say it itself, just now."""

    @property
    def listing(self) -> Listing:
        """The model with its files."""
        return self.entry.listing or Listing(self.entry.model, ())


class Knowledge:
    """What is known of models."""

    def __init__(self, hubs: Hubs, catalog: Catalog, catalog_hours: Live[float]) -> None:
        self._hubs = hubs
        self._catalog = catalog
        self._catalog_hours = catalog_hours
        self._turn = asyncio.Semaphore(_AT_ONCE)

    def hubs_for(self, kind: HubKind, model_id: str, field: str = "model_id") -> list[Hub]:
        """The hubs that may have a model of that id: the one, or all in their order.

        Raises:
            FieldInvalidError: The settings leave that hub out, or none can have such a model.
        """
        asked = self._hubs.checked(kind)
        if kind == Origin.HUB_UNSPECIFIED and "/" not in model_id:
            asked = [hub for hub in asked if hub.kind == Origin.OLLAMA] or asked
        able = [hub for hub in asked if complaint(hub.kind, model_id) is None]
        if not able:
            why = complaint(asked[0].kind, model_id) or ""
            raise FieldInvalidError([Violation(field, why)])
        return able

    async def tell(self, hubs: Sequence[Hub], model_id: str, revision: str) -> Told:
        """What the first of the hubs tells that has the model; all are asked at once. Where none
        can tell, the local catalog answers for the first of which it knows the files at that
        revision.

        Raises:
            FunlandError: None has it. A hub that could not be asked goes before one that has not.
        """
        (told, *_) = await self.tell_all(hubs, model_id, revision, others_seconds=0)
        return told

    async def tell_all(
        self, hubs: Sequence[Hub], model_id: str, revision: str, *, others_seconds: float
    ) -> list[Told]:
        """The same, and what those hubs tell of a model of that id that need no longer than so
        many seconds more."""
        tasks = [asyncio.create_task(self._tell(hub, model_id, revision)) for hub in hubs]
        errors: list[FunlandError] = []
        remembered: list[Told] = []
        try:
            for place, task in enumerate(tasks):
                try:
                    told = await task
                except FunlandError as error:
                    errors.append(error)
                    continue
                if told.error is None:
                    return [told, *await _done(tasks[place + 1 :], others_seconds)]
                remembered.append(told)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if remembered:
            return remembered
        raise as_one(errors)

    async def with_files(self, models: Sequence[HubModel]) -> dict[tuple[HubKind, str], Entry]:
        """What is known of models of a list, their files with it. A hub is asked only for what may
        be another than what is known; of those that it does not tell, there is no entry."""
        known = await self._catalog.get_all([key_of(model) for model in models])

        async def entry(model: HubModel) -> Entry | None:
            found = known.get(key_of(model))
            if found is not None and self._is_true(found, model):
                return found
            (hub,) = self._hubs.asked(model.hub) or (None,)
            if hub is None:
                return found
            try:
                return (await self._tell(hub, model.model_id, "")).entry
            except FunlandError:
                return found

        entries = await asyncio.gather(*map(entry, models))
        return {
            key_of(model): one
            for model, one in zip(models, entries, strict=True)
            if one is not None
        }

    async def _tell(self, hub: Hub, model_id: str, revision: str) -> Told:
        try:
            async with self._turn:
                listing = await hub.details(model_id, revision)
        except (NotFoundError, HubModelUnsupportedError, HubAccessDeniedError):
            raise
        except FunlandError as error:
            entry = await self._catalog.get(hub.kind, model_id)
            if entry is None or entry.files is None or revision not in ("", entry.listed_revision):
                raise
            return Told(hub, entry, error)
        if revision in ("", listing.model.revision):
            await self._catalog.remember_listing(listing)
        listing.model.known_time.GetCurrentTime()
        now = time.time_ns() // 1000
        model = listing.model
        return Told(hub, Entry(model, listing.files, listing.quantization, now, model.revision))

    def _is_true(self, known: Entry, told: HubModel) -> bool:
        """Whether a model's files are still those that are known."""
        if known.files is None:
            return False
        if told.revision and known.listed_revision:
            return told.revision == known.listed_revision
        if told.HasField("update_time"):
            return told.update_time.ToMicroseconds() < known.listed_time
        return time.time_ns() // 1000 - known.listed_time < int(
            self._catalog_hours.now * 3600 * 10**6
        )


async def _done(tasks: Sequence[asyncio.Task[Told]], seconds: float) -> list[Told]:
    """What other hubs told in time, just now."""
    if not tasks or not seconds:
        return []
    done, _ = await asyncio.wait(tasks, timeout=seconds)
    ended = [task for task in tasks if task in done and task.exception() is None]
    return [told for task in ended if (told := task.result()).error is None]
