"""The languages that Whisper knows, by code, name and tag."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError

_NAMES: Final = """
en english zh chinese de german es spanish ru russian ko korean fr french ja japanese pt portuguese
tr turkish pl polish ca catalan nl dutch ar arabic sv swedish it italian id indonesian hi hindi
fi finnish vi vietnamese he hebrew uk ukrainian el greek ms malay cs czech ro romanian da danish
hu hungarian ta tamil no norwegian th thai ur urdu hr croatian bg bulgarian lt lithuanian la latin
mi maori ml malayalam cy welsh sk slovak te telugu fa persian lv latvian bn bengali sr serbian
az azerbaijani sl slovenian kn kannada et estonian mk macedonian br breton eu basque is icelandic
hy armenian ne nepali mn mongolian bs bosnian kk kazakh sq albanian sw swahili gl galician
mr marathi pa punjabi si sinhala km khmer sn shona yo yoruba so somali af afrikaans oc occitan
ka georgian be belarusian tg tajik sd sindhi gu gujarati am amharic yi yiddish lo lao uz uzbek
fo faroese ht haitian ps pashto tk turkmen nn nynorsk mt maltese sa sanskrit lb luxembourgish
my myanmar bo tibetan tl tagalog mg malagasy as assamese tt tatar haw hawaiian ln lingala ha hausa
ba bashkir jw javanese su sundanese yue cantonese
""".split()
_OTHERS: Final = {
    "mandarin": "zh", "cmn": "zh", "burmese": "my", "valencian": "ca", "flemish": "nl",
    "letzeburgesch": "lb", "pushto": "ps", "panjabi": "pa", "moldavian": "ro", "moldovan": "ro",
    "sinhalese": "si", "castilian": "es", "farsi": "fa", "nb": "no", "bokmal": "no", "iw": "he",
    "jv": "jw", "in": "id", "fil": "tl", "filipino": "tl",
}  # fmt: skip
"""What else people and standards call them."""
_CODES: Final = {**dict(zip(_NAMES[1::2], _NAMES[::2], strict=True)), **_OTHERS}
_TRADITIONAL: Final = frozenset({"tw", "hk", "mo", "hant"})
"""Regions and scripts of Chinese that is written in traditional characters."""
_UNSPACED: Final = frozenset({"zh", "ja", "th", "lo", "my", "yue", "bo", "km"})
"""Languages without spaces between words."""

SIMPLIFIED_PROMPT: Final = "以下是普通话的句子，使用简体字。"
TRADITIONAL_PROMPT: Final = "以下是國語的句子，使用繁體字。"


@dataclass(frozen=True, slots=True)
class Language:
    """A language as it is wanted."""

    code: str
    """Whisper's."""
    traditional: bool = False
    """Whether Chinese is to be written in traditional characters."""

    @property
    def prompt(self) -> str:
        """What stands before a transcript so that it is written as it should be; mostly empty."""
        if self.code not in ("zh", "yue"):
            return ""
        return TRADITIONAL_PROMPT if self.traditional else SIMPLIFIED_PROMPT

    @property
    def spaced(self) -> bool:
        """Whether there are spaces between its words."""
        return self.code not in _UNSPACED


def language_of(asked: str, known: Collection[str]) -> Language:
    """What a caller calls a language, such as `en`, `en-US` or `english`, for a model that knows
    those codes.

    Raises:
        EngineError: LANGUAGE_UNSUPPORTED.
    """
    first, *rest = asked.lower().replace("_", "-").split("-")
    code = _CODES.get(first, first)
    if code == "yue" and code not in known:
        code = "zh"
    if code not in known:
        told = ", ".join(sorted(known))
        raise EngineError(
            ErrorReason.LANGUAGE_UNSUPPORTED,
            f"The model does not know the language {asked!r}. It knows {told}.",
            language=asked,
        )
    return Language(code, traditional=not _TRADITIONAL.isdisjoint(rest))


def refuse_translation() -> EngineError:
    """What who wants a translation of a model that knows English alone is told."""
    return EngineError(
        ErrorReason.LANGUAGE_UNSUPPORTED,
        "The model knows English alone and does not translate; name one of several languages, such"
        " as whisper-base.",
        language="",
    )
