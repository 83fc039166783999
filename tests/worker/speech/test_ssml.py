"""SSML is read as far as voices can do it, and refused by name beyond that."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError
from funland_worker.speech import prosody, ssml
from funland_worker.speech.script import Manner
from funland_worker.speech.sentences import PARAGRAPH_PAUSE
from funland_worker.speech.voicing import Voice

VOICES = (
    Voice("heart", "en-US", 24000),
    Voice("emma", "en-GB", 24000),
    Voice("bei", "zh-CN", 24000),
)
MANNER = Manner(VOICES[0])


def read(text: str) -> list[tuple[str, float, bool]]:
    return [
        (one.text, one.pause, one.joined)
        for one in ssml.passages(f"<speak>{text}</speak>", MANNER, VOICES)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello\n  there &amp; you", [("Hello there & you", 0.0, False)]),
        ("<s>One.</s> <s>Two</s>", [("One.", 0.0, False), ("Two", 0.0, False)]),
        ("<p>One</p>", [("One", 0.0, False), ("", PARAGRAPH_PAUSE, False)]),
        (
            "Wait <break time='500ms'/> here",
            [("Wait ", 0.0, True), ("", 0.5, False), (" here", 0.0, False)],
        ),
        ("Wait.<break strength='strong'/>", [("Wait.", 0.0, False), ("", 0.8, False)]),
        ("the <sub alias='World Wide Web'>WWW</sub> is", [("the World Wide Web is", 0.0, False)]),
        (
            "<say-as interpret-as='characters'>a-1</say-as>, yes",
            [("A, dash, 1, yes", 0.0, False)],
        ),
        ("a <emphasis level='none'>b</emphasis> c", [("a b c", 0.0, False)]),
        ("a <emphasis>b</emphasis> c", [("a ", 0.0, True), ("b", 0.0, True), (" c", 0.0, False)]),
        ("<!-- nothing --><![CDATA[1 < 2]]>", [("1 < 2", 0.0, False)]),
    ],
)  # fmt: skip
def test_a_document_becomes_passages(text: str, expected: list[tuple[str, float, bool]]) -> None:
    assert read(text) == expected


def test_manners_lie_within_each_other() -> None:
    found = ssml.passages(
        "<speak>a <prosody rate='200%' pitch='+12st' volume='-6dB'>b"
        " <prosody rate='50%'>c</prosody></prosody> <voice name='emma'>d</voice>"
        " <lang xml:lang='zh'>e</lang> <lang xml:lang='en-AU'>f</lang></speak>",
        Manner(VOICES[0], speed=1.5),
        VOICES,
    )

    told = {one.text.strip(): one.manner for one in found}
    assert told["a"] == Manner(VOICES[0], speed=1.5)
    assert (told["b"].speed, told["b"].pitch) == (3.0, 2.0)
    assert told["b"].gain == pytest.approx(0.501, abs=0.001)
    assert told["c"].speed == 1.5
    assert told["d"].voice.name == "emma"
    assert told["e"].voice.name == "bei"
    assert told["f"].voice.name == "heart"


@pytest.mark.parametrize(
    ("text", "element"),
    [
        ("hello", ""),
        ("<speak>a", ""),
        ("<speak>&nbsp;</speak>", ""),
        ("<p>a</p>", "p"),
        ("<speak><audio src='x'/></speak>", "audio"),
        ("<speak><mstts:express-as xmlns:mstts='x'/></speak>", "mstts:express-as"),
        ("<speak><speak>a</speak></speak>", "speak"),
        ("<speak onload='x'>a</speak>", "speak"),
        ("<!DOCTYPE speak><speak>a</speak>", "!DOCTYPE"),
        ("<!DOCTYPE s [<!ENTITY a 'b'>]><speak>&a;</speak>", "!DOCTYPE"),
        ("<?xml-stylesheet href='x'?><speak>a</speak>", "xml-stylesheet"),
        ("<speak><prosody rate='quick'>a</prosody></speak>", "prosody"),
        ("<speak><prosody rate='500%'>a</prosody></speak>", "prosody"),
        ("<speak><prosody pitch='+13st'>a</prosody></speak>", "prosody"),
        ("<speak><prosody pitch='+999999st'>a</prosody></speak>", "prosody"),
        ("<speak><prosody pitch='200Hz'>a</prosody></speak>", "prosody"),
        ("<speak><prosody volume='+40dB'>a</prosody></speak>", "prosody"),
        ("<speak><say-as interpret-as='date'>1/2</say-as></speak>", "say-as"),
        ("<speak><say-as interpret-as='digits'>1<s/></say-as></speak>", "s"),
        ("<speak><sub>a</sub></speak>", "sub"),
        ("<speak><emphasis level='very'>a</emphasis></speak>", "emphasis"),
        ("<speak><voice name='bob'>a</voice></speak>", "voice"),
        ("<speak><lang xml:lang='fr'>a</lang></speak>", "lang"),
        ("<speak xml:lang='ru'>a</speak>", "speak"),
        ("<speak><break time='11s'/></speak>", "break"),
        ("<speak><break time='-1s'/></speak>", "break"),
        ("<speak>" + "<break time='10s'/>" * 61 + "</speak>", "break"),
        ("<speak>" + "<p>" * 40 + "</p>" * 40 + "</speak>", "p"),
        ("<speak>" + "<s/>" * ssml.MOST_ELEMENTS + "</speak>", "s"),
    ],
)
def test_what_is_not_supported_is_refused_by_its_name(text: str, element: str) -> None:
    with pytest.raises(EngineError) as raised:
        ssml.passages(text, MANNER, VOICES)

    assert raised.value.reason == ErrorReason.SSML_INVALID
    assert raised.value.metadata.get("element", "") == element


@pytest.mark.parametrize(
    ("read_", "value", "expected"),
    [
        (prosody.rate, "x-slow", 0.5), (prosody.rate, "120%", 1.2), (prosody.rate, "+20%", 1.2),
        (prosody.rate, "-20%", 0.8), (prosody.rate, "1.2", 1.2), (prosody.rate, "", None),
        (prosody.rate, "1e9", None), (prosody.rate, "nan", None), (prosody.rate, "9999999", None),
        (prosody.pitch, "high", 1.15), (prosody.pitch, "-12st", 0.5), (prosody.pitch, "+10%", 1.1),
        (prosody.pitch, "1.2", None), (prosody.volume, "silent", 0.0),
        (prosody.volume, "+20dB", 10.0), (prosody.volume, "50", None),
        (prosody.seconds, "500ms", 0.5), (prosody.seconds, "1.5s", 1.5),
        (prosody.seconds, "1", None), (prosody.seconds, "٣s", 3.0), (prosody.seconds, "1m", None),
    ],
)  # fmt: skip
def test_values_are_numbers(read_: Any, value: str, expected: float | None) -> None:
    assert read_(value) == (None if expected is None else pytest.approx(expected))


@given(st.text(alphabet="<>/='\"&;sp break a1%", max_size=80))
def test_whatever_comes_is_read_or_refused(text: str) -> None:
    refused: EngineError | None = None
    try:
        ssml.passages("<speak>" + text + "</speak>", MANNER, VOICES)
    except EngineError as error:
        refused = error
    assert refused is None or refused.reason == ErrorReason.SSML_INVALID
