"""`funland.v1.TaskService`: the wire on one side, tasks on the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from google.protobuf import empty_pb2

from funland.v1 import tasks_pb2


class TaskService:
    """Answers the RPCs of `TaskService`; see `tasks.proto`."""

    async def SubmitTask(self, request: tasks_pb2.SubmitTaskRequest) -> tasks_pb2.Task:
        """See `tasks.proto`."""
        raise NotImplementedError

    async def GetTask(self, request: tasks_pb2.GetTaskRequest) -> tasks_pb2.Task:
        """See `tasks.proto`."""
        raise NotImplementedError

    async def ListTasks(self, request: tasks_pb2.ListTasksRequest) -> tasks_pb2.ListTasksResponse:
        """See `tasks.proto`."""
        raise NotImplementedError

    async def WatchTask(
        self, request: tasks_pb2.WatchTaskRequest
    ) -> AsyncGenerator[tasks_pb2.TaskEvent]:
        """See `tasks.proto`."""
        raise NotImplementedError
        yield tasks_pb2.TaskEvent()

    async def WatchTasks(
        self, request: tasks_pb2.WatchTasksRequest
    ) -> AsyncGenerator[tasks_pb2.TaskEvent]:
        """See `tasks.proto`."""
        raise NotImplementedError
        yield tasks_pb2.TaskEvent()

    async def CancelTask(self, request: tasks_pb2.CancelTaskRequest) -> tasks_pb2.Task:
        """See `tasks.proto`."""
        raise NotImplementedError

    async def RetryTask(self, request: tasks_pb2.RetryTaskRequest) -> tasks_pb2.Task:
        """See `tasks.proto`."""
        raise NotImplementedError

    async def DeleteTask(self, request: tasks_pb2.DeleteTaskRequest) -> empty_pb2.Empty:
        """See `tasks.proto`."""
        raise NotImplementedError

    async def ListLanes(self, request: tasks_pb2.ListLanesRequest) -> tasks_pb2.ListLanesResponse:
        """See `tasks.proto`."""
        raise NotImplementedError
