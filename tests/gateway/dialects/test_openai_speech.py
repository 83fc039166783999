"""OpenAI's speech: its sound and its events, its voices and the names of its models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, get_args

import aiohttp
import grpc
import orjson
import pytest
from google.protobuf.duration_pb2 import Duration
from openai.types.audio import speech_create_params

from funland.v1.deployments_pb2 import Deployment, ListDeploymentsResponse
from funland.v1.models_pb2 import ListModelsResponse, Model
from funland.v1.speech_pb2 import (
    ListVoicesRequest,
    ListVoicesResponse,
    SpeechEvent,
    SpeechFinish,
    SpeechProgress,
    SpeechStart,
    SynthesizeRequest,
    Voice,
)
from funland_gateway.dialects.openai.voices import VOICES, language_of, standing_for

if TYPE_CHECKING:
    from tests.gateway.conftest import Answers

URL = "/v1/audio/speech"
START = SpeechEvent(start=SpeechStart(media_type="audio/mpeg", sample_rate=24000))
FINISH = SpeechEvent(
    finish=SpeechFinish(characters=5, duration=Duration(seconds=1, nanos=500_000_000))
)
VOICE_LIST = [
    Voice(voice_id="hibari:american", language="en-US", default=True),
    Voice(voice_id="kokoro:zf_one", language="zh-CN"),
    Voice(voice_id="kokoro:zf_two", language="zh-CN", default=True),
    Voice(voice_id="other:nova", language="en-GB"),
]


class Speaking:
    """A server that speaks what is asked of it; `asked` is that."""

    def __init__(self, answers: Answers, *events: SpeechEvent) -> None:
        self.asked: list[SynthesizeRequest] = []
        self.voices: list[ListVoicesRequest] = []
        self._events = events or (
            START,
            SpeechEvent(audio=b"one "),
            SpeechEvent(progress=SpeechProgress(characters=2)),
            SpeechEvent(audio=b"two"),
            FINISH,
        )
        answers["StreamSynthesize"] = self._speak
        answers["ListVoices"] = self._list
        answers["ListModels"] = self._models
        answers["ListDeployments"] = self._deployments

    async def _speak(self, request: SynthesizeRequest, _: Any) -> AsyncIterator[SpeechEvent]:
        self.asked.append(request)
        for event in self._events:
            yield event

    async def _list(self, request: ListVoicesRequest, _: Any) -> ListVoicesResponse:
        self.voices.append(request)
        return ListVoicesResponse(voices=VOICE_LIST)

    async def _models(self, _: Any, __: Any) -> ListModelsResponse:
        return ListModelsResponse(models=[Model(model_id="x", aliases=["tts-1-hd"])])

    async def _deployments(self, _: Any, __: Any) -> ListDeploymentsResponse:
        return ListDeploymentsResponse(deployments=[Deployment(name="gpt-4o-mini-tts")])


async def test_the_sound_is_the_body_with_its_type_and_no_length(
    answers: Answers, http: aiohttp.ClientSession
) -> None:
    speaking = Speaking(answers)

    body = {"model": "hibari", "input": "Hello", "voice": {"id": "american"}, "speed": 1.5}
    async with http.post(URL, json=body) as answer:
        assert (answer.status, await answer.read()) == (200, b"one two")
    assert answer.headers["content-type"] == "audio/mpeg"
    assert answer.headers["transfer-encoding"] == "chunked"
    assert speaking.asked == [
        SynthesizeRequest(
            model="hibari",
            text="Hello",
            voice="american",
            format=SynthesizeRequest.MP3,
            speed=1.5,
        )
    ]
    assert speaking.voices == []


@pytest.mark.parametrize(
    ("word", "number", "rate"),
    [
        ("mp3", SynthesizeRequest.MP3, 0),
        ("opus", SynthesizeRequest.OPUS, 0),
        ("aac", SynthesizeRequest.AAC, 0),
        ("flac", SynthesizeRequest.FLAC, 0),
        ("wav", SynthesizeRequest.WAV, 0),
        ("pcm", SynthesizeRequest.PCM, 24000),
    ],
)
async def test_pcm_has_openais_rate_and_others_tell_theirs(
    answers: Answers, http: aiohttp.ClientSession, word: str, number: int, rate: int
) -> None:
    speaking = Speaking(answers)

    async with http.post(URL, json={"input": "Hello", "response_format": word}) as answer:
        await answer.read()

    assert (speaking.asked[0].format, speaking.asked[0].sample_rate) == (number, rate)


async def test_events_have_the_sound_in_base64_and_end_with_done(
    answers: Answers, http: aiohttp.ClientSession
) -> None:
    Speaking(answers)

    async with http.post(URL, json={"input": "Hello", "stream_format": "sse"}) as answer:
        text = await answer.text()

    events = [orjson.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert events == [
        {"type": "speech.audio.delta", "audio": "b25lIA=="},
        {"type": "speech.audio.delta", "audio": "dHdv"},
        {
            "type": "speech.audio.done",
            "usage": {
                "input_tokens": 0,
                "output_tokens": 0,
                "total_tokens": 0,
                "characters": 5,
                "seconds": 1.5,
            },
        },
    ]


async def test_a_call_that_fails_before_its_first_sound_has_a_status_and_its_parameter(
    answers: Answers, http: aiohttp.ClientSession
) -> None:
    async def fail(_: Any, context: Any) -> AsyncIterator[SpeechEvent]:
        yield START
        await context.abort(grpc.StatusCode.UNAVAILABLE, "no")

    answers["StreamSynthesize"] = fail

    async with http.post(URL, json={"input": "Hello"}) as answer:
        assert answer.status == 503
        assert (await answer.json())["error"]["type"] == "server_error"


@pytest.mark.parametrize("events", [(START, SpeechEvent(audio=b"one")), (START,)])
async def test_a_sound_that_ends_half_way_is_no_whole_answer(
    answers: Answers, http: aiohttp.ClientSession, events: tuple[SpeechEvent, ...]
) -> None:
    Speaking(answers, *events)

    async def spoken() -> bytes:
        async with http.post(URL, json={"input": "Hello"}) as answer:
            answer.raise_for_status()
            return await answer.read()

    with pytest.raises(aiohttp.ClientError):
        await spoken()


async def test_who_leaves_ends_the_call(answers: Answers, http: aiohttp.ClientSession) -> None:
    ended = asyncio.Event()

    async def endless(_: Any, __: Any) -> AsyncIterator[SpeechEvent]:
        yield START
        try:
            while True:
                yield SpeechEvent(audio=bytes(1000))
                await asyncio.sleep(0.001)
        finally:
            ended.set()

    answers["StreamSynthesize"] = endless

    async with http.post(URL, json={"input": "Hello"}) as answer:
        await answer.content.readany()
        answer.close()

    async with asyncio.timeout(120):
        await ended.wait()


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({}, "input", "invalid_value"),
        ({"input": 1}, "input", "invalid_type"),
        ({"input": "a", "voice": 1}, "voice", "invalid_type"),
        ({"input": "a", "voice": {}}, "voice.id", "invalid_value"),
        ({"input": "a", "response_format": "ogg"}, "response_format", "invalid_value"),
        ({"input": "a", "stream_format": "x"}, "stream_format", "invalid_value"),
        ({"input": "a", "speed": "fast"}, "speed", "invalid_type"),
        ({"input": "a", "instructions": "Whisper."}, "instructions", "unsupported_parameter"),
    ],
)
async def test_what_is_wrong_is_named(
    answers: Answers, http: aiohttp.ClientSession, body: Any, param: str, code: str
) -> None:
    Speaking(answers)

    async with http.post(URL, json=body) as answer:
        error = (await answer.json())["error"]

    assert (answer.status, error["param"], error["code"]) == (400, param, code)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("tts-1", ""),
        ("gpt-4o-mini-tts-2025-12-15", ""),
        ("tts-1-hd", "tts-1-hd"),  # an alias
        ("gpt-4o-mini-tts", "gpt-4o-mini-tts"),  # a deployment
        ("gpt-4o", "gpt-4o"),  # is no name of what speaks
        ("hibari", "hibari"),
        ("", ""),
    ],
)
async def test_openais_models_are_the_default_one_unless_one_is_called_so(
    answers: Answers, http: aiohttp.ClientSession, name: str, model: str
) -> None:
    speaking = Speaking(answers)

    async with http.post(URL, json={"input": "Hello", "model": name}) as answer:
        assert answer.status == 200

    assert speaking.asked[0].model == model


async def test_openais_voices_are_looked_up_among_the_models_own(
    answers: Answers, http: aiohttp.ClientSession
) -> None:
    speaking = Speaking(answers)

    async with http.post(URL, json={"input": "你好", "model": "x", "voice": "alloy"}) as answer:
        assert answer.status == 200

    assert speaking.voices == [ListVoicesRequest(model="x")]
    assert speaking.asked[0].voice == "kokoro:zf_two"


@pytest.mark.parametrize(
    ("name", "text", "voice"),
    [
        ("alloy", "Hello!", ""),
        ("nova", "Hello!", "other:nova"),
        ("nova", "你好", "other:nova"),
        ("alloy", "今天 is sunny", ""),
        ("alloy", "今天天气很好 OK", "kokoro:zf_two"),
        ("alloy", "안녕", ""),
        ("alloy", "", ""),
    ],
)
def test_a_voice_stands_for_one_of_openais_by_name_or_by_the_texts_language(
    name: str, text: str, voice: str
) -> None:
    assert standing_for(name, text, VOICE_LIST) == voice


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Hello", ""),
        ("Grüße", ""),
        ("你好", "zh"),
        ("日本語です", "ja"),
        ("カタカナ", "ja"),
        ("한국어 漢字", "ko"),
        ("Привет", "ru"),
        ("مرحبا", "ar"),
        ("123 !?", ""),
        ("", ""),
    ],
)
def test_a_language_is_told_by_its_letters(text: str, language: str) -> None:
    assert language_of(text) == language


def test_the_voices_are_those_that_openais_client_knows() -> None:
    names = {
        name
        for kind in get_args(speech_create_params.Voice)
        for name in get_args(kind)
        if isinstance(name, str)
    }

    assert names == set(VOICES)
