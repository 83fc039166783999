"""What callers call languages."""

from __future__ import annotations

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError
from funland_worker.hearing.languages import (
    SIMPLIFIED_PROMPT,
    TRADITIONAL_PROMPT,
    Language,
    language_of,
)

KNOWN = frozenset({"en", "zh", "de", "he", "jw", "no"})


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("en", Language("en")),
        ("en-US", Language("en")),
        ("EN_gb", Language("en")),
        ("English", Language("en")),
        ("german", Language("de")),
        ("zh", Language("zh")),
        ("zh-CN", Language("zh")),
        ("zh-TW", Language("zh", traditional=True)),
        ("zh-Hant-HK", Language("zh", traditional=True)),
        ("mandarin", Language("zh")),
        ("cmn-Hans-CN", Language("zh")),
        ("yue", Language("zh")),  # by a model that does not know it apart
        ("iw", Language("he")),
        ("jv", Language("jw")),
        ("nb-NO", Language("no")),
    ],
)
def test_a_language_is_known_by_code_name_and_tag(asked: str, language: Language) -> None:
    assert language_of(asked, KNOWN) == language


@pytest.mark.parametrize("asked", ["fr", "klingon", "xx-US", "e"])
def test_one_that_the_model_does_not_know_is_refused(asked: str) -> None:
    with pytest.raises(EngineError) as raised:
        language_of(asked, KNOWN)

    assert raised.value.reason == ErrorReason.LANGUAGE_UNSUPPORTED
    assert raised.value.metadata == {"language": asked}


def test_chinese_is_prompted_in_the_characters_that_are_wanted() -> None:
    assert Language("zh").prompt == SIMPLIFIED_PROMPT
    assert Language("zh", traditional=True).prompt == TRADITIONAL_PROMPT
    assert Language("en").prompt == ""
    assert not Language("zh").spaced
    assert Language("en").spaced
