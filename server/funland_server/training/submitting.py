"""Begins runs, and has them go on."""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from funland.v1.projects_pb2 import ProjectMember
from funland.v1.tasks_pb2 import SubmitTaskRequest, Work
from funland.v1.training_pb2 import (
    Hyperparameters,
    SubmitTrainingRequest,
    TrainingEstimate,
    TrainingRun,
)
from funland_server.datasets.domain import Datasets
from funland_server.datasets.standing import version_of
from funland_server.errors import FieldInvalidError, Violation
from funland_server.files.on_disk import to_its_end
from funland_server.identity import caller
from funland_server.models.errors import AdapterExistsError, ModelExistsError
from funland_server.models.installed.model import InstalledModel, slug
from funland_server.projects.domain import Projects
from funland_server.tasks.domain import Tasks
from funland_server.training import standing
from funland_server.training.errors import TrainingStateWrongError
from funland_server.training.leg import Parts, now
from funland_server.training.machine import GOES_ON, RESUMABLE
from funland_server.training.planning import Planning, Rows, Way, former_speed
from funland_server.training.settling import Settling
from funland_server.training.templates import FULL, LORA, filled, superfluous

_MOST_TRIES: Final = 5
"""Of a task, for workers that are lost: each goes on from the checkpoint of the last."""
_ADAPTER: Final = 80
_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a request comes to."""

    model: InstalledModel
    way: Way
    dataset_name: str
    version: int
    hyperparameters: Hyperparameters
    estimate: TrainingEstimate


@dataclass(frozen=True, slots=True)
class Submitting:
    """What callers begin."""

    parts: Parts
    tasks: Tasks
    datasets: Datasets
    projects: Projects
    planning: Planning
    settling: Settling

    async def estimate(self, request: SubmitTrainingRequest) -> TrainingEstimate:
        """What a run would take; raises what `EstimateTraining` promises."""
        return (await self._plan(request)).estimate

    async def submit(self, request: SubmitTrainingRequest) -> TrainingRun:
        """Keeps a run, and submits its task; raises what `SubmitTraining` promises."""
        plan = await self._plan(request)
        self.planning.refuse_too_large(plan.estimate)
        run = TrainingRun(
            run_id=f"run_{secrets.token_hex(8)}",
            name=request.name or f"{plan.model.model_id} on {plan.dataset_name}"[:_NAME],
            task_id=_task_id(),
            model_id=plan.model.model_id,
            dataset_id=request.dataset_id,
            dataset_version=plan.version,
            template_id=plan.way.template_id,
            backend=plan.way.place.backend,
            device_id=plan.way.place.device_id,
            project_id=request.project_id,
            owner_id=caller().user_id,
            hyperparameters=plan.hyperparameters,
            state=TrainingRun.PENDING,
            total_steps=plan.estimate.steps,
            estimate=plan.estimate,
            create_time=now(),
            revision=1,
        )
        await self._name_result(run, request)
        folder = self.parts.folder(run.run_id)
        self.settling.unborn.add(run.run_id)
        try:
            await to_its_end(folder.make)
            rows = await self.datasets.hold_rows(run.dataset_id, run.dataset_version, folder.rows)
            run = await self.parts.store.add(run, rows.sha256, rows.row_count)
            await self._submit(run, request.priority)
        except BaseException:
            await self.parts.store.remove(run.run_id)
            await to_its_end(folder.remove)
            raise
        finally:
            self.settling.unborn.discard(run.run_id)
        self.parts.publish(run.run_id)
        return run

    async def resume(self, run: TrainingRun) -> TrainingRun:
        """Has a run go on that rests or has ended without an adapter; raises what
        `ResumeTraining` promises."""
        model = self.parts.catalog.get(run.model_id)
        way = await self.planning.way_of(run)
        network = await self.planning.network(model, run.template_id)
        kept = await self.parts.store.get(run.run_id)
        rows = Rows(kept.row_count)
        estimate = self.planning.estimate(network, way, run.hyperparameters, rows, former=None)
        self.planning.refuse_too_large(estimate)
        task_id, before = _task_id(), TrainingRun.FromString(run.SerializeToString())

        def go_on(run: TrainingRun) -> bool:
            if run.state not in RESUMABLE:
                raise refused(run, "only a run that rests, has failed or was cancelled can go on")
            before.CopyFrom(run)
            run.task_id = task_id
            standing.waits(run)
            return True

        def go_back(run: TrainingRun) -> bool:
            revision = run.revision
            run.CopyFrom(before)
            run.revision = revision
            return True

        self.settling.unborn.add(run.run_id)
        try:
            changed = await self.parts.store.change(run.run_id, go_on)
            try:
                await self._submit(changed, 0)
            except BaseException:
                await self.parts.store.change(run.run_id, go_back)
                raise
        finally:
            self.settling.unborn.discard(run.run_id)
        self.settling.known.pop(before.task_id, None)
        self.parts.publish(run.run_id)
        return changed

    async def _submit(self, run: TrainingRun, priority: int) -> None:
        self.settling.known[run.task_id] = run.run_id
        request = SubmitTaskRequest(
            work=Work(training=TrainingRun(run_id=run.run_id)),
            priority=priority,
            max_attempts=_MOST_TRIES,
            metadata=_metadata(run),
        )
        await self.tasks.submit(request, task_id=run.task_id)

    async def _plan(self, request: SubmitTrainingRequest) -> _Plan:
        model = self.parts.catalog.get(request.model_id)
        if request.project_id:
            await self.projects.check(request.project_id, caller(), ProjectMember.EDITOR)
        dataset = await self.datasets.get(request.dataset_id)
        version = version_of(dataset, request.dataset_version)
        template_id = request.template_id or LORA
        place = self.planning.place(model.model_id, template_id, request.backend, request.device_id)
        network = await self.planning.network(model, template_id)
        _check_fields(request, template_id)
        await self._name_result(TrainingRun(model_id=model.model_id), request, only_given=True)
        way, hyperparameters = Way(template_id, place), filled(request.hyperparameters, template_id)
        counted = await self.datasets.counted(request.dataset_id, version.version, model.sha256)
        runs = await self.parts.store.of_model(model.model_id)
        former = former_speed(runs, way, hyperparameters)
        rows = Rows(version.row_count, counted)
        estimate = self.planning.estimate(network, way, hyperparameters, rows, former=former)
        return _Plan(model, way, dataset.name, version.version, hyperparameters, estimate)

    async def _name_result(
        self, run: TrainingRun, request: SubmitTrainingRequest, *, only_given: bool = False
    ) -> None:
        """Gives what is to come of a run its id; raises AdapterExistsError and ModelExistsError if
        that is or will be another's."""
        if (request.template_id or LORA) != FULL:
            if request.adapter_id or not only_given:
                run.adapter_id = await self._adapter_id(request.adapter_id, run)
        elif request.result_model_id or not only_given:
            run.result_model_id = await self._model_id(request.result_model_id, run)

    async def _model_id(self, wanted: str, run: TrainingRun) -> str:
        taken = {run.result_model_id for run in await self.parts.store.unended()}
        if wanted and (wanted in taken or self.parts.catalog.find(wanted) is not None):
            raise ModelExistsError(wanted)
        names = {
            name for model in self.parts.catalog.all() for name in (model.model_id, *model.aliases)
        }
        return wanted or made_of(run.name, taken | names)

    async def _adapter_id(self, wanted: str, run: TrainingRun) -> str:
        """The id of a run's adapter; raises AdapterExistsError if that is or will be another's."""
        taken = {
            *self.parts.loader.adapters(run.model_id),
            *(
                other.adapter_id
                for other in await self.parts.store.of_model(run.model_id)
                if other.state in GOES_ON
            ),
        }
        if wanted in taken:
            raise AdapterExistsError(run.model_id, wanted)
        return wanted or made_of(run.name, taken)


