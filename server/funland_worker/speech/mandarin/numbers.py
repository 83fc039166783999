"""Numbers, dates, times, and money in the words of Mandarin."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Final

_DIGITS: Final = "零一二三四五六七八九"
_UNITS: Final = ("", "十", "百", "千")
_MYRIADS: Final = ("", "万", "亿", "万亿")
_LONGEST: Final = 16
"""Of longer numbers digits are said one by one."""
_TELEPHONE: Final = re.compile(r"0\d+|1\d{10}")
"""Whole numbers that are read so too."""

_MONEY: Final = {
    "¥": "元", "￥": "元", "$": "美元", "€": "欧元", "£": "英镑", "₩": "韩元", "₹": "卢比",
}  # fmt: skip
_UNIT_WORDS: Final = {
    "km": "千米", "cm": "厘米", "mm": "毫米", "m": "米", "kg": "千克", "mg": "毫克", "g": "克",
    "ml": "毫升", "mL": "毫升", "L": "升", "℃": "摄氏度", "°C": "摄氏度", "°": "度",
    "km/h": "千米每小时", "GB": "G B", "MB": "M B",
}  # fmt: skip
_SIGNS: Final = {
    "+": "加", "×": "乘", "÷": "除以", "=": "等于", "±": "正负", "≈": "约等于", "%": "百分号",
    "＋": "加", "＝": "等于", "＞": "大于", "＜": "小于", ">": "大于", "<": "小于", "&": "和",
    "＆": "和", "@": "艾特", "#": "井号", "≥": "大于等于", "≤": "小于等于", "℃": "摄氏度",
    "°": "度", "‰": "千分号", "¥": "元", "￥": "元", "$": "美元", "€": "欧元", "£": "英镑",
    "№": "号", "½": "二分之一",
    "¼": "四分之一", "¾": "四分之三", "₩": "韩元", "₹": "卢比", "→": "到", "²": "平方", "³": "立方",
}  # fmt: skip
SYMBOLS: Final = frozenset(_SIGNS)
"""What is said that is no letter and no digit."""

_NUMBER: Final = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_SIGN: Final = r"(?<![0-9A-Za-z.])((?:(?<![0-9A-Za-z])[-−])?)"
_RULES: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...]] = (
    (  # 2026-11-28, 2026/11/28
        re.compile(r"(?<!\d)(\d{4})([-/.])(\d{1,2})\2(\d{1,2})(?!\d)"),
        lambda m: f"{_each(m[1])}年{whole(m[3])}月{whole(m[4])}日",
    ),
    (  # 7:30, 19:05:08
        re.compile(r"(?<![\d:])([01]?\d|2[0-4])[:：]([0-5]\d)(?:[:：]([0-5]\d))?(?![\d:])"),
        lambda m: _time(m[1], m[2], m[3]),
    ),
    (re.compile(r"(?<!\d)(\d{2,4})(?=年)"), lambda m: _each(m[1])),
    (
        re.compile(rf"([-−]?)({_NUMBER})\s?([%‰％])"),
        lambda m: ("千分之" if m[3] == "‰" else "百分之") + _signed(m[1], m[2]),
    ),
    (
        re.compile(rf"([{''.join(_MONEY)}])\s?([-−]?)({_NUMBER})(万亿|[万亿])?"),
        lambda m: _signed(m[2], m[3]) + (m[4] or "") + _MONEY[m[1]],
    ),
    (
        re.compile(
            rf"{_SIGN}({_NUMBER})\s?(km/h|km|cm|mm|kg|mg|ml|mL|GB|MB|°C|℃|°|m|g|L)(?![A-Za-z])"
        ),
        lambda m: _signed(m[1], m[2]) + _UNIT_WORDS[m[3]],
    ),
    (  # 3/4
        re.compile(r"(?<![\d/])(\d{1,4})/(\d{1,4})(?![\d/])"),
        lambda m: f"{whole(m[2])}分之{whole(m[1])}",
    ),
    (  # 3-5, 3~5
        re.compile(rf"({_NUMBER})\s?[-–—~～]\s?({_NUMBER})(?!\d|-)"),
        lambda m: f"{_number(m[1])}到{_number(m[2])}",
    ),
    (  # 138-0013-8000 and versions such as 1.2.3: digit by digit
        re.compile(r"\d+(?:-\d+){2,}"),
        lambda m: "，".join(_each(part) for part in m[0].split("-")),
    ),
    (
        re.compile(r"\d+(?:\.\d+){2,}"),
        lambda m: "点".join(_each(part) for part in m[0].split(".")),
    ),
    (re.compile(r"(?<![0-9A-Za-z.第])2(?=[个只条张本件位次天双块家名台辆匹支句])"), lambda _: "两"),
    (re.compile(rf"(?<![0-9A-Za-z])([-−])({_NUMBER})"), lambda m: _signed(m[1], m[2])),
    (re.compile(_NUMBER), lambda m: _number(m[0])),
)


def spelled(text: str) -> str:
    """The text with all numbers and symbols as words."""
    text = "".join(_plain(char) for char in text)
    for pattern, write in _RULES:
        text = pattern.sub(write, text)
    return "".join(_SIGNS.get(char, char) for char in text)


def whole(digits: str) -> str:
    """A whole number in words: `12` is 十二, `2005` 二千零五."""
    digits = digits.lstrip("0")
    if not digits:
        return _DIGITS[0]
    if len(digits) > _LONGEST:
        return _each(digits)
    groups = [digits[max(end - 4, 0) : end] for end in range(len(digits), 0, -4)]
    said = ""
    for place in reversed(range(len(groups))):
        group = groups[place]
        words = _group(group)
        if not words:
            continue
        if said and (group[0] == "0" or int(groups[place + 1]) == 0):
            said += _DIGITS[0]
        said += words + _MYRIADS[place]
    return said.replace("一十", "十", 1) if said.startswith("一十") else said


def _group(digits: str) -> str:
    """Up to four digits in words, without leading zeros; empty for nothing."""
    said, gap = "", False
    for place, digit in zip(range(len(digits) - 1, -1, -1), digits, strict=True):
        if digit == "0":
            gap = bool(said)
            continue
        said += (_DIGITS[0] if gap else "") + _DIGITS[int(digit)] + _UNITS[place]
        gap = False
    return said


def _number(text: str) -> str:
    digits, point, rest = text.replace(",", "").partition(".")
    if point:
        return f"{whole(digits)}点{_each(rest)}"
    return _each(digits) if _TELEPHONE.fullmatch(text) else whole(digits)


def _signed(sign: str, text: str) -> str:
    return ("负" if sign else "") + _number(text)


def _each(digits: str) -> str:
    return "".join(_DIGITS[int(digit)] for digit in digits)


def _time(hours: str, minutes: str, seconds: str | None) -> str:
    said = f"{_two(hours)}点"
    if int(minutes):
        said += ("零" if minutes[0] == "0" else "") + f"{whole(minutes)}分"
    elif seconds is None:
        said += "整"
    return said + (f"{whole(seconds)}秒" if seconds is not None else "")


def _two(number: str) -> str:
    return "两" if int(number) == 2 else whole(number)  # noqa: PLR2004 - what counts is 两


def _plain(char: str) -> str:
    """Digits and letters of full width, and digits of other scripts, as plain ones."""
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    return chr(ord(char) - 0xFEE0) if "Ａ" <= char <= "ｚ" and char.isalpha() else char
