"""What callers do with runs, as far as they are there for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Final

from funland.v1 import training_pb2
from funland.v1.projects_pb2 import ProjectMember
from funland.v1.training_pb2 import TrainingCurve, TrainingEvent, TrainingRun
from funland_server.changes import Changes
from funland_server.errors import FieldInvalidError, Violation
from funland_server.files.on_disk import to_its_end
from funland_server.identity import caller
from funland_server.projects.domain import Projects
from funland_server.tasks.domain import Tasks
from funland_server.tasks.errors import TaskNotFoundError
from funland_server.training import standing
from funland_server.training.errors import TrainingRunNotFoundError
from funland_server.training.leg import Parts, now
from funland_server.training.machine import ENDED, Answer, Asked, asked_of
from funland_server.training.points import evenly
from funland_server.training.settling import Settling
from funland_server.training.store import Kept, Wanted
from funland_server.training.submitting import Submitting, refused

_PAGE: Final = 100
_POINTS: Final = 100
_DIGITS: Final = 18
_LOOK_SECONDS: Final = 1.0
"""How often a run is looked at that another server has."""


@dataclass(frozen=True, slots=True)
class Managing:
    """The runs of a database."""

    parts: Parts
    tasks: Tasks
    projects: Projects
    submitting: Submitting
    settling: Settling
    changes: Changes

    async def get(self, run_id: str) -> TrainingRun:
        """A run; raises TrainingRunNotFoundError."""
        return (await self.visible(run_id)).run

    async def page(
        self, request: training_pb2.ListTrainingRunsRequest
    ) -> training_pb2.ListTrainingRunsResponse:
        """A page of those that are there for the caller; raises FieldInvalidError."""
        size = request.page_size or _PAGE
        wanted = await self._wanted(
            only_project=request.project_id,
            states=request.states,
            before=_number(request.page_token),
        )
        found, total = await self.parts.store.page(wanted, size)
        return training_pb2.ListTrainingRunsResponse(
            runs=found[:size],
            next_page_token=str(found[size - 1].number) if len(found) > size else "",
            total_size=total,
        )

    async def watch(self, run_id: str, after_step: int) -> AsyncGenerator[TrainingEvent]:
        """A run and its steps, then each change and each step, until it has ended. Raises
        TrainingRunNotFoundError, ServerStoppingError."""
        ours = (await self.visible(run_id)).home_id == self.parts.store.home_id
        last: TrainingRun | None = None
        async with aclosing(self.changes.watch()) as changes:
            async for changed in changes:
                if changed not in ("", run_id):
                    continue
                run = await self.get(run_id)
                if run != last:
                    yield TrainingEvent(run=run)
                last = run
                while steps := await self.parts.store.steps_after(run_id, after_step):
                    for step in steps:
                        yield TrainingEvent(step=step)
                    after_step = steps[-1].step
                if run.state in ENDED:
                    return
                if not ours:
                    await asyncio.sleep(_LOOK_SECONDS)
                    self.changes.publish(run_id)  # for who watches it here

    async def pause(self, run_id: str) -> TrainingRun:
        """Has a run rest; raises what `PauseTraining` promises."""
        run = await self._ours(run_id)
        match asked_of(run.state, Asked.PAUSE):
            case Answer.STAYS:
                return run
            case Answer.REFUSE:
                raise refused(run, "only a run that has not ended can rest")
            case Answer.DO:
                pass
        self.settling.pausing.add(run_id)
        try:
            if (leg := self.parts.legs.get(run_id)) is not None:
                leg.rest()
                await leg.over.wait()
            else:
                await self._end_task(run)
            await self.settling.settle(run_id)
        finally:
            self.settling.pausing.discard(run_id)
        run = await self.get(run_id)
        if run.state != TrainingRun.PAUSED:
            raise refused(run, "it has ended meanwhile" if run.state in ENDED else "it goes on")
        return run

    async def resume(self, run_id: str) -> TrainingRun:
        """Has a run go on; raises what `ResumeTraining` promises."""
        run = await self._ours(run_id)
        if asked_of(run.state, Asked.RESUME) is Answer.REFUSE:
            raise refused(run, "only a run that rests, has failed or was cancelled can go on")
        return await self.submitting.resume(run)

    async def cancel(self, run_id: str) -> TrainingRun:
        """Ends a run; raises TrainingRunNotFoundError."""
        run = await self._ours(run_id)
        if asked_of(run.state, Asked.CANCEL) is Answer.STAYS:
            return run
        if run.state != TrainingRun.PAUSED:
            await self._end_task(run)
            await self.settling.settle(run_id)

        def end(run: TrainingRun) -> bool:
            if run.state != TrainingRun.PAUSED:
                return False
            standing.ended(run, TrainingRun.CANCELLED, now())
            return True

        run = await self.parts.store.change(run_id, end)
        self.parts.publish(run_id)
        return run

    async def remove(self, run_id: str) -> None:
        """Removes a run and all that is kept of it; raises TrainingRunNotFoundError."""
        await self.cancel(run_id)
        kept = await self.parts.store.get(run_id)
        await self.parts.store.remove(run_id)
        self.settling.known.pop(kept.run.task_id, None)
        with suppress(TaskNotFoundError):
            await self.tasks.delete(kept.run.task_id)
        await to_its_end(self.parts.folder(run_id).remove)
        await to_its_end(self.parts.blobs.release, kept.rows_sha256)
        self.parts.publish(run_id)

    async def curves(self, names: list[str], points: int = 0) -> list[TrainingCurve]:
        """The curves of runs by ids or numbers; of none: of the newest that has a step. Raises
        TrainingRunNotFoundError."""
        runs = [await self._named(name) for name in names] or await self._newest()
        found: list[TrainingCurve] = []
        for run in runs:
            numbers = evenly(run.step, points or _POINTS)
            curve = TrainingCurve(
                run_id=run.run_id,
                name=run.name,
                steps_done=run.step,
                steps=await self.parts.store.steps_of(run.run_id, numbers),
            )
            for name in ("initial_loss", "best_loss"):
                if run.HasField(name):
                    setattr(curve, name, getattr(run, name))
            if run.HasField("last"):
                curve.final_loss = run.last.loss
            found.append(curve)
        return found

    async def visible(self, run_id: str) -> Kept:
        """A run with what is kept of it; raises TrainingRunNotFoundError."""
        return await self._seen(await self.parts.store.get(run_id), run_id)

    async def _seen(self, kept: Kept, name: str) -> Kept:
        run = kept.run
        if caller().sees(run.owner_id):
            return kept
        projects = await self.projects.ids_of(caller())
        if run.project_id and run.project_id in (projects or ()):
            return kept
        raise TrainingRunNotFoundError(name)

    async def _ours(self, run_id: str) -> TrainingRun:
        """A run that the caller may change and this home has; raises TrainingRunNotFoundError,
        ProjectRoleMissingError, TrainingStateWrongError."""
        kept = await self.visible(run_id)
        if not caller().sees(kept.run.owner_id):
            await self.projects.check(kept.run.project_id, caller(), ProjectMember.EDITOR)
        if kept.home_id != self.parts.store.home_id:
            raise refused(kept.run, "another server of the database has it: ask that one")
        return kept.run

    async def _named(self, name: str) -> TrainingRun:
        if name.isascii() and name.isdecimal() and len(name) <= _DIGITS:
            return (await self._seen(await self.parts.store.numbered(int(name)), name)).run
        return await self.get(name)

    async def _newest(self) -> list[TrainingRun]:
        found, _ = await self.parts.store.page(await self._wanted(), _PAGE)
        return [run for run in found if run.step][:1]

    async def _wanted(
        self,
        *,
        only_project: str = "",
        states: Sequence[TrainingRun.State.ValueType] = (),
        before: int = 0,
    ) -> Wanted:
        projects = await self.projects.ids_of(caller())
        return Wanted(
            owner_id=None if projects is None else caller().user_id,
            project_ids=projects or (),
            only_project=only_project,
            states=[*states],
            before=before,
        )

    async def _end_task(self, run: TrainingRun) -> None:
        with suppress(TaskNotFoundError):
            await self.tasks.cancel(run.task_id)


def _number(token: str) -> int:
    if not token:
        return 0
    if not (token.isascii() and token.isdecimal() and len(token) <= _DIGITS):
        raise FieldInvalidError([Violation("page_token", "was never given out")])
    return int(token)
