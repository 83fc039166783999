"""Who is let in no more is told so amid what lasts, over each way that it can come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import grpc.aio
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message

from funland.v1 import auth_pb2, files_pb2, models_pb2, sessions_pb2
from funland_server.rpc import lasting
from tests.e2e.wires import Refused, wire_to
from tests.server.conftest import METHODS, SECONDS, details
from tests.server.rpc.users import User, user

in_one_loop = pytest.mark.asyncio(loop_scope="module")

TINY: Final = "funland-tiny"


async def revoked(admin: User, one: User) -> None:
    await admin.call("RevokeAccessKey", auth_pb2.RevokeAccessKeyRequest(key_id=one.key_id))


async def inactive(admin: User, one: User) -> None:
    request = auth_pb2.UpdateUserRequest(user_id=one.user_id, is_active=False)
    await admin.call("UpdateUser", request)


async def removed(admin: User, one: User) -> None:
    await admin.call("DeleteUser", auth_pb2.DeleteUserRequest(user_id=one.user_id))


async def made_a_viewer(admin: User, one: User) -> None:
    request = auth_pb2.UpdateUserRequest(user_id=one.user_id, role=auth_pb2.User.VIEWER)
    await admin.call("UpdateUser", request)


End = Callable[[User, User], Awaitable[None]]
ENDS: Final = (revoked, inactive, removed)


@pytest.fixture(autouse=True)
def asks_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lasting, "AGAIN_SECONDS", 0.0)


@pytest.mark.parametrize("wire", ["gRPC", "REST"])
@pytest.mark.parametrize("end", ENDS)
@in_one_loop
async def test_who_watches_is_told_nothing_more(end: End, wire: str, admin: User) -> None:
    one = await user(admin, f"{end.__name__}-{wire}")
    async with wire_to(admin.server, wire, one.authorization) as way, asyncio.timeout(SECONDS):
        events = way.watch("WatchModels", models_pb2.WatchModelsRequest())
        await anext(events)

        await end(admin, one)
        await admin.call("PinModel", models_pb2.PinModelRequest(model_id=TINY))
        await admin.call("UnpinModel", models_pb2.UnpinModelRequest(model_id=TINY))

        with pytest.raises(Refused, match="CREDENTIALS_INVALID"):
            async for _ in events:
                pass


@in_one_loop
async def test_what_comes_amid_an_upload_is_not_taken(admin: User) -> None:
    one = await user(admin, "uploads")

    async def parts() -> AsyncIterator[Message]:
        yield files_pb2.UploadFileRequest(name="a.txt", data=b"a")
        await revoked(admin, one)
        yield files_pb2.UploadFileRequest(data=b"b")

    metadata = (("authorization", one.authorization),)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await one.server.channel.collect(METHODS["UploadFile"], parts(), metadata, SECONDS)

    assert details(raised.value)["ErrorInfo"].reason == "CREDENTIALS_INVALID"
    files = await admin.call("ListFiles", files_pb2.ListFilesRequest())
    assert not [file for file in files.files if file.name == "a.txt"]


@pytest.mark.parametrize(
    ("end", "reason"), [(revoked, "CREDENTIALS_INVALID"), (made_a_viewer, "SCOPE_MISSING")]
)
@in_one_loop
async def test_who_converses_is_not_heard_any_more(end: End, reason: str, admin: User) -> None:
    one = await user(admin, f"speaks-{end.__name__}")
    session = await one.call("CreateSession", sessions_pb2.CreateSessionRequest())
    ended = asyncio.Event()

    async def says() -> AsyncIterator[Message]:
        opening: Any = sessions_pb2.ConverseRequest(session_id=session.session_id)
        opening.open.SetInParent()
        yield opening
        yield sessions_pb2.ConverseRequest(ping=Empty(), reference="before")
        await ended.wait()
        send = sessions_pb2.SendMessageRequest(content="Hi")
        yield sessions_pb2.ConverseRequest(send=send, reference="behind")

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await until_the_end(one, says(), lambda: end(admin, one), ended)

    assert details(raised.value)["ErrorInfo"].reason == reason
    page = sessions_pb2.ListMessagesRequest(session_id=session.session_id)
    assert not (await admin.call("ListMessages", page)).messages


async def until_the_end(
    one: User,
    says: AsyncIterator[Message],
    end: Callable[[], Awaitable[None]],
    ended: asyncio.Event,
) -> None:
    """Hears what is told; when the ping is answered, has the end come."""
    metadata = (("authorization", one.authorization),)
    async with (
        asyncio.timeout(SECONDS),
        one.server.channel.converse(METHODS["Converse"], says, metadata, None) as events,
    ):
        async for event in events:
            assert isinstance(event, sessions_pb2.SessionEvent)
            assert not ended.is_set()
            if event.reference == "before":
                await end()
                ended.set()