def _check_fields(request: SubmitTrainingRequest, template_id: str) -> None:
    """Raises FieldInvalidError for what a template has not."""
    violations: list[Violation] = []
    if (name := superfluous(template_id, request.hyperparameters)) is not None:
        violations.append(Violation(f"hyperparameters.{name}", f"is nothing of {template_id!r}"))
    if template_id == FULL and request.adapter_id:
        violations.append(Violation("adapter_id", "must be empty: a model comes of it"))
    if template_id != FULL and request.result_model_id:
        violations.append(Violation("result_model_id", "must be empty: an adapter comes of it"))
    if violations:
        raise FieldInvalidError(violations)


def made_of(name: str, taken: Iterable[str]) -> str:
    """An adapter's id that is made of a run's name and not taken."""
    made = re.sub(r"^[^a-z0-9]+", "", slug(name)[:_ADAPTER].rstrip("-._")) or "adapter"
    used = set(taken)
    if made not in used:
        return made
    return next(
        one for one in (f"{made}-{number}" for number in range(2, 2**31)) if one not in used
    )


def refused(run: TrainingRun, why: str) -> TrainingStateWrongError:
    """A run's state does not allow what is asked."""
    state = TrainingRun.State.Name(run.state)
    return TrainingStateWrongError(f"Run {run.run_id!r} is {state}: {why}.", run.run_id, state)


def _metadata(run: TrainingRun) -> dict[str, str]:
    """What lists of tasks tell of a run."""
    told = {"name": run.name, "run_id": run.run_id, "project_id": run.project_id}
    return {name: text for name, text in told.items() if text}


def _task_id() -> str:
    return f"task-{uuid.uuid4().hex}"
