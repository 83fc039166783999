"""Brings a model and the worker that holds it together."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import replace
from pathlib import Path

from funland.v1.inference_pb2 import Loading
from funland.v1.models_pb2 import LoadSettings, Model, ModelEstimate
from funland.worker.v1.worker_pb2 import Step
from funland_server.config import ServerSettings
from funland_server.devices.placement import check
from funland_server.errors import FunlandError
from funland_server.live import Live
from funland_server.models.adapters.store import Adapters
from funland_server.models.choosing import Machine
from funland_server.models.errors import ModelKindWrongError
from funland_server.models.formats.gguf_model import read_gguf
from funland_server.models.formats.projector import FILE as PROJECTOR
from funland_server.models.installed.catalog import ModelCatalog
from funland_server.models.installed.defaults import Defaults
from funland_server.models.installed.model import InstalledModel, files_of
from funland_server.models.loading.cache_types import unasked
from funland_server.models.loading.contexts import held_texts, own_bytes
from funland_server.models.loading.engines import installed_engines
from funland_server.models.loading.lengths import check_cache, check_context, context_length
from funland_server.models.loading.measurements import Measurements
from funland_server.models.loading.placing import Load, Placing
from funland_server.models.loading.prefix_key import prefix_key
from funland_server.models.loading.progress import loading_to_wire
from funland_server.models.loading.served import ServedNames
from funland_server.models.loading.sizes import sizes
from funland_server.models.loading.states import slots_for
from funland_server.tracing.spans import current, ending, enter
from funland_server.workers.callee import Callee
from funland_server.workers.calls import ModelCalls
from funland_server.workers.machine import machine_memory
from funland_server.workers.pool import WorkerPool
from funland_server.workers.spec import MEDIA, MakeSpec, PrefixSpill, WorkerSpec
from funland_server.workers.traced import TracedCallee
from funland_server.workers.worker import Worker

_FOR_EVER = -1.0
_TRAINING_GROWTH = 2
"""The address space that training may take, as a multiple of the memory that it is expected to."""
_PREFIX_BYTES = 512 * 1024**2
_SPILL_BYTES = 1024**3
_PREFIX_SHARE = 0.05
"""Of the machine's memory."""


def _unobserved(_: Step, __: int) -> None:
    """A worker that trains has no sequences."""


