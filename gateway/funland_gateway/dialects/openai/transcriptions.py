"""`/v1/audio/transcriptions` and `translations`: a recording, written down."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Final

from funland.v1 import errors_pb2
from funland.v1.speech_pb2 import TranscribeRequest, Transcript
from funland_gateway.dialects.dialect import (
    Incoming,
    KeptForm,
    Reply,
    Step,
    Streaming,
    Unary,
)
from funland_gateway.dialects.form_values import Kind
from funland_gateway.dialects.naming import renamed
from funland_gateway.dialects.openai.media_parameters import (
    TRANSCRIPTION,
    TRANSLATION,
    refusals,
)
from funland_gateway.dialects.openai.parameters import refuse
from funland_gateway.dialects.openai.stand_ins import HEARING, named_here
from funland_gateway.dialects.openai.transcript_answers import (
    TEXTS,
    TranscriptEvents,
    as_json,
    as_verbose_json,
    is_last,
)
from funland_gateway.dialects.reading import JsonObject, invalid, missing, unsupported
from funland_gateway.dialects.rpcs import STREAM_TRANSCRIBE, TRANSCRIBE

FORMATS: Final = ("json", "verbose_json", *TEXTS)
GRANULARITIES: Final = ("segment", "word")

_KINDS: Final[Mapping[str, Kind]] = {"temperature": "number", "stream": "boolean"}
_FILE: Final = "file"
_PURPOSE: Final = "user_data"
_REFUSALS: Final = {
    TranscribeRequest.TRANSCRIBE: refusals(TRANSCRIPTION),
    TranscribeRequest.TRANSLATE: refusals(TRANSLATION),
}
_TASKS: Final = {
    TranscribeRequest.TRANSCRIBE: "transcribe",
    TranscribeRequest.TRANSLATE: "translate",
}
_FIELDS: Final = {"file_id": _FILE}
_COMMON_BLAMES: Final[Mapping[int, str]] = {
    errors_pb2.AUDIO_INVALID: _FILE,
    errors_pb2.FORMAT_UNAVAILABLE: _FILE,
    errors_pb2.MODEL_KIND_WRONG: "model",
}
_BLAMES: Final = {
    TranscribeRequest.TRANSCRIBE: {
        **_COMMON_BLAMES,
        errors_pb2.LANGUAGE_UNSUPPORTED: "language",
    },
    # A translation names no language: the model is one that does not translate.
    TranscribeRequest.TRANSLATE: {**_COMMON_BLAMES, errors_pb2.LANGUAGE_UNSUPPORTED: "model"},
}


def create_transcription(_: Incoming) -> KeptForm:
    """Asks for what is said."""
    return _form(TranscribeRequest.TRANSCRIBE)


def create_translation(_: Incoming) -> KeptForm:
    """Asks for what is said, in English."""
    return _form(TranscribeRequest.TRANSLATE)


def _form(task: TranscribeRequest.Task.ValueType) -> KeptForm:
    return KeptForm({_FILE: 1}, _KINDS, _PURPOSE, partial(_heard, task))


def _heard(
    task: TranscribeRequest.Task.ValueType, body: JsonObject, files: Mapping[str, Sequence[str]]
) -> Step:
    refuse(body, _REFUSALS[task])
    word = body.optional_string("response_format") or "json"
    if word not in FORMATS:
        raise _wrong_format(word)
    granularities = _granularities(body)
    request = TranscribeRequest(
        file_id=next(iter(files.get(_FILE, ())), ""),
        language=_language(body),
        task=task,
        prompt=_prompt(body),
        word_timestamps="word" in granularities,
        temperature=body.number("temperature"),
        voice_detection=_voice_detection(body),
    )
    if not request.file_id:
        raise missing(_FILE)
    blames = _BLAMES[task]
    streamed = task == TranscribeRequest.TRANSCRIBE and body.boolean("stream")
    if streamed and word in TEXTS and word != "text":
        raise unsupported("stream", f"{word} is written as a whole.")

    def with_model(model: str) -> Step:
        request.model = model
        if streamed:
            made = TranscriptEvents(with_segments=word == "verbose_json")
            return Streaming(
                STREAM_TRANSCRIBE, request, made.events, _field_name, is_last, blames=blames
            )
        answer = _answer(word, task, granularities)
        return Unary(TRANSCRIBE, request, answer, _field_name, blames)

    return named_here(body.optional_string("model"), HEARING, with_model)


def _answer(
    word: str, task: TranscribeRequest.Task.ValueType, granularities: Collection[str]
) -> Callable[[Transcript], Reply]:
    if word == "verbose_json":
        return partial(as_verbose_json, _TASKS[task], granularities)
    return TEXTS.get(word, as_json)


def _granularities(body: JsonObject) -> Collection[str]:
    """What times are told of: of segments, if nobody says."""
    name = "timestamp_granularities"
    wanted = body.strings(name)
    for index, each in enumerate(wanted):
        if each not in GRANULARITIES:
            path = f"{body.path_of(name)}[{index}]"
            raise invalid(path, f"must be one of {', '.join(GRANULARITIES)}")
    return wanted or ("segment",)


def _language(body: JsonObject) -> str:
    """The language that is named, or the only one of several that may be."""
    several = body.strings("languages")
    return body.optional_string("language") or (several[0] if len(several) == 1 else "")


def _prompt(body: JsonObject) -> str:
    keywords = ", ".join(body.strings("keywords"))
    return " ".join(
        filter(None, (f"{keywords}." if keywords else "", body.optional_string("prompt")))
    )


def _voice_detection(body: JsonObject) -> bool | None:
    """Whether pauses decide where the recording is cut; None: the server's choice."""
    name = "chunking_strategy"
    wanted = body.raw(name)
    if wanted in (None, "auto"):
        return None if wanted is None else True
    strategy = body.object(name)
    if strategy is None or strategy.string("type") != "server_vad":
        raise invalid(body.path_of(name), "must be auto, or an object of the type server_vad")
    for tuned, _ in strategy.items():
        if tuned != "type":
            raise unsupported(strategy.path_of(tuned), "this value is not supported yet.")
    return True


def _wrong_format(word: str) -> Exception:
    if word == "diarized_json":
        return unsupported("response_format", "who speaks is not told apart here.")
    return invalid("response_format", f"must be one of {', '.join(FORMATS)}")


def _field_name(path: str) -> str:
    return renamed(path, _FIELDS)
