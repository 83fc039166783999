"""OpenAI's transcriptions and translations: forms in, transcripts in every shape out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import aiohttp
import grpc
import orjson
import pytest
from google.protobuf.duration_pb2 import Duration

from funland.v1.deployments_pb2 import ListDeploymentsResponse
from funland.v1.models_pb2 import ListModelsResponse
from funland.v1.speech_pb2 import (
    TranscribeRequest,
    Transcript,
    TranscriptEvent,
    TranscriptFinish,
    TranscriptProgress,
    TranscriptSegment,
    TranscriptStart,
    TranscriptWord,
)
from funland_gateway.dialects.openai.languages import LANGUAGES, language_name
from funland_gateway.dialects.openai.transcript_answers import between
from tests.gateway.dialects.keeping import Keeping
from tests.gateway.test_native import fail

if TYPE_CHECKING:
    from tests.gateway.conftest import Answers

TRANSCRIPTIONS, TRANSLATIONS = "/v1/audio/transcriptions", "/v1/audio/translations"
SOUND = bytes(range(256)) * 4096
SEGMENTS = [
    TranscriptSegment(
        segment_id=0, start_seconds=0, end_seconds=1.5, text="Hello <you> & all.",
        tokens=[1, 2], average_logprob=-0.25, no_speech_probability=0.5, compression_ratio=0.5,
        words=[TranscriptWord(word="Hello", start_seconds=0, end_seconds=0.5)],
    ),
    TranscriptSegment(segment_id=1, start_seconds=3661.25, end_seconds=3662, text="Bye.\n\nBye."),
]  # fmt: skip
WHOLE = Transcript(
    model="whisper",
    text="Hello <you> & all. Bye.\n\nBye.",
    language="en",
    duration=Duration(seconds=3662, nanos=500_000_000),
    segments=SEGMENTS,
)
FINISH = TranscriptFinish(text=WHOLE.text, language="en", duration=WHOLE.duration)
USAGE = {"type": "duration", "seconds": 3662.5}


class Hearing(Keeping):
    """A server that hears `WHOLE`; `asked` is what it was asked, `heard` what it heard."""

    def __init__(self, answers: Answers) -> None:
        super().__init__(answers)
        self.asked: list[TranscribeRequest] = []
        self.heard: list[bytes] = []
        answers["Transcribe"] = self._transcribe
        answers["StreamTranscribe"] = self._stream
        answers["ListModels"] = self._models
        answers["ListDeployments"] = self._deployments

    def _hear(self, request: TranscribeRequest) -> None:
        self.asked.append(request)
        self.heard.append(self.kept[request.file_id])

    async def _transcribe(self, request: TranscribeRequest, _: Any) -> Transcript:
        self._hear(request)
        return WHOLE

    async def _stream(self, request: TranscribeRequest, _: Any) -> AsyncIterator[TranscriptEvent]:
        self._hear(request)
        yield TranscriptEvent(start=TranscriptStart(model="whisper"))
        for segment in SEGMENTS:
            yield TranscriptEvent(segment=segment)
            yield TranscriptEvent(progress=TranscriptProgress(seconds=1))
        yield TranscriptEvent(finish=FINISH)

    async def _models(self, _: Any, __: Any) -> ListModelsResponse:
        return ListModelsResponse()

    async def _deployments(self, _: Any, __: Any) -> ListDeploymentsResponse:
        return ListDeploymentsResponse()


def form(*fields: tuple[str, str], sound: bytes | None = SOUND) -> aiohttp.FormData:
    made = aiohttp.FormData(default_to_multipart=True)
    if sound is not None:
        made.add_field("file", sound, filename="said.wav", content_type="audio/wav")
    for name, text in fields:
        made.add_field(name, text)
    return made


@pytest.fixture
def hearing(answers: Answers) -> Hearing:
    return Hearing(answers)


async def test_the_recording_is_kept_in_parts_for_the_time_of_the_call(
    hearing: Hearing, http: aiohttp.ClientSession
) -> None:
    async with http.post(TRANSCRIPTIONS, data=form(("model", "whisper-1"))) as answer:
        assert (answer.status, await answer.json()) == (
            200,
            {"text": WHOLE.text, "languages": [{"code": "en"}], "usage": USAGE},
        )

    assert hearing.heard == [SOUND]
    assert 0 < hearing.largest <= 256 * 1024
    head = hearing.heads[0]
    assert (head.name, head.media_type, head.purpose) == ("said.wav", "audio/wav", "user_data")
    assert 0 < head.retention_seconds <= 24 * 3600
    await hearing.emptied()


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ([], {}),
        ([("model", "whisper-1")], {}),
        ([("model", "tiny")], {"model": "tiny"}),
        ([("language", "en")], {"language": "en"}),
        ([("languages[]", "zh")], {"language": "zh"}),
        ([("languages[]", "zh"), ("languages[]", "en")], {}),
        ([("prompt", "Hi.")], {"prompt": "Hi."}),
        ([("keywords[]", "Foo"), ("keywords[]", "Bar")], {"prompt": "Foo, Bar."}),
        ([("keywords[]", "Foo"), ("prompt", "Hi.")], {"prompt": "Foo. Hi."}),
        ([("temperature", "0.5")], {"temperature": 0.5}),
        ([("temperature", "0")], {"temperature": 0.0}),
        ([("timestamp_granularities[]", "word")], {"word_timestamps": True}),
        ([("timestamp_granularities[]", "segment")], {}),
        ([("chunking_strategy", "auto")], {"voice_detection": True}),
        ([("chunking_strategy[type]", "server_vad")], {"voice_detection": True}),
    ],
)
async def test_fields_become_the_contracts(
    hearing: Hearing,
    http: aiohttp.ClientSession,
    fields: list[tuple[str, str]],
    wanted: dict[str, Any],
) -> None:
    async with http.post(TRANSCRIPTIONS, data=form(*fields)) as answer:
        assert answer.status == 200, await answer.text()

    common: dict[str, Any] = {"file_id": "file-1", "task": TranscribeRequest.TRANSCRIBE}
    assert hearing.asked == [TranscribeRequest(**common, **wanted)]


SRT = """1
00:00:00,000 --> 00:00:01,500
Hello <you> & all.