class ModelLoader:
    """Loads installed models with the server's settings."""

    def __init__(
        self,
        catalog: ModelCatalog,
        adapters: Adapters,
        pool: WorkerPool,
        *,
        measurements: Measurements,
        placing: Placing,
        served: ServedNames,
        settings: Live[ServerSettings],
    ) -> None:
        """`served` says which names others answer to."""
        self._catalog = catalog
        self._served = served
        self._adapters = adapters
        self._pool = pool
        self._measurements = measurements
        self._placing = placing
        self._live = settings

    @property
    def _settings(self) -> ServerSettings:
        return self._live.now

    async def worker(
        self, name: str, kind: Model.Kind.ValueType = Model.KIND_UNSPECIFIED
    ) -> Callee:
        """The model of that name, loaded first if need be; or what answers to the name instead.
        Without a `kind` it is one for texts.

        Raises:
            ModelNotFoundError, ModelKindWrongError, or what its load may raise.
        """
        span = current()
        if not span.recording:
            return await self._worker(name, kind)
        if self.is_loaded(name):
            return TracedCallee(await self._worker(name, kind), span)
        with ending(span.child("acquire model")) as waiting:
            enter(waiting)  # a load that it begins is a part of it
            try:
                return TracedCallee(await self._worker(name, kind), span)
            finally:
                enter(span)

    async def _worker(self, name: str, kind: Model.Kind.ValueType) -> Callee:
        if (served := self._served.find(name)) is not None:
            _check_kind(self._catalog.find(served.model_id), kind)
            return await served.by()
        model = self._catalog.get(name)
        _check_kind(model, kind)
        if (served := self._served.find(model.model_id)) is not None:
            return await served.by()
        acquire = self._acquire(model.model_id)
        return ModelCalls(await acquire(), acquire)

    def model_id(self, name: str) -> str:
        """The id of the model that answers calls of a name; raises ModelNotFoundError."""
        served = self._served.find(name)
        return served.model_id if served is not None else self._catalog.get(name).model_id

    def is_loaded(self, name: str) -> bool:
        """Whether a call of that name waits for no load, as far as is known."""
        if self._served.find(name) is not None:
            return True
        model = self._catalog.find(name or self._catalog.default_id)
        place = self._pool.place(model.model_id) if model is not None else None
        return place is None or (place.worker is not None and not place.leaving)

    async def progress(self, name: str, until: asyncio.Future[Callee]) -> AsyncGenerator[Loading]:
        """How far the load of a model is that `until` waits for."""
        model = self._catalog.find(name or self._catalog.default_id)
        if model is None:
            return
        load = self._pool.load_of(model.model_id)
        async with aclosing(load.watch(until)) as standings:
            async for standing in standings:
                yield loading_to_wire(standing, load.elapsed_ms, model)

    def defaults(self, model_id: str) -> Defaults:
        """What calls of a model get that say nothing of it; nothing if it is being deleted."""
        model = self._catalog.find(model_id)
        return model.defaults if model is not None else Defaults()

    def adapters(self, model_id: str) -> Collection[str]:
        """The ids of a model's adapters."""
        return self._adapters.list(model_id)

    async def load(self, model: InstalledModel, settings: LoadSettings) -> None:
        """Loads a model with these settings; see `WorkerPool.load`.

        Raises:
            FieldInvalidError: The model has no positions for so long a context, the cache would not
                hold one call, or the settings contradict each other.
            ModelNotFoundError: There is no such draft model.
            FunlandError: What its load may raise.
        """
        check(settings)
        await self._pool.load(self._spec(model, settings), model.model_id, settings)

    async def check(self, settings: LoadSettings) -> None:
        """Sees whether a model that is not here yet could be loaded with these settings.

        Raises:
            FieldInvalidError: The settings contradict each other.
            ModelNotFoundError: There is no such draft model.
            DeviceNotFoundError: There is no such device.
        """
        check(settings)
        check_cache(settings, settings.context_length)
        if settings.draft_model:
            self._catalog.get(settings.draft_model)
        await self._placing.check(settings.device_ids)

    def instance(self, model: InstalledModel, key: str, settings: LoadSettings) -> MakeSpec:
        """What makes the spec of one of several workers of the model, for `WorkerPool.acquire` and
        `load`, which take the key too. It keeps texts that leave its cache in a folder of its own.

        Raises:
            FieldInvalidError, ModelNotFoundError: As `load`.
        """
        check(settings)
        make = self._spec(model, settings)

        def make_instance() -> WorkerSpec:
            spec = make()
            if (spill := spec.prefix_spill) is not None:
                spill = replace(spill, folder=spill.folder / key)
            return replace(spec, instance=key, prefix_spill=spill)

        return make_instance

    def guest(
        self, model: InstalledModel, settings: LoadSettings, observe: Callable[[Step, int], None]
    ) -> AbstractAsyncContextManager[Worker]:
        """A worker of the model beside that of its calls, for who measures it: see `Guests`. It
        keeps nothing of its texts. Raises as `load`, at once or when it is entered."""
        make = self._spec(model, settings)

        def make_bare() -> WorkerSpec:
            return replace(make(), adapters={}, prefix_memory_bytes=0, prefix_spill=None)

        return self._pool.guests.loaded(make_bare, observe)

    @property
    def trainer_bytes(self) -> int:
        """What a worker that trains can take of the memory now, when all that are idle leave."""
        return self._pool.available_bytes()

    @property
    def most_trainer_bytes(self) -> int:
        """What one could take if all had left that nobody keeps for good, busy or not."""
        return self._pool.most_bytes

    def trainer(
        self, model: InstalledModel, needed_bytes: int
    ) -> AbstractAsyncContextManager[Worker]:
        """A worker that trains the model, beside that of its calls if there is room: see `Guests`.
        Raises as that, when it is entered. With 0 for what it needs nothing is known of that, and
        it has no limit."""

        def make() -> WorkerSpec:
            self._catalog.verify(model)
            return WorkerSpec(
                model_id=model.model_id,
                path=model.path,
                settings=LoadSettings(keep_alive_seconds=_FOR_EVER),
                max_context_length=self._settings.max_context_length,
                format=model.format,
                kind=model.kind,
                sha256=model.sha256,
                needed_bytes=needed_bytes,
                memory_limit_bytes=needed_bytes
                and _TRAINING_GROWTH * needed_bytes + model.fingerprint.size_bytes,
                trains=True,
            )

        return self._pool.guests.loaded(make, _unobserved)

    async def estimate(self, model: InstalledModel, wanted: LoadSettings) -> ModelEstimate:
        """What a load with these settings would take of the memory, and what the last one took.

        Raises:
            FieldInvalidError: The model has no positions for so long a context, the cache would not
                hold one call, or the settings contradict each other.
            ModelNotFoundError: There is no such draft model.
            FunlandError: It can't be computed where it is to be.
        """
        settings, draft = self._settings_of(model, wanted)
        load = await asyncio.to_thread(self._load, model, settings, draft)
        await self._placing.look(settings.device_ids)
        taken = self._pool.taken(model.model_id, model.kind)
        placement, fits = self._placing.placer(load).plan(taken)
        estimate = ModelEstimate(
            model_id=model.model_id,
            footprint=load.footprint(placement),
            available_bytes=taken.machine_available,
            fits=fits and placement.host_bytes <= taken.machine_available,
        )
        worker = self._pool.worker(model.model_id)
        if last := await self._measurements.last(model.model_id, worker):
            estimate.measured_bytes = last.peak_bytes
            estimate.measured_estimate_bytes = last.estimate_bytes
            estimate.measured_time.FromDatetime(last.time)
        return estimate

    def machine(self) -> Machine:
        """What a model that is loaded now would have."""
        return Machine(
            available_bytes=self._pool.available_bytes(),
            engines=installed_engines(),
            slots=self._settings.slots,
            max_context_length=self._settings.max_context_length,
            spares=self._placing.spares(self._pool.taken()),
        )

    async def forget(self, model_id: str) -> None:
        """Unloads a model that is deleted, and removes what was kept of it beside its files."""
        await self._pool.forget(model_id)
        for folder in (
            self._prefixes(model_id), self._conversions(model_id), self._compiled(model_id),
        ):  # fmt: skip
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        await asyncio.to_thread(self._adapters.forget, model_id)
        await asyncio.to_thread(self._measurements.forget, model_id)

    async def forget_instance(self, model_id: str, key: str) -> None:
        """Unloads an instance that is not needed any more, and removes what it kept of texts."""
        await self._pool.forget(key)
        await asyncio.to_thread(shutil.rmtree, self._prefixes(model_id) / key, ignore_errors=True)

    async def replaced(self, old: InstalledModel) -> None:
        """Unloads a model that another version has taken the place of, when its calls have ended,
        and removes what was kept for the old weights."""
        model_id = old.model_id
        new = self._catalog.find(model_id)
        # The first thing of all: calls that come from now on are the new one's.
        keys = {model_id, *(one.key for one in self._pool.places() if one.model_id == model_id)}
        unloading = [asyncio.create_task(self._pool.unload(key, force=False)) for key in keys]
        if new is not None:
            await asyncio.to_thread(self._adapters.keep_for, new)
        await asyncio.gather(*unloading)
        if new is not None and new.sha256 == old.sha256:  # all but the weights may have changed
            return
        for folder in (
            *self._conversions(model_id).glob(f"*{old.sha256}"), self._compiled(model_id),
        ):  # fmt: skip
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        await asyncio.to_thread(self._measurements.forget, model_id)

    def _acquire(self, model_id: str) -> Callable[[], Awaitable[Worker]]:
        async def acquire() -> Worker:
            while True:
                model = self._catalog.get(model_id)  # as it is now
                try:
                    worker = await self._pool.acquire(self._spec(model, LoadSettings()), model_id)
                except FunlandError:
                    if not self._is_replaced(model):
                        raise
                    continue  # what failed was no load of the model that is there now
                if not self._is_replaced(model):
                    return worker
                if self._pool.worker(model_id) is worker:
                    await self._pool.unload(model_id, force=False)

        return acquire

    def _is_replaced(self, model: InstalledModel) -> bool:
        """Whether another has taken the place of a model."""
        now = self._catalog.find(model.model_id)
        return now is not None and now.create_time != model.create_time

    def _spec(self, model: InstalledModel, wanted: LoadSettings) -> MakeSpec:
        """What makes the worker's spec, after a check of the files."""
        self._settings_of(model, wanted)  # what is wrong with them is told at once
        asked = wanted.HasField("slots") or "slots" in self._settings.model_fields_set
        first = model

        def make() -> WorkerSpec:
            model = self._catalog.find(first.model_id) or first  # as it is now
            settings, draft = self._settings_of(model, wanted)
            self._catalog.verify(model)
            if draft is not None:
                self._catalog.verify(draft)
            load = self._load(model, settings, draft)
            return WorkerSpec(
                model_id=model.model_id,
                path=model.path,
                settings=settings,
                max_context_length=self._settings.max_context_length,
                format=model.format,
                kind=model.kind,
                sha256=model.sha256,
                adapters=self._adapters.of(model.model_id),
                draft_model_path=draft.path if draft else None,
                digests={**_digests(model), **(_digests(draft) if draft else {})},
                queue_limit=self._settings.queue_limit,
                prefix_memory_bytes=load.prefix_memory_bytes,
                prefix_spill=self._prefix_spill(model.model_id),
                conversion_folder=self._conversions(model.model_id),
                fewer_slots=not asked,
                cache_type=load.cache_type,
                held_texts=held_texts(load.sizes, settings, self._settings.max_context_length),
                chat_template=model.defaults.chat_template,
                projector_path=model.projector,
                projector_sha256=model.files.get(PROJECTOR, ""),
                placer=self._placing.placer(load),
            )

        return make

    def _settings_of(
        self, model: InstalledModel, wanted: LoadSettings
    ) -> tuple[LoadSettings, InstalledModel | None]:
        """How a model is run that is to run as `wanted`, and its draft model."""
        # The built-in model of texts is tiny, and there for who has nothing else.
        stays = model.built_in and model.kind not in MEDIA
        settings = LoadSettings(
            slots=self._settings.slots,
            threads=self._threads(),
            keep_alive_seconds=_FOR_EVER if stays else self._settings.keep_alive_seconds,
        )
        settings.MergeFrom(wanted)
        if model.defaults.context_length and not settings.HasField("context_length"):
            settings.context_length = self._default_context(model, model.defaults.context_length)
        if not (wanted.HasField("slots") or "slots" in self._settings.model_fields_set):
            own = own_bytes(sizes(model), settings, self._settings.max_context_length)
            settings.slots = slots_for(settings.slots, own, model.fingerprint.size_bytes)
        check_context(settings, model.header.positions)
        if model.kind not in MEDIA:
            longest = self._settings.max_context_length
            check_cache(settings, context_length(model.header.context_length, settings, longest))
        draft = self._catalog.get(settings.draft_model) if settings.draft_model else None
        return settings, draft

    def _threads(self) -> int | None:
        """How many threads compute on the CPU; None: chosen by the model."""
        acceleration = self._placing.acceleration
        set_ = acceleration.HasField("cpu_threads")
        return acceleration.cpu_threads if set_ else self._settings.threads

    def _load(
        self, model: InstalledModel, settings: LoadSettings, draft: InstalledModel | None
    ) -> Load:
        """What there is to know before a model is placed. Blocks: what was installed by an older
        version is read anew for what its layers take."""
        header = model.header
        unread = not header.layer_bytes or header.state_bytes is None or header.cache is None
        if model.format == Model.GGUF and unread:
            header = read_gguf(model.path).header
        last = self._measurements.kept(model.model_id)
        return Load(
            model=model,
            sizes=sizes(model, header),
            settings=settings,
            max_context_length=self._settings.max_context_length,
            cache_type=unasked(settings, model.format, self._settings.cache_type),
            draft=sizes(draft) if draft else None,
            corrections=last.corrections if last else {},
            prefix_memory_bytes=self._prefix_memory(),
            compiled=self._compiled(model.model_id),
        )

    def _default_context(self, model: InstalledModel, wanted: int) -> int:
        """What whoever published a model wants, as far as model and server go along."""
        header = model.header
        limits = (self._settings.max_context_length, header.context_length, header.positions)
        return min(wanted, *(limit for limit in limits if limit))

    def _prefix_memory(self) -> int:
        limit = self._settings.prefix_memory_bytes
        if limit is not None:
            return limit
        return min(_PREFIX_BYTES, int(_PREFIX_SHARE * machine_memory().total))

    def _prefix_spill(self, model_id: str) -> PrefixSpill | None:
        limit = self._settings.prefix_spill_bytes
        if limit == 0:
            return None
        folder, key = self._prefixes(model_id), prefix_key(self._settings.home)
        if limit is None:  # nobody asked for it: nothing is written that is not there already
            return PrefixSpill(folder, _SPILL_BYTES, key, lasting_only=True)
        return PrefixSpill(folder, limit, key)

    def _prefixes(self, model_id: str) -> Path:
        return self._settings.home / "prefixes" / model_id

    def _compiled(self, model_id: str) -> Path:
        return self._settings.home / "compiled" / model_id

    def _conversions(self, model_id: str) -> Path:
        return self._settings.home / "conversions" / model_id


def _digests(model: InstalledModel) -> dict[Path, str]:
    """The SHA-256 of each of its files; empty where an older version installed it."""
    paths = files_of(model.path)
    if model.projector is None and paths == [model.path]:
        return {model.path: model.sha256}
    if model.projector is not None:
        paths = [*paths, model.projector]
    known = {model.path.parent / name: sha256 for name, sha256 in model.files.items()}
    return {path: known.get(path, "") for path in paths}


def _check_kind(model: InstalledModel | None, needed: Model.Kind.ValueType) -> None:
    """Sees whether a model is for what a call needs; what is not in the catalog is for texts."""
    kind = model.kind if model is not None else Model.TEXT
    if kind != needed and (needed or kind in MEDIA):
        name = model.model_id if model is not None else ""
        wanted = Model.Kind.Name(needed or Model.TEXT)
        raise ModelKindWrongError(name, Model.Kind.Name(kind), wanted)
