"""vLLM as an engine of deployments."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from funland.v1 import models_pb2
from funland.v1.deployments_pb2 import VllmSettings
from funland_server.config import ServerSettings
from funland_server.devices.domain import Devices
from funland_server.errors import FunlandError
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.models.installed.model import InstalledModel
from funland_server.vllm.arguments import Model, arguments, command, variables
from funland_server.vllm.environment import Environment, find, own_folder
from funland_server.vllm.process import Launch, LogSink
from funland_server.vllm.resources import cache_bytes, device_ids
from funland_server.vllm.runner import Plan, VllmRunner
from funland_server.vllm.speech import speech
from funland_server.vllm.tokens import read_vocabulary
from funland_server.workers.errors import EngineUnsupportedError
from funland_server.workers.machine import machine_memory


class Vllm:
    """What runners of vLLM are made with."""

    def __init__(self, settings: Live[ServerSettings], devices: Devices, metrics: Metrics) -> None:
        self._settings = settings
        self._devices = devices
        self._metrics = metrics

    async def check(self, model: InstalledModel | None) -> None:
        """Whether it is there and runs the model; None: one that is not known yet.

        Raises:
            EngineUnavailableError: It is not installed; the message says how to get it.
            EngineUnsupportedError: It does not run models of this format.
        """
        await asyncio.to_thread(self._environment)
        if model is not None:
            refuse_format(model)

    def runner(
        self,
        model: Callable[[], InstalledModel],
        model_id: str,
        key: str,
        settings: VllmSettings,
        *,
        changed: Callable[[], None],
        write: LogSink,
        not_running: Callable[[str], FunlandError],
    ) -> VllmRunner:
        """What keeps one process running; see `VllmRunner`. `model` gives the model as it then is,
        after a check of its files: it may block, and raise FunlandError. `key` tells the process
        from others of the model."""

        async def plan() -> Plan:
            return await asyncio.to_thread(self._plan, model, settings)

        return VllmRunner(
            model_id,
            plan,
            changed=changed,
            write=write,
            observe=self._metrics.steps(model_id, key),
            not_running=not_running,
        )

    def _environment(self) -> Environment:
        settings = self._settings.now
        return find(settings.home, settings.vllm_environment)

    def _plan(self, model: Callable[[], InstalledModel], settings: VllmSettings) -> Plan:
        environment, now = self._environment(), self._settings.now
        installed = model()
        refuse_format(installed)
        described = _described(installed)
        cache = own_folder(now.home).with_name("vllm-cache")
        bytes_ = cache_bytes(
            settings,
            slots=now.slots,
            context_length=installed.header.context_length,
            bytes_per_token=installed.header.cache_bytes_per_token,
            available_bytes=machine_memory().available,
        )

        def start(socket: Path) -> list[str]:
            told = arguments(
                described, settings, socket, cache_bytes=bytes_ if environment.on_cpu else None
            )
            return command(environment.python, told)

        def surroundings(key: str) -> Mapping[str, str]:
            return variables(os.environ, environment.python, cache, key)

        names = {
            str(installed.path): installed.model_id,
            str(environment.python.parents[1]): "<vllm>",
            str(now.home): "<home>",
        }
        return Plan(
            launch=Launch(installed.model_id, start, surroundings, names),
            model=described,
            engine=environment.engine,
            slots=settings.max_num_seqs,
            device="cpu" if environment.on_cpu else "cuda",
            device_ids=device_ids(
                self._devices.all(),
                on_cpu=environment.on_cpu,
                gpus=settings.tensor_parallel_size or 1,
                chosen_elsewhere="CUDA_VISIBLE_DEVICES" in os.environ,
            ),
            start_seconds=now.vllm_start_seconds,
            silent_seconds=now.hang_timeout_seconds,
        )


def refuse_format(model: InstalledModel) -> None:
    """Raises EngineUnsupportedError for a model that is no folder of safetensors."""
    if model.format != models_pb2.Model.SAFETENSORS:
        name = models_pb2.Model.Format.Name(model.format)
        raise EngineUnsupportedError(
            f"vLLM runs folders of safetensors; model {model.model_id!r} is {name}, which the"
            " built-in engines run.",
            model=model.model_id,
            engine="VLLM",
            feature=name,
        )


def _described(model: InstalledModel) -> Model:
    template = model.defaults.chat_template
    vocabulary = read_vocabulary(model.path, template)
    return Model(
        model_id=model.model_id,
        folder=model.path,
        chat_template=template,
        speech=speech(vocabulary.described.chat_template, vocabulary.marks),
    )
