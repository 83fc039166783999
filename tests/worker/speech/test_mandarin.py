"""How Mandarin is read."""

from __future__ import annotations

import pytest

pytest.importorskip("pypinyin", reason="the extra `mandarin` is not installed")

from funland_worker.speech.mandarin.numbers import spelled, whole
from funland_worker.speech.mandarin.pinyin import ipa
from funland_worker.speech.mandarin.reading import has_words, phonemes, unspeakable
from funland_worker.speech.mandarin.tones import changed


@pytest.mark.parametrize(
    ("digits", "words"),
    [
        ("0", "零"), ("7", "七"), ("10", "十"), ("12", "十二"), ("20", "二十"), ("100", "一百"),
        ("101", "一百零一"), ("110", "一百一十"), ("1000", "一千"), ("1001", "一千零一"),
        ("1010", "一千零一十"), ("10000", "一万"), ("10001", "一万零一"), ("100000", "十万"),
        ("12345", "一万二千三百四十五"), ("100000001", "一亿零一"), ("20050000", "二千零五万"),
        ("1234567890", "十二亿三千四百五十六万七千八百九十"), ("100010000", "一亿零一万"),
        ("1000000000000", "一万亿"), ("007", "七"),
        ("12345678901234567", "一二三四五六七八九零一二三四五六七"),
    ],
)  # fmt: skip
def test_whole_numbers_are_said(digits: str, words: str) -> None:
    assert whole(digits) == words


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026年11月28日", "二零二六年十一月二十八日"),
        ("2026-11-28", "二零二六年十一月二十八日"),
        ("气温-3℃，湿度65%。", "气温负三摄氏度，湿度百分之六十五。"),
        ("7:30开始，14:05结束", "七点三十分开始，十四点零五分结束"),
        ("2:00", "两点整"),
        ("¥1,234.50", "一千二百三十四点五零元"),
        ("$-5万", "负五万美元"),
        ("电话13800138000", "电话一三八零零一三八零零零"),
        ("区号010", "区号零一零"),
        ("圆周率约3.14159", "圆周率约三点一四一五九"),
        ("第12名和2个人", "第十二名和两个人"),
        ("3/4", "四分之三"),
        ("版本1.2.3", "版本一点二点三"),
        ("3-5天", "三到五天"),
        ("1万2千", "一万二千"),
        ("走了5km", "走了五千米"),
        ("ＡＢ１２", "AB十二"),
        ("1+1=2", "一加一等于二"),
    ],
)
def test_numbers_dates_and_money_are_said(text: str, said: str) -> None:
    assert spelled(text) == said


@pytest.mark.parametrize(
    ("syllable", "phones"),
    [
        ("zhong1", "ꭧʊ→ŋ"), ("guo2", "kwo↗"), ("wo3", "wo↓"), ("yi1", "i→"), ("you3", "jou↓"),
        ("wei4", "wei↘"), ("lv4", "ly↘"), ("lve4", "lɥe↘"), ("xue2", "ɕɥe↗"), ("quan2", "ʨʰɥɛ↗n"),
        ("jun1", "ʨy→n"), ("shi4", "ʂɨ↘"), ("ri4", "ɻɨ↘"), ("er2", "ɚ↗"), ("yuan2", "ɥɛ↗n"),
        ("weng1", "wə→ŋ"), ("liu2", "ljou↗"), ("gui4", "kwei↘"), ("bo1", "pwo→"), ("de5", "tɤ"),
        ("ng2", "ŋ↗"),
    ],
)  # fmt: skip
def test_syllables_have_their_phonemes(syllable: str, phones: str) -> None:
    assert ipa(syllable) == phones


@pytest.mark.parametrize("text", ["", "xyz1", "ni9", "你", "zh"])
def test_what_is_no_syllable_has_none(text: str) -> None:
    assert ipa(text) is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([["你 ni3", "好 hao3"]], "ni2 hao3"),
        ([["我 wo3"], ["很 hen3"], ["好 hao3"]], "wo2 hen2 hao3"),
        ([["不 bu4", "错 cuo4"]], "bu2 cuo4"),
        ([["不 bu4"], ["来 lai2"]], "bu4 lai2"),
        ([["一 yi1", "个 ge4"]], "yi2 ge4"),
        ([["一 yi1"], ["天 tian1"]], "yi4 tian1"),
        ([["第 di4"], ["一 yi1"], ["次 ci4"]], "di4 yi1 ci4"),
        ([["统 tong3", "一 yi1"], ["的 de5"]], "tong3 yi1 de5"),
        ([["十 shi2"], ["一 yi1"], ["月 yue4"]], "shi2 yi1 yue4"),
        ([["看 kan4"], ["一 yi1"], ["看 kan4"]], "kan4 yi5 kan4"),
    ],
)
def test_tones_change_in_company(words: list[list[str]], said: str) -> None:
    parted = [[(one.split()[0], one.split()[1]) for one in word] for word in words]

    assert " ".join(one for word in changed(parted) for one in word) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("你好，世界！", "ni↗xau↓, ʂɨ↘ ʨje↘!"),
        ("银行行长", "i↗nxa↗ŋ xa↗ŋꭧa↓ŋ"),
        ("我用Python写。", "wo↓ jʊ↘ŋ <Python> ɕje↓."),
        ("《书》", "“ ʂu→”"),
    ],
)
def test_texts_become_phonemes(text: str, said: str) -> None:
    assert phonemes(text, lambda english: f"<{english}>") == said


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("你好😀", "😀"),
        ("こんにちは", "こんにちは"),
        ("中文 안녕 中文", "안녕"),
        ("Привет", "Привет"),
        ("你好，Python 3.14！《书》—…100%", None),
    ],
)
def test_what_a_mandarin_voice_cant_say_is_named(text: str, part: str | None) -> None:
    found = unspeakable(text)

    assert (found and text[found.start : found.end]) == part


@pytest.mark.parametrize(
    ("text", "words"), [("，。…", False), ("你", True), ("7", True), ("%", True)]
)
def test_marks_alone_are_nothing_to_say(text: str, words: bool) -> None:
    assert has_words(text) is words
