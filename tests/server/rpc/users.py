"""Somebody who calls a server with accounts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc.aio
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.message import Message

from funland.v1 import auth_pb2, files_pb2
from funland_server.app import Server
from tests.server.conftest import METHODS, details


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who calls."""

    server: Server
    authorization: str
    user_id: str = ""
    key_id: str = ""

    async def call(self, name: str, request: Message) -> Any:
        """What an RPC answers; of a stream the first message."""
        method = METHODS[name]
        metadata = (("authorization", self.authorization),)
        if not method.server_streaming:
            return await self.server.channel.unary(method, request, metadata, 30)
        async with self.server.channel.stream(method, request, metadata, 30) as answers:
            return await anext(aiter(answers))

    async def last(self, name: str, request: Message) -> Any:
        """The last message of a stream, at its end."""
        metadata = (("authorization", self.authorization),)
        async with self.server.channel.stream(METHODS[name], request, metadata, 60) as answers:
            return [answer async for answer in answers][-1]

    async def upload(self, data: bytes) -> files_pb2.File:
        """A file of theirs."""

        async def parts() -> AsyncIterator[Message]:
            yield files_pb2.UploadFileRequest(name="in.jsonl", purpose="batch", data=data)

        metadata = (("authorization", self.authorization),)
        answer = await self.server.channel.collect(METHODS["UploadFile"], parts(), metadata, 30)
        assert isinstance(answer, files_pb2.File)
        return answer

    async def content(self, file_id: str) -> bytes:
        """What is in a file."""
        request = files_pb2.DownloadFileRequest(file_id=file_id)
        metadata = (("authorization", self.authorization),)
        async with self.server.channel.stream(
            METHODS["DownloadFile"], request, metadata, 30
        ) as parts:
            content = b""
            async for part in parts:
                assert isinstance(part, HttpBody)
                content += part.data
            return content

    async def reason(self, name: str, request: Message) -> str:
        """Why a call is refused."""
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await self.call(name, request)
        return details(raised.value)["ErrorInfo"].reason


async def user(admin: User, name: str) -> User:
    made = await admin.call("CreateUser", auth_pb2.CreateUserRequest(username=name))
    key = await admin.call(
        "CreateAccessKey", auth_pb2.CreateAccessKeyRequest(name=name, user_id=made.user_id)
    )
    return User(admin.server, f"Bearer {key.secret}", made.user_id, key.key_id)
