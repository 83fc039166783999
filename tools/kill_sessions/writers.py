"""Writers in sessions, and what they were told before their server was killed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import grpc.aio

from funland.v1.inference_pb2 import OutputFormat, SamplingParameters
from funland.v1.sessions_pb2 import (
    CreateSessionRequest,
    ListMessagesRequest,
    SendMessageRequest,
    SessionMessage,
)
from funland.v1.sessions_pb2_grpc import SessionServiceStub

_PAGE: Final = 1000
SHORTEST, LONGEST = 5, 120
"""How many tokens an answer has."""
_WORDS: Final = OutputFormat(regex="[a-z ]+")
"""So that all of them are seen."""


@dataclass(slots=True)
class Writer:
    """One who says something, reads the answer, and says more."""

    chance: random.Random
    session_id: str = ""
    whole: dict[str, SessionMessage] = field(default_factory=dict[str, SessionMessage])
    """The messages that were told to be whole, or ended, by their ids."""
    begun: dict[str, str] = field(default_factory=dict[str, str])
    """What was told of answers whose end was not."""
    number: int = 0
    """The highest number of an event."""
    wrong: list[str] = field(default_factory=list[str])
    said: int = 0

    async def begin(self, stub: Any) -> None:
        """Makes the session."""
        sampling = SamplingParameters(temperature=0.8)
        session = await stub.CreateSession(CreateSessionRequest(sampling=sampling))
        self.session_id = session.session_id

    async def write(self, stub: Any, writes: asyncio.Event) -> None:
        """Speaks until the server is gone. `writes` is set when the model has answered anything, or
        nothing can be said any more."""
        while True:
            self.said += 1
            request = SendMessageRequest(
                session_id=self.session_id,
                content=f"This is number {self.said}.",
                sampling=SamplingParameters(max_tokens=self.chance.randint(SHORTEST, LONGEST)),
                format=_WORDS,
            )
            try:
                async for event in stub.StreamMessage(request):
                    self._take(event)
                    if event.HasField("delta"):
                        writes.set()
            except grpc.aio.AioRpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE:
                    self.wrong.append(f"a call failed: {error.details()}")
                writes.set()
                return

    def _take(self, event: Any) -> None:
        if event.number <= self.number:
            self.wrong.append(f"event {event.number} came after {self.number}")
        self.number = event.number
        if event.HasField("delta"):
            self.begun[event.message_id] += event.delta.text
        elif event.HasField("message"):
            if event.message.state == SessionMessage.IN_PROGRESS:
                self.begun[event.message_id] = ""
            else:
                self.begun.pop(event.message_id, None)
                self.whole[event.message_id] = event.message

    async def check(self, stub: Any) -> int:
        """Holds what was told against what is kept, and says how many characters were told and are
        not kept, of answers that broke off."""
        kept = await self._kept(stub)
        lost = 0
        for message_id, told in self.whole.items():
            found = kept.get(message_id)
            if found is None:
                self.wrong.append(f"message {message_id} is gone")
            elif (found.message, found.state) != (told.message, told.state):
                self.wrong.append(f"message {message_id} is another")
        for message_id, text in self.begun.items():
            found = kept.get(message_id)
            if found is None:
                self.wrong.append(f"answer {message_id} is gone")
                continue
            content = found.message.content
            if found.state == SessionMessage.IN_PROGRESS:
                self.wrong.append(f"answer {message_id} waits for ever")
            if not (content.startswith(text) or text.startswith(content)):
                self.wrong.append(f"answer {message_id} is another")
            lost += max(0, len(text) - len(content))
            self.whole[message_id] = found
        self.begun.clear()
        return lost

    async def _kept(self, stub: Any) -> dict[str, SessionMessage]:
        kept: dict[str, SessionMessage] = {}
        token = ""
        while True:
            request = ListMessagesRequest(
                session_id=self.session_id, all_branches=True, page_size=_PAGE, page_token=token
            )
            page = await stub.ListMessages(request)
            kept.update((message.message_id, message) for message in page.messages)
            token = page.next_page_token
            if not token:
                return kept


async def write_all(writers: Sequence[Writer], address: str, busy: asyncio.Event) -> None:
    """Has all write until the server is gone. `busy` is set when the model has answered each of
    them something."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = SessionServiceStub(channel)
        for writer in writers:
            if not writer.session_id:
                await writer.begin(stub)
        writes = [asyncio.Event() for _ in writers]
        tasks = [
            asyncio.create_task(writer.write(stub, one))
            for writer, one in zip(writers, writes, strict=True)
        ]
        for one in writes:  # set by its writer in any case
            await one.wait()
        busy.set()
        await asyncio.gather(*tasks)
