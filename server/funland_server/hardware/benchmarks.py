"""Benchmarks of devices: one at a time, each in a worker of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, nullcontext
from datetime import UTC, datetime
from time import monotonic
from typing import Final

import structlog

from funland.v1.hardware_pb2 import (
    BenchmarkEvent,
    BenchmarkProgress,
    BenchmarkResult,
    Device,
    Recommendation,
)
from funland.v1.models_pb2 import Model
from funland_server.devices.domain import Devices
from funland_server.devices.errors import DeviceUnavailableError
from funland_server.errors import ServerStoppingError
from funland_server.hardware.choosing import engine_for, is_there, load_settings
from funland_server.hardware.keys import Engine, key
from funland_server.hardware.power import PowerMeter
from funland_server.hardware.recommending import recommend
from funland_server.hardware.running import StepClock, Waves
from funland_server.hardware.store import BenchmarkStore, Kept
from funland_server.hardware.waves import Measured, Phase, fraction, next_wave, speeds
from funland_server.models.domain import Models
from funland_server.models.installed.model import InstalledModel
from funland_server.models.loading.engines import READERS, engine_version, installed_engines
from funland_server.workers.errors import (
    EngineUnavailableError,
    EngineUnsupportedError,
    ModelCannotGenerateError,
    ModelLoadFailedError,
    WorkerLostError,
)
from funland_server.workers.worker import Worker

logger = structlog.get_logger(__name__)

_OF_THE_DEVICE: Final = (
    DeviceUnavailableError,
    EngineUnavailableError,
    EngineUnsupportedError,
    ModelLoadFailedError,
    WorkerLostError,
)
"""What is kept as an answer: another try would come to the same."""
_SAMPLE_SECONDS: Final = 0.25


class Benchmarks:
    """Those of one home."""

    def __init__(self, devices: Devices, models: Models, store: BenchmarkStore) -> None:
        self._devices = devices
        self._models = models
        self._store = store
        self._turn = asyncio.Lock()
        self._stopping = False

    async def recommendations(self, model: str) -> list[Recommendation]:
        """See `hardware.proto`; an empty name is the built-in model's.

        Raises:
            ModelNotFoundError: There is no such model.
        """
        installed = self._model(model)
        await self._devices.settled()
        return recommend(
            self._devices.all(),
            await self._store.of_model(installed.sha256),
            {engine: engine_version(engine) for engine in installed_engines()},
            READERS[installed.format],
        )

    async def run(
        self, device_id: str, model: str, engine: Engine
    ) -> AsyncGenerator[BenchmarkEvent]:
        """Measures, and keeps what came of it; closing the generator ends it at once.

        Raises:
            FunlandError: See `hardware.proto`.
        """
        installed = self._model(model)
        await self._devices.settled([device_id])
        engine_for(self._devices.get(device_id), engine, READERS[installed.format])
        if not installed.header.writes_text:
            raise ModelCannotGenerateError(
                f"Model {installed.model_id!r} writes no text, so there is nothing to measure.",
                model=installed.model_id,
            )
        if self._turn.locked():
            yield _progress(BenchmarkProgress.WAITING)
        async with self._turn:
            device = self._devices.get(device_id)  # as it is now
            chosen = engine_for(device, engine, READERS[installed.format])
            begin = monotonic()
            result = BenchmarkResult(
                device_id=device_id,
                model_id=installed.model_id,
                engine=chosen,
                driver_version=device.driver_version,
            )
            try:
                async with aclosing(self._measure(device, installed, result)) as progress:
                    async for event in progress:
                        yield event
            except _OF_THE_DEVICE as error:
                logger.warning("device_not_measured", device=device_id, reason=error.message)
                result.error.CopyFrom(error.to_wire())
            result.time.FromDatetime(datetime.now(UTC))
            result.duration.FromMilliseconds(round(1e3 * (monotonic() - begin)))
            await self._store.keep(Kept(key(device, installed.sha256, result.engine), result))
        yield BenchmarkEvent(result=result)

    def stop(self) -> None:
        """Ends what runs, and lets none begin."""
        self._stopping = True

    async def _measure(
        self, device: Device, model: InstalledModel, result: BenchmarkResult
    ) -> AsyncGenerator[BenchmarkEvent]:
        """Fills in the result."""
        self._go_on()
        yield _progress(BenchmarkProgress.LOADING)
        clock = StepClock()
        settings = load_settings(device, result.engine, model.header.context_length)
        async with self._models.loader.guest(model, settings, clock) as worker:
            _describe(result, device, worker)
            done: list[Measured] = []
            meter: PowerMeter | None = None

            def tick() -> None:
                self._go_on()
                result.other_calls = max(result.other_calls, self._models.pool.calls)
                if meter is not None:
                    meter.read()

            waves = Waves(worker, clock, tick)
            while (wave := next_wave(done, worker.ready.context_length)) is not None:
                if wave.phase == BenchmarkProgress.EIGHT_STREAMS and meter is None:
                    meter = PowerMeter(device, lambda: self._devices.get(device.device_id).metrics)
                yield _progress(wave.phase, done)
                async with _sampled(self._devices) if meter is not None else nullcontext():
                    measured = await waves.run(wave)
                if measured is None:
                    raise DeviceUnavailableError(device.device_id, "it computed nothing in time.")
                done.append(measured)
            found = speeds(done)
            result.prompt_tokens_per_second = found.prompt
            result.prompt_tokens = found.prompt_tokens
            result.tokens_per_second = found.one_stream
            result.tokens_per_second_8_streams = found.eight_streams
            if meter is not None and (watts := meter.watts()) is not None:
                result.joules_per_token = watts / found.eight_streams

    def _go_on(self) -> None:
        if self._stopping:
            raise ServerStoppingError

    def _model(self, name: str) -> InstalledModel:
        catalog = self._models.catalog
        if name:
            return catalog.get(name)
        return next(one for one in catalog.all() if one.built_in and one.kind == Model.TEXT)


@asynccontextmanager
async def _sampled(devices: Devices) -> AsyncGenerator[None]:
    """Has devices read more often than they are unasked, while the block lasts."""

    async def go_on() -> None:
        while True:
            await devices.sample()
            await asyncio.sleep(_SAMPLE_SECONDS)

    sampling = asyncio.create_task(go_on())
    try:
        yield
    finally:
        sampling.cancel()
        await asyncio.wait([sampling])


def _describe(result: BenchmarkResult, device: Device, worker: Worker) -> None:
    """Notes what computes the model; raises DeviceUnavailableError if it is not the device."""
    ready = worker.ready
    if not is_there(device, ready):
        why = f"the model was computed on {ready.device!r} instead."
        raise DeviceUnavailableError(device.device_id, why)
    result.engine = ready.engine
    result.engine_device = ready.device
    if ready.HasField("gpu_layers"):
        on_cpu = ready.layer_count - ready.gpu_layers
        result.layers = on_cpu if device.kind == Device.CPU else ready.gpu_layers


def _progress(phase: Phase, done: list[Measured] | None = None) -> BenchmarkEvent:
    return BenchmarkEvent(
        progress=BenchmarkProgress(phase=phase, fraction=fraction(phase, done or ()))
    )
