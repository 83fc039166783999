"""What can be trained here, and what a run would take."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from funland.v1.datasets_pb2 import DatasetTokens
from funland.v1.models_pb2 import Model
from funland.v1.training_pb2 import (
    Hyperparameters,
    TrainableModel,
    TrainingEstimate,
    TrainingPlace,
    TrainingRun,
    TrainingTemplate,
)
from funland_server.devices.domain import Devices
from funland_server.errors import FieldInvalidError, Violation
from funland_server.models.errors import ModelFileMissingError
from funland_server.models.formats.gguf import GgufContents
from funland_server.models.formats.gguf_model import read_gguf
from funland_server.models.installed.catalog import ModelCatalog
from funland_server.models.installed.model import InstalledModel
from funland_server.models.loading.loader import ModelLoader
from funland_server.training import estimating, torch_memory
from funland_server.training.errors import TrainingTooLargeError, TrainingUnsupportedError
from funland_server.training.places import (
    NUMPY,
    TORCH,
    Place,
    Refusal,
    chosen,
    installed,
    lacking,
    places,
)
from funland_server.training.templates import FULL, TEMPLATES, filled, template
from funland_server.training.trainable import Network, UntrainableError, network
from funland_server.workers.errors import ModelFileInvalidError

_MOST_KNOWN: Final = 256


@dataclass(frozen=True, slots=True)
class Rows:
    """What is known of rows to learn."""

    count: int
    counted: DatasetTokens | None = None
    """Their tokens, if those were counted with the model."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a run trains."""

    template_id: str
    place: Place


class Planning:
    """Looks into the files of models, each once."""

    def __init__(self, catalog: ModelCatalog, loader: ModelLoader, devices: Devices) -> None:
        self._catalog = catalog
        self._loader = loader
        self._devices = devices
        self._known: dict[tuple[str, str], Network | str] = {}

    async def network(self, model: InstalledModel, template_id: str) -> Network:
        """What is trained; raises TrainingUnsupportedError."""
        found = await self._found(model)
        if isinstance(found, str):
            raise TrainingUnsupportedError(
                f"Model {model.model_id!r} can't be trained: {found}.", model.model_id, template_id
            )
        return found

    def place(self, model_id: str, template_id: str, backend: str, device_id: str) -> Place:
        """What computes a run, and where; raises TrainingUnsupportedError, DeviceNotFoundError, and
        FieldInvalidError for what contradicts the template."""
        if device_id:
            self._devices.get(device_id)
        here = installed()
        why = lacking(template_id, here)
        if not why:
            found = chosen(template_id, backend, device_id, here, self._devices.all())
            if isinstance(found, Place):
                return found
            if found.field:
                raise FieldInvalidError([Violation(found.field, found.why)])
            why = _sentence(found)
        raise TrainingUnsupportedError(
            f"Template {template_id[:64]!r} can't be used: {why}", model_id, template_id
        )

    async def way_of(self, run: TrainingRun) -> Way:
        """How a run trains that was submitted; raises as `place`."""
        if run.device_id:  # after a start it may not be found yet
            await self._devices.settled([run.device_id])
        return Way(
            run.template_id,
            self.place(run.model_id, run.template_id, run.backend, run.device_id),
        )

    def templates(self) -> list[TrainingTemplate]:
        """The ways to train."""
        here, devices = installed(), self._devices.all()
        return [
            template(
                template_id,
                [
                    TrainingPlace(backend=one.backend, device_id=one.device_id)
                    for one in places(template_id, here, devices)
                ],
                lacking(template_id, here),
            )
            for template_id in TEMPLATES
        ]

    async def models(self) -> list[TrainableModel]:
        """Those that can be trained, by id."""
        found: list[TrainableModel] = []
        available = self._loader.trainer_bytes
        by_default = filled(Hyperparameters())
        usable = [one for one in TEMPLATES if not lacking(one, installed())]
        for model in self._catalog.all():
            known = await self._found(model)
            if isinstance(known, str):
                continue
            needed = estimating.memory_bytes(known, by_default, by_default.max_tokens)
            found.append(
                TrainableModel(
                    model_id=model.model_id,
                    name=model.header.name or model.model_id,
                    architecture=known.architecture,
                    parameters=known.parameters,
                    template_ids=usable,
                    memory_bytes=needed,
                    fits=needed <= available,
                )
            )
        return found

    def estimate(
        self,
        known: Network,
        way: Way,
        hyperparameters: Hyperparameters,
        rows: Rows,
        *,
        former: float | None,
    ) -> TrainingEstimate:
        """What a run takes; `former` is how many tokens a second the last one like it computed.
        Where tokens were not counted, every row is taken to be as long as it may be."""
        longest = hyperparameters.max_tokens
        if rows.counted is not None:
            longest = max(1, min(longest, rows.counted.longest))
        needed = _needed(known, way, hyperparameters, longest)
        available = self._loader.trainer_bytes
        estimate = TrainingEstimate(
            memory_bytes=needed,
            available_bytes=available,
            fits=needed is None or needed <= available,
            steps=estimating.steps(rows.count, hyperparameters),
            trained_parameters=known.learnt
            if way.template_id == FULL
            else estimating.trained_parameters(known, hyperparameters.rank),
        )
        if rows.counted is not None:
            estimate.tokens = estimating.tokens(rows.counted.total, rows.count, hyperparameters)
            if former:
                estimate.duration.FromMicroseconds(round(1e6 * estimate.tokens / former))
        return estimate

    def refuse_too_large(self, estimate: TrainingEstimate) -> None:
        """Raises TrainingTooLargeError for what would not fit either if all had left that are busy
        now: when its turn comes, those may."""
        most = max(estimate.available_bytes, self._loader.most_trainer_bytes)
        if estimate.memory_bytes > most:
            raise TrainingTooLargeError(estimate.memory_bytes, most)

    async def _found(self, model: InstalledModel) -> Network | str:
        """What is trained of a model, or why it can't be."""
        key = (model.model_id, model.sha256)
        if (known := self._known.get(key)) is None:
            known = await asyncio.to_thread(_looked, model)
            while len(self._known) >= _MOST_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[key] = known
        return known


