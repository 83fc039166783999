"""The parts of a server that a deployment on vLLM needs, with a model for it."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from funland.v1.deployments_pb2 import VllmSettings
from funland_server.config import ServerSettings
from funland_server.devices.acceleration import Accelerations
from funland_server.devices.domain import Devices
from funland_server.errors import FunlandError
from funland_server.inference.generation import Generations
from funland_server.inference.pace import Pace
from funland_server.inference.showing import Showing
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.models.domain import Models
from funland_server.models.installed.model import InstalledModel
from funland_server.vllm.engine import Vllm
from funland_server.vllm.runner import VllmRunner
from funland_server.web.fetching import Web
from funland_server.web.policy import WebPolicy
from funland_server.workers.callee import Callee
from funland_server.workers.errors import ModelUnloadedError
from tests.conformance.folders import safetensors_folder
from tests.server.home_files import files_of

_GGUF = Path(str(resources.files("funland_server.models") / "embedded" / "funland-tiny.gguf"))
MODEL = "tiny-for-vllm"


@dataclass
class Stage:
    """What is there."""

    settings: Live[ServerSettings]
    models: Models
    metrics: Metrics
    vllm: Vllm
    generations: Generations
    model: InstalledModel
    log: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    written: asyncio.Event = field(default_factory=asyncio.Event)
    """Something was added to the log."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """A runner has changed."""

    def runner(self, settings: VllmSettings | None = None) -> VllmRunner:
        """One that answers for the model as soon as it is started."""

        def gone(_state: str) -> FunlandError:
            return ModelUnloadedError(MODEL)

        runner = self.vllm.runner(
            lambda: self.model,
            MODEL,
            f"{MODEL}/0",
            settings or VllmSettings(),
            changed=self.changed.set,
            write=self._write,
            not_running=gone,
        )

        async def serve() -> Callee:
            return runner.callee()

        self.models.served.serve(MODEL, serve, MODEL)
        return runner

    def _write(self, level: str, text: str) -> None:
        self.log.append((level, text))
        self.written.set()


@asynccontextmanager
async def stage(
    home: Path, environment: Path | None, folder: Path | None = None, **changes: Any
) -> AsyncGenerator[Stage]:
    """Starts the parts; the model is the embedded one, as hubs would have it, in `folder` if it was
    made before. `changes` are settings."""
    settings = Live(ServerSettings(home=home, vllm_environment=environment, **changes))
    await asyncio.to_thread(home.mkdir, parents=True, exist_ok=True)
    metrics = Metrics()
    devices = Devices(settings.now, metrics)
    files, web = files_of(settings.now), Web(Live(WebPolicy()))
    models = Models(settings, metrics, devices, Accelerations(home, devices), files=files)
    await devices.start()
    await models.start()
    try:
        model = await models.catalog.import_file(
            str(folder or await asyncio.to_thread(tiny, home / "source")), MODEL, (), ""
        )
        yield Stage(
            settings=settings,
            models=models,
            metrics=metrics,
            vllm=Vllm(settings, devices, metrics),
            generations=Generations(models.loader, metrics, Pace(), Showing(settings, files, web)),
            model=model,
        )
    finally:
        await models.stop()
        await devices.stop()
        await web.close()


def tiny(folder: Path, template: str = "") -> Path:
    """Makes the embedded model a folder as hubs have it, with another chat template if it is to
    have one."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    safetensors_folder(_GGUF, folder)
    path = folder / "tokenizer_config.json"
    about = json.loads(path.read_bytes())
    # transformers takes an object there only if it says what kind it is.
    path.write_text(json.dumps(about | {"eos_token": about["eos_token"]["content"]}))
    if template:
        (folder / "chat_template.jinja").write_text(template)
    return folder
