"""Calls of `TaskService`, as tests make them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from funland.v1.inference_pb2 import ChatRequest, Message, SamplingParameters
from funland.v1.tasks_pb2 import (
    CancelTaskRequest,
    DeleteTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    ListTasksResponse,
    SubmitTaskRequest,
    Task,
    TaskEvent,
    WatchTaskRequest,
    Work,
)
from funland_server.app import Server
from tests.server.conftest import call, streamed


def chat(text: str = "Hello!", *, max_tokens: int = 8, endless: bool = False) -> Work:
    """A conversation to be answered; an `endless` one goes on until it has so many tokens."""
    return Work(
        chat=ChatRequest(
            messages=[Message(role=Message.USER, content=text)],
            sampling=SamplingParameters(temperature=0, max_tokens=max_tokens, ignore_end=endless),
        )
    )


async def submit(server: Server, work: Work, **fields: Any) -> Task:
    return await call(server, "SubmitTask", SubmitTaskRequest(work=work, **fields))


async def get(server: Server, task_id: str) -> Task:
    return await call(server, "GetTask", GetTaskRequest(task_id=task_id))


async def listed(server: Server, **fields: Any) -> ListTasksResponse:
    return await call(server, "ListTasks", ListTasksRequest(**fields))


async def cancel(server: Server, task_id: str) -> Task:
    return await call(server, "CancelTask", CancelTaskRequest(task_id=task_id))


async def delete(server: Server, task_id: str) -> None:
    await call(server, "DeleteTask", DeleteTaskRequest(task_id=task_id))


def watch(server: Server, task_id: str) -> AsyncGenerator[TaskEvent]:
    return streamed(server, "WatchTask", WatchTaskRequest(task_id=task_id))


async def ended(server: Server, task_id: str) -> Task:
    """A task when it has ended."""
    task = Task()
    async for event in watch(server, task_id):
        task = event.task
    return task
