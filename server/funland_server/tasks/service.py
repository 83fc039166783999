"""`funland.v1.TaskService`: the wire on one side, tasks on the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from google.protobuf import empty_pb2

from funland.v1 import tasks_pb2
from funland_server.errors import FieldInvalidError, Violation
from funland_server.tasks.queue import Queue


class TaskService:
    """Answers the RPCs of `TaskService`; see `tasks.proto`."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue

    async def SubmitTask(self, request: tasks_pb2.SubmitTaskRequest) -> tasks_pb2.Task:
        """See `tasks.proto`."""
        if request.work.HasField("batch"):
            raise FieldInvalidError(
                [Violation("work.batch", "is no task of its own; use BatchService.CreateBatch")]
            )
        if request.work.HasField("training"):
            raise FieldInvalidError(
                [Violation("work.training", "is no task of its own; use SubmitTraining")]
            )
        return await self._queue.submit(request)

    async def GetTask(self, request: tasks_pb2.GetTaskRequest) -> tasks_pb2.Task:
        """See `tasks.proto`."""
        return await self._queue.get(request.task_id, whole=not request.brief)

    async def ListTasks(self, request: tasks_pb2.ListTasksRequest) -> tasks_pb2.ListTasksResponse:
        """See `tasks.proto`."""
        tasks, token, total = await self._queue.page(request)
        return tasks_pb2.ListTasksResponse(tasks=tasks, next_page_token=token, total_size=total)

    def WatchTask(self, request: tasks_pb2.WatchTaskRequest) -> AsyncGenerator[tasks_pb2.TaskEvent]:
        """See `tasks.proto`."""
        return self._queue.watch(request.task_id)

    def WatchTasks(
        self, request: tasks_pb2.WatchTasksRequest
    ) -> AsyncGenerator[tasks_pb2.TaskEvent]:
        """See `tasks.proto`."""
        return self._queue.watch_all(request)

    async def CancelTask(self, request: tasks_pb2.CancelTaskRequest) -> tasks_pb2.Task:
        """See `tasks.proto`."""
        return await self._queue.cancel(request.task_id)

    async def RetryTask(self, request: tasks_pb2.RetryTaskRequest) -> tasks_pb2.Task:
        """See `tasks.proto`."""
        return await self._queue.retry(request.task_id)

    async def DeleteTask(self, request: tasks_pb2.DeleteTaskRequest) -> empty_pb2.Empty:
        """See `tasks.proto`."""
        await self._queue.delete(request.task_id)
        return empty_pb2.Empty()

    async def ListLanes(self, request: tasks_pb2.ListLanesRequest) -> tasks_pb2.ListLanesResponse:
        """See `tasks.proto`."""
        return tasks_pb2.ListLanesResponse(lanes=await self._queue.lanes())