2
01:01:01,250 --> 01:01:02,000
Bye.
Bye.

"""
VTT = """WEBVTT

00:00:00.000 --> 00:00:01.500
Hello &lt;you&gt; &amp; all.

01:01:01.250 --> 01:01:02.000
Bye.
Bye.

"""


@pytest.mark.parametrize(
    ("word", "kind", "text"),
    [
        ("text", "text/plain; charset=utf-8", f"{WHOLE.text}\n"),
        ("srt", "text/plain; charset=utf-8", SRT),
        ("vtt", "text/vtt; charset=utf-8", VTT),
    ],
)
async def test_texts_and_subtitles(
    hearing: Hearing, http: aiohttp.ClientSession, word: str, kind: str, text: str
) -> None:
    async with http.post(TRANSCRIPTIONS, data=form(("response_format", word))) as answer:
        assert (answer.status, await answer.text()) == (200, text)
    assert answer.headers["content-type"] == kind


async def test_verbose_json_has_the_times_that_are_asked_for(
    hearing: Hearing, http: aiohttp.ClientSession
) -> None:
    async def heard(*granularities: str) -> dict[str, Any]:
        fields = [("timestamp_granularities[]", each) for each in granularities]
        data = form(("response_format", "verbose_json"), *fields)
        async with http.post(TRANSCRIPTIONS, data=data) as answer:
            return await answer.json()

    told = await heard()
    common = ("task", "language", "duration", "text", "usage")
    assert [told[name] for name in common] == ["transcribe", "english", 3662.5, WHOLE.text, USAGE]
    assert told["segments"] == [
        {
            "id": 0, "seek": 0, "start": 0, "end": 1.5, "text": "Hello <you> & all.",
            "tokens": [1, 2], "temperature": 0, "avg_logprob": -0.25, "compression_ratio": 0.5,
            "no_speech_prob": 0.5,
        },
        {
            "id": 1, "seek": 366125, "start": 3661.25, "end": 3662, "text": "Bye.\n\nBye.",
            "tokens": [], "temperature": 0, "avg_logprob": None, "compression_ratio": 0,
            "no_speech_prob": None,
        },
    ]  # fmt: skip
    assert "words" not in told
    told = await heard("word")
    assert told["words"] == [{"word": "Hello", "start": 0, "end": 0.5}]
    assert "segments" not in told
    told = await heard("word", "segment")
    assert "words" in told
    assert "segments" in told


@pytest.mark.parametrize(("word", "segments"), [("json", 0), ("verbose_json", 2)])
async def test_streams_send_the_text_as_it_is_heard(
    hearing: Hearing, http: aiohttp.ClientSession, word: str, segments: int
) -> None:
    data = form(("stream", "true"), ("response_format", word))
    async with http.post(TRANSCRIPTIONS, data=data) as answer:
        text = await answer.text()

    events = [orjson.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    deltas = [each["delta"] for each in events if each["type"] == "transcript.text.delta"]
    assert "".join(deltas) == WHOLE.text
    assert sum(each["type"] == "transcript.text.segment" for each in events) == segments
    assert events[-1] == {
        "type": "transcript.text.done",
        "text": WHOLE.text,
        "languages": [{"code": "en"}],
        "usage": USAGE,
    }
    await hearing.emptied()


async def test_translations_are_in_english(hearing: Hearing, http: aiohttp.ClientSession) -> None:
    async with http.post(TRANSLATIONS, data=form(("response_format", "verbose_json"))) as answer:
        assert (await answer.json())["task"] == "translate"

    assert hearing.asked[0].task == TranscribeRequest.TRANSLATE


@pytest.mark.parametrize(("path", "param"), [(TRANSCRIPTIONS, "language"), (TRANSLATIONS, "model")])
async def test_who_knows_no_such_language_is_refused_by_a_field_that_there_is(
    path: str, param: str, hearing: Hearing, answers: Answers, http: aiohttp.ClientSession
) -> None:
    async def refuse(_: TranscribeRequest, context: Any) -> None:
        await fail(context, reason="LANGUAGE_UNSUPPORTED", code=grpc.StatusCode.INVALID_ARGUMENT)

    answers["Transcribe"] = refuse

    async with http.post(path, data=form()) as answer:
        error = (await answer.json())["error"]

    assert (answer.status, error["param"]) == (400, param)
    await hearing.emptied()


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ([("response_format", "x")], "response_format", "invalid_value"),
        ([("response_format", "diarized_json")], "response_format", "unsupported_parameter"),
        ([("include[]", "logprobs")], "include", "unsupported_parameter"),
        ([("known_speaker_names[]", "A")], "known_speaker_names", "unsupported_parameter"),
        ([("temperature", "warm")], "temperature", "invalid_type"),
        ([("stream", "yes")], "stream", "invalid_type"),
        ([("stream", "true"), ("response_format", "srt")], "stream", "unsupported_parameter"),
        (
            [("timestamp_granularities[]", "letter")],
            "timestamp_granularities[0]",
            "invalid_value",
        ),
        ([("chunking_strategy", "never")], "chunking_strategy", "invalid_type"),
        ([("chunking_strategy[type]", "x")], "chunking_strategy", "invalid_value"),
        (
            [("chunking_strategy[type]", "server_vad"), ("chunking_strategy[threshold]", "1")],
            "chunking_strategy.threshold",
            "unsupported_parameter",
        ),
        ([("prompt", "a"), ("prompt", "b")], "prompt", "invalid_value"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_stays(
    hearing: Hearing,
    http: aiohttp.ClientSession,
    fields: list[tuple[str, str]],
    param: str,
    code: str,
) -> None:
    async with http.post(TRANSCRIPTIONS, data=form(*fields)) as answer:
        error = (await answer.json())["error"]

    assert (answer.status, error["param"], error["code"]) == (400, param, code)
    assert hearing.asked == []
    await hearing.emptied()


async def test_a_recording_must_be_there_and_be_one(
    hearing: Hearing, http: aiohttp.ClientSession
) -> None:
    async with http.post(TRANSCRIPTIONS, data=form(sound=None)) as answer:
        assert (answer.status, (await answer.json())["error"]["param"]) == (400, "file")
    twice = form()
    twice.add_field("file", SOUND, filename="again.wav")
    async with http.post(TRANSCRIPTIONS, data=twice) as answer:
        assert (answer.status, (await answer.json())["error"]["param"]) == (400, "file")
    async with http.post(TRANSCRIPTIONS, json={"file": "x"}) as answer:
        assert answer.status == 415
    await hearing.emptied()


async def test_the_recording_goes_when_the_call_fails_or_its_caller_leaves(
    answers: Answers, hearing: Hearing, http: aiohttp.ClientSession
) -> None:
    begun = asyncio.Event()

    async def fail(_: Any, context: Any) -> Transcript:
        await context.abort(grpc.StatusCode.UNAVAILABLE, "no")
        return WHOLE

    async def endless(_: Any, __: Any) -> Transcript:
        begun.set()
        await asyncio.Event().wait()
        return WHOLE

    answers["Transcribe"] = fail
    async with http.post(TRANSCRIPTIONS, data=form()) as answer:
        assert answer.status == 503
    await hearing.emptied()
    answers["Transcribe"] = endless
    leaving = asyncio.create_task(http.post(TRANSCRIPTIONS, data=form()).__aenter__())
    async with asyncio.timeout(120):
        await begun.wait()
    assert len(hearing.kept) == 1
    leaving.cancel()
    await hearing.emptied()


@pytest.mark.parametrize(
    ("one", "other", "stands"),
    [
        ("", "Hello.", ""),
        ("Hello.", "Bye.", " "),
        ("Hello.", " Bye.", ""),
        ("你好。", "再见。", ""),
        ("你好", "OK", ""),
        ("สวัสดี", "ครับ", ""),
        ("안녕.", "네.", " "),
        ("Hello.", "", ""),
    ],
)
def test_parts_have_a_space_between_them_where_their_letters_want_one(
    one: str, other: str, stands: str
) -> None:
    assert between(one, other) == stands


@pytest.mark.parametrize(
    ("code", "name"),
    [("en", "english"), ("zh-CN", "chinese"), ("yue", "cantonese"), ("xx", "xx"), ("", "")],
)
def test_languages_have_openais_names(code: str, name: str) -> None:
    assert language_name(code) == name
    assert len(LANGUAGES) == 100