def former_speed(
    runs: list[TrainingRun], way: Way, hyperparameters: Hyperparameters
) -> float | None:
    """How many tokens a second the first of these runs computed that was as this one would be."""
    for run in runs:
        same = (run.template_id, run.backend or NUMPY, run.device_id or way.place.device_id) == (
            way.template_id, way.place.backend, way.place.device_id,
        ) and all(
            getattr(run.hyperparameters, name) == getattr(hyperparameters, name)
            for name in ("rank", "threads", "batch_size")
        )  # fmt: skip
        if same and run.HasField("last") and run.last.tokens_per_second > 0:
            return run.last.tokens_per_second
    return None


def _needed(known: Network, way: Way, hyperparameters: Hyperparameters, longest: int) -> int | None:
    """The memory that a run needs; None: that is not known."""
    if way.place.on_gpu:
        return None
    if way.place.backend == TORCH:
        return torch_memory.memory_bytes(known, way.template_id, hyperparameters, longest)
    return estimating.memory_bytes(known, hyperparameters, longest)


def _sentence(refusal: Refusal) -> str:
    return f"{refusal.why[0].upper()}{refusal.why[1:]}."


def _looked(model: InstalledModel) -> Network | str:
    if model.format != Model.GGUF or model.kind != Model.TEXT:
        return "only models that write text and are of the format GGUF can be"
    try:
        contents: GgufContents = read_gguf(model.path).contents
        return network(contents)
    except UntrainableError as error:
        return f"the model has {error}"
    except (ModelFileInvalidError, ModelFileMissingError, OSError):
        return "its file can't be read"
