"""Work that nobody waits for: it is kept by the server, and done in its turn."""

# ruff: noqa: A002 - `format` is the contract's name

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import TypeAlias, Unpack

from funland.v1.tasks_pb2 import (
    CancelTaskRequest,
    DeleteTaskRequest,
    GetTaskRequest,
    Lane,
    ListLanesRequest,
    RetryTaskRequest,
    Task,
    TaskEvent,
    TaskResult,
    WatchTaskRequest,
)
from funland.v1.tasks_pb2_grpc import TaskServiceStub
from funland_client import media_requests, requests, task_requests
from funland_client.arguments import (
    ChatArguments,
    DownloadArguments,
    GenerationArguments,
    PaintingArguments,
    SpeechArguments,
    TaskArguments,
    TaskKind,
    TaskState,
    TranscriptionArguments,
)
from funland_client.asynchronous.connection import AsyncConnection
from funland_client.asynchronous.event_streams import AsyncEventStream
from funland_client.asynchronous.followers import async_followed
from funland_client.ends import TASK, task_failure
from funland_client.errors import TaskError
from funland_client.formats import Format
from funland_client.messages import Conversation
from funland_client.requests import Pooling, Prompt
from funland_client.task_requests import AnyWork
from funland_client.tools import AnyTool

Lanes: TypeAlias = Sequence[Lane]


