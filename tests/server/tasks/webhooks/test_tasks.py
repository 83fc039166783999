"""Tasks that name a webhook, by the calls of the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import pytest

from funland.v1.tasks_pb2 import Task, Webhook, WebhookDelivery
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.server.conftest import details
from tests.server.tasks import calls
from tests.server.tasks.webhooks.receiver import SECRET, Receiver, receiving


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


def settings(home: Path) -> ServerSettings:
    return ServerSettings(
        home=home, port=0, slots=2, max_context_length=256, allowed_private_hosts=("127.0.0.1",)
    )


async def test_whoever_is_to_be_told_of_a_tasks_end_is(tmp_path: Path, receiver: Receiver) -> None:
    server = Server(settings(tmp_path / "home"))
    await server.start()
    try:
        webhook = Webhook(url=receiver.url, secret=SECRET)
        waiting = await calls.submit(server, calls.chat(), webhook=webhook, metadata={"a": "b"})
        task = await calls.ended(server, waiting.task_id)
        (told,) = await receiver.have(1)
    finally:
        await server.stop(0)

    assert (waiting.webhook.state, waiting.webhook.url) == (WebhookDelivery.WAITING, receiver.url)
    assert (told.said["type"], told.said["data"]["task_id"]) == ("task.completed", task.task_id)
    assert told.said["timestamp"] == task.end_time.ToJsonString()
    assert told.said["data"]["metadata"] == {"a": "b"}
    answer = task.result.chat.message.content
    assert answer
    assert answer not in told.body.decode()
    assert SECRET not in str(waiting) + str(task)


async def test_what_was_not_told_is_told_after_the_next_start(
    tmp_path: Path, receiver: Receiver
) -> None:
    webhook = Webhook(url=receiver.url, secret=SECRET)
    server = Server(settings(tmp_path / "home"))
    await server.start()
    try:
        work = calls.chat(max_tokens=200, endless=True)
        task = await calls.submit(server, work, webhook=webhook)
    finally:
        await server.stop(0)  # amid the task
    again = Server(settings(tmp_path / "home"))
    await again.start()
    try:
        await receiver.have(1)
        ended = await calls.ended(again, task.task_id)
    finally:
        await again.stop(0)

    assert ended.state == Task.COMPLETED
    assert [told.said["data"]["task_id"] for told in receiver.told] == [task.task_id]


@pytest.mark.parametrize(
    ("webhook", "reason"),
    [
        (Webhook(url="http://10.0.0.1/", secret=SECRET), "ADDRESS_NOT_ALLOWED"),
        (Webhook(url="https://u:p@hooks.example/", secret=SECRET), "ADDRESS_NOT_ALLOWED"),
        (Webhook(url="https://hooks.example/"), "FIELD_INVALID"),
    ],
)
async def test_a_task_whose_webhook_leads_nowhere_is_not_kept(
    server: Server, webhook: Webhook, reason: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await calls.submit(server, calls.chat(), webhook=webhook)

    assert details(raised.value)["ErrorInfo"].reason == reason
    assert (await calls.listed(server)).total_size == 0
