"""`funland.v1.TrainingService`: the wire on one side, runs on the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty

from funland.v1 import training_pb2
from funland.v1.training_pb2 import TrainingEstimate, TrainingEvent, TrainingRun
from funland_server.training.adapters import AdapterFiles
from funland_server.training.managing import Managing
from funland_server.training.planning import Planning
from funland_server.training.plot import draw
from funland_server.training.submitting import Submitting

_DRAWN = 1000
"""Points of each line: a picture has not many more pixels."""


class TrainingService:
    """Answers the RPCs of `TrainingService`; see `training.proto`."""

    def __init__(
        self,
        managing: Managing,
        submitting: Submitting,
        planning: Planning,
        adapters: AdapterFiles,
    ) -> None:
        self._managing = managing
        self._submitting = submitting
        self._planning = planning
        self._adapters = adapters

    async def ListTrainableModels(
        self, request: training_pb2.ListTrainableModelsRequest
    ) -> training_pb2.ListTrainableModelsResponse:
        """See `training.proto`."""
        return training_pb2.ListTrainableModelsResponse(models=await self._planning.models())

    async def ListTrainingTemplates(
        self, request: training_pb2.ListTrainingTemplatesRequest
    ) -> training_pb2.ListTrainingTemplatesResponse:
        """See `training.proto`."""
        return training_pb2.ListTrainingTemplatesResponse(templates=self._planning.templates())

    async def EstimateTraining(
        self, request: training_pb2.SubmitTrainingRequest
    ) -> TrainingEstimate:
        """See `training.proto`."""
        return await self._submitting.estimate(request)

    async def SubmitTraining(self, request: training_pb2.SubmitTrainingRequest) -> TrainingRun:
        """See `training.proto`."""
        return await self._submitting.submit(request)

    async def GetTrainingRun(self, request: training_pb2.GetTrainingRunRequest) -> TrainingRun:
        """See `training.proto`."""
        return await self._managing.get(request.run_id)

    async def ListTrainingRuns(
        self, request: training_pb2.ListTrainingRunsRequest
    ) -> training_pb2.ListTrainingRunsResponse:
        """See `training.proto`."""
        return await self._managing.page(request)

    async def WatchTrainingRun(
        self, request: training_pb2.WatchTrainingRunRequest
    ) -> AsyncGenerator[TrainingEvent]:
        """See `training.proto`."""
        watched = self._managing.watch(request.run_id, request.after_step)
        async with aclosing(watched) as events:
            async for event in events:
                yield event

    async def PauseTraining(self, request: training_pb2.PauseTrainingRequest) -> TrainingRun:
        """See `training.proto`."""
        return await self._managing.pause(request.run_id)

    async def ResumeTraining(self, request: training_pb2.ResumeTrainingRequest) -> TrainingRun:
        """See `training.proto`."""
        return await self._managing.resume(request.run_id)

    async def CancelTraining(self, request: training_pb2.CancelTrainingRequest) -> TrainingRun:
        """See `training.proto`."""
        return await self._managing.cancel(request.run_id)

    async def DeleteTrainingRun(self, request: training_pb2.DeleteTrainingRunRequest) -> Empty:
        """See `training.proto`."""
        await self._managing.remove(request.run_id)
        return Empty()

    async def ListTrainingMetrics(
        self, request: training_pb2.ListTrainingMetricsRequest
    ) -> training_pb2.ListTrainingMetricsResponse:
        """See `training.proto`."""
        curves = await self._managing.curves(list(request.run_ids), request.points)
        return training_pb2.ListTrainingMetricsResponse(curves=curves)

    async def PlotTrainingLoss(self, request: training_pb2.PlotTrainingLossRequest) -> HttpBody:
        """See `training.proto`."""
        curves = await self._managing.curves(list(request.run_ids), _DRAWN)
        drawn = draw(curves, request.width, request.height)
        return HttpBody(content_type="image/svg+xml", data=drawn.encode())

    async def ExportAdapter(
        self, request: training_pb2.ExportAdapterRequest
    ) -> AsyncGenerator[HttpBody]:
        """See `training.proto`."""
        kept = await self._managing.visible(request.run_id)
        async with aclosing(self._adapters.export(kept, request.format)) as parts:
            async for part in parts:
                yield part

    async def ImportPeftAdapter(
        self, request: training_pb2.ImportPeftAdapterRequest
    ) -> training_pb2.ImportPeftAdapterResponse:
        """See `training.proto`."""
        return await self._adapters.take(request)
