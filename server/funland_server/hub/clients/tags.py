"""What a hub's tags say: the format of weights, and languages."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from funland.v1.models_pb2 import Model

_FORMATS: Final = {
    "gguf": Model.GGUF,
    "openvino": Model.OPENVINO_IR,
    "ctranslate2": Model.CTRANSLATE2,
    "ct2": Model.CTRANSLATE2,
    "safetensors": Model.SAFETENSORS,
}
_LANGUAGES: Final = frozenset(
    """
    aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy
    da de dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu
    hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb
    lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om
    or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw
    ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
    """.split()  # noqa: SIM905 - a list would be 188 lines
)
"""ISO 639-1."""


def formats_of(words: Iterable[str]) -> list[Model.Format.ValueType]:
    """The formats that are named among tags, or as a part of a name."""
    told = {part for word in words for part in re.split(r"[^a-z0-9]+", word.lower())}
    return sorted({_FORMATS[word] for word in told if word in _FORMATS})


def language_of(tag: str) -> bool:
    """Whether a tag is a language."""
    return tag in _LANGUAGES


def tag_of(hub_format: Model.Format.ValueType) -> str:
    """The tag by which hubs know a format."""
    return next(tag for tag, known in _FORMATS.items() if known == hub_format)
