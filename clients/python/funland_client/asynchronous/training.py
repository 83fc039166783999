"""Training: models learn from datasets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable
from typing import Any

from funland.v1.training_pb2 import (
    CancelTrainingRequest,
    DeleteTrainingRunRequest,
    ExportAdapterRequest,
    GetTrainingRunRequest,
    ImportPeftAdapterRequest,
    ImportPeftAdapterResponse,
    ListTrainableModelsRequest,
    ListTrainingMetricsRequest,
    ListTrainingRunsRequest,
    ListTrainingTemplatesRequest,
    PauseTrainingRequest,
    PlotTrainingLossRequest,
    ResumeTrainingRequest,
    SubmitTrainingRequest,
    TrainableModel,
    TrainingCurve,
    TrainingEstimate,
    TrainingEvent,
    TrainingRun,
    TrainingTemplate,
    WatchTrainingRunRequest,
)
from funland.v1.training_pb2_grpc import TrainingServiceStub
from funland_client.asynchronous.connection import AsyncConnection
from funland_client.ends import training_has_ended
from funland_client.errors import FunlandError
from funland_client.fields import filled


class AsyncTraining:
    """Training runs, as `client.training`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._stub = TrainingServiceStub(connection.channel)

    async def models(self) -> list[TrainableModel]:
        """Gets the models that can be trained."""
        request = ListTrainableModelsRequest()
        answer = await self._connection.call(self._stub.ListTrainableModels, request)
        return list(answer.models)

    async def templates(self) -> list[TrainingTemplate]:
        """Gets the ways to train, those too that can't be used here."""
        request = ListTrainingTemplatesRequest()
        answer = await self._connection.call(self._stub.ListTrainingTemplates, request)
        return list(answer.templates)

    async def estimate(self, request: SubmitTrainingRequest) -> TrainingEstimate:
        """Tells what a run would take."""
        return await self._connection.call(self._stub.EstimateTraining, request)

    async def submit(self, request: SubmitTrainingRequest) -> TrainingRun:
        """Submits a run, and gives it at once; `follow` waits for its end."""
        return await self._connection.call(self._stub.SubmitTraining, request, once=True)

    async def follow(self, run_id: str, *, after_step: int = 0) -> AsyncGenerator[TrainingEvent]:
        """Gives a run as it is now and its steps, then each change and each step, until it has
        ended.

        A connection that is lost is made again, as often after each event as `retries` says; there
        is no timeout.
        """
        attempts = self._connection.attempts()
        ended = False
        while not ended:
            request = WatchTrainingRunRequest(run_id=run_id, after_step=after_step)
            events = self._connection.stream(
                self._stub.WatchTrainingRun, request, endless=True, once=True
            )
            try:
                async with events:
                    async for event in events:
                        attempts = self._connection.attempts()
                        if event.HasField("step"):
                            after_step = event.step.step
                        else:
                            ended = training_has_ended(event.run)
                        yield event
            except FunlandError as error:
                if (seconds := attempts.pause(error)) is None:
                    raise
                await asyncio.sleep(seconds)

    async def get(self, run_id: str) -> TrainingRun:
        """Gets a run."""
        request = GetTrainingRunRequest(run_id=run_id)
        return await self._connection.call(self._stub.GetTrainingRun, request)

    async def list(
        self,
        *,
        project_id: str = "",
        states: Iterable[TrainingRun.State.ValueType] = (),
        limit: int = 0,
    ) -> list[TrainingRun]:
        """Gets runs, the newest first: at most `limit`; 0: all."""
        runs: list[TrainingRun] = []
        request = ListTrainingRunsRequest(project_id=project_id, states=states, page_size=limit)
        while True:
            page = await self._connection.call(self._stub.ListTrainingRuns, request)
            runs.extend(page.runs)
            if not page.next_page_token or 0 < limit <= len(runs):
                return runs[:limit] if limit else runs
            request.page_token = page.next_page_token

    async def pause(self, run_id: str) -> TrainingRun:
        """Has a run rest, and gives it when it does."""
        request = PauseTrainingRequest(run_id=run_id)
        return await self._connection.call(self._stub.PauseTraining, request)

    async def resume(self, run_id: str) -> TrainingRun:
        """Has a run go on from its last checkpoint."""
        request = ResumeTrainingRequest(run_id=run_id)
        return await self._connection.call(self._stub.ResumeTraining, request, once=True)

    async def cancel(self, run_id: str) -> TrainingRun:
        """Ends a run, and gives it when it has ended."""
        request = CancelTrainingRequest(run_id=run_id)
        return await self._connection.call(self._stub.CancelTraining, request)

    async def delete(self, run_id: str) -> None:
        """Removes a run, its steps and checkpoints; its adapter stays with the model."""
        request = DeleteTrainingRunRequest(run_id=run_id)
        await self._connection.call(self._stub.DeleteTrainingRun, request)

    async def metrics(self, *run_ids: str, points: int = 0) -> list[TrainingCurve]:
        """Gets the curves of runs, by ids or numbers, each of at most `points` steps; 0: 100. Of
        none: that of the newest run that has a step."""
        request = ListTrainingMetricsRequest(run_ids=run_ids, points=points)
        answer = await self._connection.call(self._stub.ListTrainingMetrics, request)
        return list(answer.curves)

    async def plot(self, *run_ids: str, width: int = 0, height: int = 0) -> bytes:
        """Draws the losses of runs, chosen as in `metrics`, as SVG; sizes are in pixels."""
        request = PlotTrainingLossRequest(run_ids=run_ids, width=width, height=height)
        answer: Any = await self._connection.call(self._stub.PlotTrainingLoss, request)
        return answer.data

    async def stream_adapter(
        self,
        run_id: str,
        format: ExportAdapterRequest.Format.ValueType = ExportAdapterRequest.GGUF,  # noqa: A002 - the contract's name
    ) -> AsyncGenerator[bytes]:
        """Gives what a run has learnt, in parts."""
        request = ExportAdapterRequest(run_id=run_id, format=format)
        parts = self._connection.stream(self._stub.ExportAdapter, request)
        async with parts:
            async for part in parts:
                yield part.data

    async def import_peft(
        self, model_id: str, path: str, *, adapter_id: str = ""
    ) -> ImportPeftAdapterResponse:
        """Attaches an adapter of PEFT's, a folder on the server's machine, to a model."""
        values = {"model_id": model_id, "path": path, "adapter_id": adapter_id}
        request = filled(ImportPeftAdapterRequest, "", values)
        return await self._connection.call(self._stub.ImportPeftAdapter, request, once=True)
