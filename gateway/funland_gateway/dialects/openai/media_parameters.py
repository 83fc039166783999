"""Every parameter of OpenAI's requests for sound and pictures, and its fate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from funland_gateway.dialects.openai.fates import (
    Fate,
    Harmless,
    Refused,
    Served,
    unless,
    unless_empty,
)
from funland_gateway.dialects.openai.parameters import Refusals

_NAMES: Final = Harmless("it names the request or its sender")
_WISH: Final = Harmless("a wish that no model here was trained to hear")
_GIF: Final = Harmless("it acts with GIF alone, which is refused itself")
_MODEL: Final = Served("`model`; OpenAI's own names are the default model's")
_STREAM: Final = Served("the answer is a stream")

SPEECH: Final[Mapping[str, Fate]] = {
    "model": _MODEL,
    "input": Served("`text`, of any length"),
    "voice": Served("`voice`, a string or `{id}`; OpenAI's own names are the default voice's"),
    "response_format": Served("`format`; MP3 if it is left out"),
    "speed": Served("`speed`"),
    "stream_format": Served("`sse`: events; `audio`, or none: the sound itself"),
    "instructions": unless_empty(),
}
"""For speech."""

TRANSCRIPTION: Final[Mapping[str, Fate]] = {
    "file": Served("a kept file, for as long as the call lasts"),
    "model": _MODEL,
    "language": Served("`language`"),
    "languages": Served("`language` if it is one; of several, and of none, it is found"),
    "prompt": Served("`prompt`"),
    "keywords": Served("put before `prompt`"),
    "response_format": Served("how the answer is written; `diarized_json` is refused"),
    "temperature": Served("`temperature`"),
    "timestamp_granularities": Served("`word`: `word_timestamps`"),
    "stream": _STREAM,
    "chunking_strategy": Served("`voice_detection`; what tunes it is refused"),
    "include": unless_empty(),
    "known_speaker_names": unless_empty(),
    "known_speaker_references": unless_empty(),
}
"""For transcriptions."""

TRANSLATION: Final[Mapping[str, Fate]] = {
    name: TRANSCRIPTION[name] for name in ("file", "model", "prompt", "temperature")
} | {"response_format": Served("how the answer is written")}
"""For translations."""

_PICTURES: Final[Mapping[str, Fate]] = {
    "model": _MODEL,
    "n": Served("`n`"),
    "size": Served("`width` and `height`, with `upscale`; `auto`, or none: the model's own"),
    "response_format": Served("`b64_json`, or `url` of a file that is kept for an hour"),
    "user": _NAMES,
}

_MORE: Final[Mapping[str, Fate]] = {
    **_PICTURES,
    "prompt": Served("`prompt`"),
    "output_format": Served("`format`; `gif` and `svg` are refused"),
    "output_compression": Served("`quality`, for JPEG and WebP; it changes no PNG"),
    "stream": _STREAM,
    "partial_images": Served("`previews`, with `stream`"),
    "background": unless("opaque", "auto"),
    "svg": unless_empty(),
    "quality": _WISH,
    "complexity": _WISH,
    "frame_count": _GIF,
    "frame_duration_ms": _GIF,
    "moderation": Harmless("the setting `image_blocked_terms` holds for all"),
    "safety_identifier": _NAMES,
    # Not OpenAI's: what other servers of pictures know.
    "negative_prompt": Served("`negative_prompt`"),
    "seed": Served("`seed`"),
    "steps": Served("`steps`"),
    "num_inference_steps": Served("`steps`"),
    "guidance_scale": Served("`guidance_scale`"),
}

GENERATION: Final[Mapping[str, Fate]] = {**_MORE, "style": _WISH}
"""For pictures out of texts."""

EDIT: Final[Mapping[str, Fate]] = {
    **_MORE,
    "image": Served("`image_file_id`; one of them"),
    "mask": Served("`mask_file_id`"),
    "markup": unless_empty(),
    "input_fidelity": _WISH,
    "strength": Served("`strength`"),
}
"""For pictures out of others."""

VARIATION: Final[Mapping[str, Fate]] = {
    **_PICTURES,
    "image": EDIT["image"],
    "strength": Served("`strength`; 0.5 if it is left out"),
    "seed": Served("`seed`"),
}
"""For pictures like others."""


def refusals(table: Mapping[str, Fate]) -> Refusals:
    """What of a table is refused."""
    return {name: fate.asks for name, fate in table.items() if isinstance(fate, Refused)}
