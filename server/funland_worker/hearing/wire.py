"""What is heard, as the contract has it; and how to hear, as it was asked for."""

from __future__ import annotations

from dataclasses import replace

from google.protobuf.duration_pb2 import Duration

from funland.v1.speech_pb2 import (
    TranscribeLiveConfig,
    TranscribeRequest,
    TranscriptEvent,
    TranscriptProgress,
    TranscriptSegment,
    TranscriptWord,
)
from funland_worker.hearing.languages import language_of, refuse_translation
from funland_worker.hearing.listener import Listener, Manner, Segment


def manner_of(request: TranscribeRequest, listener: Listener) -> Manner:
    """How a recording is to be heard.

    Raises:
        EngineError: LANGUAGE_UNSUPPORTED.
    """
    return replace(live_manner_of(request, listener), temperature=request.temperature)


def live_manner_of(request: TranscribeLiveConfig | TranscribeRequest, listener: Listener) -> Manner:
    """How is to be heard what comes.

    Raises:
        EngineError: LANGUAGE_UNSUPPORTED.
    """
    translate = request.task == TranscribeRequest.TRANSLATE
    if translate and not listener.translates:
        raise refuse_translation()
    asked = request.language
    return Manner(
        language=language_of(asked, listener.languages) if asked else None,
        translate=translate,
        prompt=request.prompt,
        words=request.word_timestamps,
    )


def segment_event(segment: Segment, number: int) -> TranscriptEvent:
    """A part that is whole."""
    return TranscriptEvent(segment=segment_to_wire(segment, number))


def segment_to_wire(segment: Segment, number: int) -> TranscriptSegment:
    """See `speech.proto`."""
    return TranscriptSegment(
        segment_id=number,
        start_seconds=round(segment.start, 3),
        end_seconds=round(segment.end, 3),
        text=segment.text,
        words=[
            TranscriptWord(
                word=word.text,
                start_seconds=round(word.start, 3),
                end_seconds=round(word.end, 3),
                probability=word.probability,
            )
            for word in segment.words
        ],
        tokens=segment.tokens,
        average_logprob=segment.average_logprob,
        no_speech_probability=segment.no_speech_probability,
        compression_ratio=segment.compression_ratio,
        temperature=segment.temperature,
    )


def progress_event(seconds: float) -> TranscriptEvent:
    """How far it is."""
    return TranscriptEvent(progress=TranscriptProgress(seconds=round(seconds, 3)))


def duration(seconds: float) -> Duration:
    """See `google.protobuf.Duration`."""
    message = Duration()
    message.FromNanoseconds(round(seconds * 1e9))
    return message
