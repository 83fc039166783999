"""Questions of a plugin to models and hosts, some at once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.images_pb2 import GenerateImagesRequest, GenerateImagesResponse
from funland.v1.inference_pb2 import ChatRequest, Finish, Message
from funland.v1.speech_pb2 import (
    SynthesizeRequest,
    SynthesizeResponse,
    TranscribeRequest,
    Transcript,
)
from funland.worker.v1.plugin_pb2 import FromPlugin, PluginAnswer, PluginAsk, PluginFetch
from funland_plugin.errors import AskError, DeniedError
from funland_plugin.link import Link

AT_ONCE: Final = 16
"""How many questions of an execution are open at most."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said."""

    text: str
    model: str
    """The model's id."""
    tokens: int
    """How many it read and wrote."""
    written_tokens: int
    """Of these, how many it wrote."""
    cut: bool
    """Whether it would have gone on: it has written `max_tokens`, or its context is full."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a host answered."""

    status: int
    """Of HTTP, whatever it is: 404 is an answer."""
    headers: Mapping[str, str]
    """By names in small letters."""
    data: bytes


def question(
    messages: Iterable[Mapping[str, str]] | str,
    *,
    model: str,
    max_tokens: int | None,
    temperature: float | None,
    json_schema: Mapping[str, Any] | None,
) -> ChatRequest:
    """A call of the contract. A text alone is what a user says."""
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    request = ChatRequest(
        model=model,
        messages=[
            Message(role=Message.Role.Value(one["role"].upper()), content=one["content"])
            for one in messages
        ],
    )
    if max_tokens is not None:
        request.sampling.max_tokens = max_tokens
    if temperature is not None:
        request.sampling.temperature = temperature
    if json_schema is not None:
        request.format.json_schema = json.dumps(json_schema)
    return request


class Asking:
    """Those of one execution. Its threads take turns."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._turn = threading.Lock()
        self._asked = 0

    def ask(self, requests: Sequence[ChatRequest]) -> list[Answer]:
        """What models answer, in the order of the questions, `AT_ONCE` of which are open at a time.

        Raises:
            AskError: A model gave no answer; the other answers are lost.
            DeniedError: The plugin may not ask.
        """
        told = self._all([PluginAsk(request=request) for request in requests])
        return [_answer(one) for one in told]

    def fetch(self, url: str, headers: Mapping[str, str]) -> Fetched:
        """What a host answers; raises as `ask`."""
        (told,) = self._all([PluginAsk(fetch=PluginFetch(url=url, headers=headers))])
        fetched = told.fetched
        return Fetched(fetched.status, dict(fetched.headers), fetched.data)

    def speak(self, request: SynthesizeRequest) -> SynthesizeResponse:
        """What a voice answers; raises as `ask`."""
        (told,) = self._all([PluginAsk(speak=request)])
        return told.spoken

    def hear(self, request: TranscribeRequest) -> Transcript:
        """What a recogniser answers; raises as `ask`."""
        (told,) = self._all([PluginAsk(hear=request)])
        return told.heard

    def paint(self, request: GenerateImagesRequest) -> GenerateImagesResponse:
        """What a model that paints answers; raises as `ask`."""
        (told,) = self._all([PluginAsk(paint=request)])
        return told.painted

    def _all(self, requests: Sequence[PluginAsk]) -> list[PluginAnswer]:
        with self._turn:
            first = self._asked
            self._asked += len(requests)
            answers: dict[int, PluginAnswer] = {}
            sent = 0
            while len(answers) < len(requests):
                while sent < len(requests) and sent - len(answers) < AT_ONCE:
                    ask = requests[sent]
                    ask.number = first + sent
                    self._link.send(FromPlugin(ask=ask))
                    sent += 1
                answer = self._link.receive().answer
                answers[answer.number] = answer
            return [_checked(answers[number]) for number in sorted(answers)]


def _checked(told: PluginAnswer) -> PluginAnswer:
    if told.HasField("error"):
        error = told.error
        if error.reason == ErrorReason.PLUGIN_DENIED:
            raise DeniedError(error.metadata["permission"])
        reason = ErrorReason.Name(error.reason)
        raise AskError(reason, error.message, told.number)
    return told


def _answer(told: PluginAnswer) -> Answer:
    response = told.response
    return Answer(
        text=response.message.content,
        model=response.model,
        tokens=response.usage.total_tokens,
        written_tokens=response.usage.completion_tokens,
        cut=response.finish_reason == Finish.LENGTH,
    )