class AsyncTasks:
    """Work that nobody waits for, as `client.tasks`. What is submitted survives the server's end.

    `task` of the methods that submit is when, for whom and how often to do it.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._stub = TaskServiceStub(connection.channel)

    async def submit(self, work: AnyWork, **arguments: Unpack[TaskArguments]) -> Task:
        """Keeps work, and gives its task at once; `wait` gives what came of it."""
        request = task_requests.submit(work, arguments)
        once = not request.idempotency_key
        return await self._connection.call(self._stub.SubmitTask, request, once=once)

    async def submit_chat(
        self,
        conversation: Conversation,
        model: str = "",
        *,
        format: Format | None = None,
        tools: Sequence[AnyTool] = (),
        task: TaskArguments | None = None,
        **arguments: Unpack[ChatArguments],
    ) -> Task:
        """Submits what `chat` answers; `wait(...).chat` is the answer.

        With a pydantic class as `format`, `parse` reads it.
        """
        request = requests.chat(conversation, model, arguments, format=format, tools=tools)
        return await self.submit(request, **(task or {}))

    async def submit_generate(
        self,
        prompt: Prompt,
        model: str = "",
        *,
        format: Format | None = None,
        as_message: bool = False,
        suffix: str = "",
        task: TaskArguments | None = None,
        **arguments: Unpack[GenerationArguments],
    ) -> Task:
        """Submits what `generate` continues; `wait(...).generate` is the answer."""
        request = requests.generate(
            prompt, model, arguments, format=format, as_message=as_message, suffix=suffix
        )
        return await self.submit(request, **(task or {}))

    async def submit_embed(
        self,
        texts: str | Sequence[Prompt],
        model: str = "",
        *,
        dimensions: int | None = None,
        pooling: Pooling | None = None,
        normalize: bool = True,
        task: TaskArguments | None = None,
    ) -> Task:
        """Submits what `embed` turns into vectors; `wait(...).embed` is the answer."""
        request = requests.embed(
            texts, model, dimensions=dimensions, pooling=pooling, normalize=normalize
        )
        return await self.submit(request, **(task or {}))

    async def submit_download(
        self,
        source: str,
        *,
        task: TaskArguments | None = None,
        **arguments: Unpack[DownloadArguments],
    ) -> Task:
        """Submits what `downloads.start` starts, to its end; `wait(...).download` is it then."""
        request = requests.download(source, arguments)
        return await self.submit(request, **(task or {}))

    async def submit_speak(
        self,
        text: str,
        voice: str = "",
        *,
        task: TaskArguments | None = None,
        **arguments: Unpack[SpeechArguments],
    ) -> Task:
        """Submits what `speech.speak` speaks; `wait(...).speech` tells the file with the sound."""
        request = media_requests.speak(text, voice, arguments)
        return await self.submit(request, **(task or {}))

    async def submit_transcribe(
        self,
        file_id: str,
        model: str = "",
        *,
        task: TaskArguments | None = None,
        **arguments: Unpack[TranscriptionArguments],
    ) -> Task:
        """Submits what is said in a kept file; `wait(...).transcription` is what it is."""
        request = media_requests.transcribe(None, file_id, model, arguments)
        return await self.submit(request, **(task or {}))

    async def submit_paint(
        self,
        prompt: str,
        model: str = "",
        *,
        image_file_id: str = "",
        mask_file_id: str = "",
        task: TaskArguments | None = None,
        **arguments: Unpack[PaintingArguments],
    ) -> Task:
        """Submits what `images.paint` paints, of kept files if it is to begin with some;
        `wait(...).images` tells the files with the pictures."""
        pictures = {"image_file_id": image_file_id, "mask_file_id": mask_file_id}
        request = media_requests.paint(prompt, model, arguments, pictures)
        return await self.submit(request, **(task or {}))

    async def get(self, task_id: str, *, brief: bool = False) -> Task:
        """Gets a task; `brief` leaves out its work and its result, which may be long."""
        request = GetTaskRequest(task_id=task_id, brief=brief)
        return await self._connection.call(self._stub.GetTask, request)

    async def list(
        self,
        *,
        states: Sequence[TaskState] = (),
        kinds: Sequence[TaskKind] = (),
        caller: str = "",
        limit: int = 0,
    ) -> list[Task]:
        """Gets tasks without their work and results, the newest first: at most `limit`, 0: all."""
        tasks: list[Task] = []
        request = task_requests.tasks(states, kinds, caller, limit)
        while True:
            page = await self._connection.call(self._stub.ListTasks, request)
            tasks.extend(page.tasks)
            if not page.next_page_token or 0 < limit <= len(tasks):
                return tasks[:limit] if limit else tasks
            request.page_token = page.next_page_token

    async def follow(self, task_id: str) -> AsyncGenerator[Task]:
        """Gives a task as it is now, then again when it changes; the last has its result.

        Raises the error of one that fails, and TaskStoppedError for one that is cancelled or
        deleted. Who leaves the loop does not stop it. A connection that is lost is made again, as
        often after each event as `retries` says; there is no timeout.
        """
        request = WatchTaskRequest(task_id=task_id)
        last: Task | None = None
        async for task in async_followed(self._connection, self._stub.WatchTask, request, TASK):
            last = task
            yield task
        if last is not None and (error := task_failure(last)) is not None:
            raise error

    async def wait(self, task_id: str) -> TaskResult:
        """Waits until a task has ended, and gives what came of it; raises as `follow`."""
        result: TaskResult | None = None
        async for task in self.follow(task_id):
            result = task.result if task.HasField("result") else None
        if result is None:
            raise TaskError("The task is done, but its result is not there.")
        return result

    def watch(self, task_id: str) -> AsyncEventStream[TaskEvent]:
        """Gives a task as it is now, then again when it changes, to its end; has no timeout."""
        request = WatchTaskRequest(task_id=task_id)
        return self._connection.stream(self._stub.WatchTask, request, endless=True)

    def watch_all(
        self, *, kinds: Sequence[TaskKind] = (), caller: str = ""
    ) -> AsyncEventStream[TaskEvent]:
        """Gives every task that has not ended, then each that changes, as `list` has them; never
        ends by itself, and has no timeout."""
        request = task_requests.watched(kinds, caller)
        return self._connection.stream(self._stub.WatchTasks, request, endless=True)

    async def cancel(self, task_id: str) -> Task:
        """Ends a task, and gives it when it has ended."""
        request = CancelTaskRequest(task_id=task_id)
        return await self._connection.call(self._stub.CancelTask, request)

    async def retry(self, task_id: str) -> Task:
        """Has a task that failed or was cancelled run once more, from its beginning."""
        request = RetryTaskRequest(task_id=task_id)
        return await self._connection.call(self._stub.RetryTask, request, once=True)

    async def delete(self, task_id: str) -> None:
        """Removes a task, its result and its files; one that has not ended is cancelled first."""
        request = DeleteTaskRequest(task_id=task_id)
        await self._connection.call(self._stub.DeleteTask, request, once=True)

    async def lanes(self) -> Lanes:
        """Tells what runs at once, and how much waits."""
        response = await self._connection.call(self._stub.ListLanes, ListLanesRequest())
        return [*response.lanes]
