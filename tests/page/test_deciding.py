"""What the page decides is pure functions, called in the browser as tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.conftest import Stack

CALL = """
async ([module, body, argument]) => {
  const { load } = await import(document.querySelector("script[type=module]").src);
  const all = load(module);
  return body === null ? all[argument.name](...argument.values) : null;
}
"""


@pytest.fixture(scope="module")
def page(browser: Browser, stack: Stack) -> Iterator[Page]:
    with browser.new_context(locale="en-US") as context:
        page = context.new_page()
        page.goto(stack.http_url)
        page.get_by_label("Write a message").wait_for()
        yield page


def call(page: Page, module: str, name: str, *values: Any) -> Any:
    """What a function of a module gives."""
    return page.evaluate(CALL, [module, None, {"name": name, "values": list(values)}])


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("bytes", [0], "0 B"),
        ("bytes", [999], "999 B"),
        ("bytes", [1024], "1 KiB"),
        ("bytes", ["1536"], "1.5 KiB"),
        ("bytes", [5 * 1024**3], "5 GiB"),
        ("bytes", [None], "–"),
        ("count", [494_000_000], "494 M"),
        ("count", [7_600_000_000], "7.6 B"),
        ("number", [1234.567, 1], "1,234.6"),
        ("number", [""], "–"),
        ("percent", [12.4], "12 %"),
        ("span", ["0.25s"], "250 ms"),
        ("span", [3.25], "3.3 s"),
        ("span", ["200s"], "3 min 20 s"),
        ("span", [7500], "2 h 5 min"),
        ("span", [90000], "1 d 1 h"),
        ("span", [None], "–"),
        ("time", [None], "–"),
    ],
)
def test_numbers_are_written_as_people_read_them(
    page: Page, name: str, values: list[Any], text: str
) -> None:
    assert call(page, "lib/format.js", name, *values) == text


def test_a_rate_leaves_out_the_first_token(page: Page) -> None:
    usage = {"completion_tokens": 11}

    assert call(page, "lib/format.js", "tokenRate", usage, {"decode_ms": 100}) == 100


@pytest.mark.parametrize(
    ("chosen", "wanted", "language"),
    [
        ("zh", ["en-US"], "zh"),
        (None, ["zh-TW", "en"], "zh"),
        (None, ["fr", "en-GB"], "en"),
        (None, ["fr"], "en"),
        ("toString", ["fr"], "en"),
        ("xx", ["zh-CN"], "zh"),
    ],
)
def test_the_language_is_the_chosen_one_or_the_browsers(
    page: Page, chosen: str | None, wanted: list[str], language: str
) -> None:
    assert call(page, "lib/i18n.js", "preferred", chosen, wanted) == language


@pytest.mark.parametrize(
    ("hash_", "place"),
    [
        ("", {"page": "chat", "rest": []}),
        ("#/models/find", {"page": "models", "rest": ["find"]}),
        ("#/chat/a%2Fb", {"page": "chat", "rest": ["a/b"]}),
        ("#/chat/%zz", {"page": "chat", "rest": ["%zz"]}),
    ],
)
def test_addresses(page: Page, hash_: str, place: dict[str, Any]) -> None:
    assert call(page, "lib/router.js", "parse", hash_) == place


def test_queries_have_what_is_set(page: Page) -> None:
    query = {"a": 1, "none": None, "empty": "", "off": False, "on": True, "many": ["x", "y z"]}

    assert call(page, "lib/api.js", "search", query) == "?a=1&on=true&many=x&many=y+z"
    assert call(page, "lib/api.js", "search", {}) == ""


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_are_read_however_they_are_cut(page: Page, size: int) -> None:
    text = ': hello\n\ndata: {"a":1}\r\n\r\ndata: x\ndata: y\n\nevent: end\ndata: {}\n\ndata: cut'
    parts = [text[at : at + size] for at in range(0, len(text), size)]
    read = """
    async (parts) => {
      const { load } = await import(document.querySelector("script[type=module]").src);
      const { EventReader } = load("lib/sse.js");
      const reader = new EventReader();
      return parts.flatMap((each) => reader.read(each));
    }
    """

    assert page.evaluate(read, parts) == [
        {"event": "message", "data": '{"a":1}'},
        {"event": "message", "data": "x\ny"},
        {"event": "end", "data": "{}"},
    ]


@pytest.mark.parametrize(
    ("window", "by", "count", "moved"),
    [
        ((120, 200), -40, 200, (80, 160)),
        ((20, 100), -40, 200, (0, 80)),
        ((0, 80), -40, 200, (0, 80)),
        ((0, 80), 40, 200, (40, 120)),
        ((110, 190), 40, 200, (120, 200)),
        ((0, 5), 40, 5, (0, 5)),
        ((0, 0), 40, 0, (0, 0)),
    ],
)
def test_a_window_moves_within_its_list(
    page: Page, window: tuple[int, int], by: int, count: int, moved: tuple[int, int]
) -> None:
    given = {"from": window[0], "to": window[1]}

    assert call(page, "chat/tree.js", "moved", given, by, count, 80) == {
        "from": moved[0], "to": moved[1],
    }  # fmt: skip


def test_a_pace_is_that_of_the_last_seconds(page: Page) -> None:
    follow = """
    async (told) => {
      const { load } = await import(document.querySelector("script[type=module]").src);
      const { paced } = load("chat/pace.js");
      const shown = [];
      told.reduce((before, [tokens, now]) => {
        const next = paced(before, tokens, now);
        shown.push([next.shown.tokens, next.shown.rate ?? null]);
        return next;
      }, null);
      return shown;
    }
    """

    told = [(1, 0), (1, 100), (2, 300), (10, 1300), (10, 2300), (10, 3300), (1, 5300)]

    assert page.evaluate(follow, told) == [
        [1, None], [1, None], [4, 10], [14, 10], [24, 10], [34, 10], [35, 5.25],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("prompt", "pace", "before", "used"),
    [
        (None, None, None, None),
        (None, None, 40, 40),
        (None, {"tokens": 5}, 40, 45),
        ({"total": 60}, None, 40, 60),
        ({"total": 60}, {"tokens": 5}, None, 65),
    ],
)
def test_the_context_fills_while_an_answer_comes(
    page: Page, prompt: Any, pace: Any, before: int | None, used: int | None
) -> None:
    ask = """
    async ([entry, before]) => {
      const { load } = await import(document.querySelector("script[type=module]").src);
      const { contextUsed } = load("chat/pace.js");
      return contextUsed(entry, before ?? undefined) ?? null;
    }
    """

    assert page.evaluate(ask, [{"prompt": prompt, "pace": pace}, before]) == used


def sessions(*hours: int) -> list[dict[str, str]]:
    """Conversations in which something was last said at these hours."""
    return [
        {"session_id": f"s{each}", "update_time": f"2026-01-01T{each:02}:00:00Z"} for each in hours
    ]


@pytest.mark.parametrize(
    ("before", "fresh", "is_all", "after"),
    [
        ([], [3, 2], True, [3, 2]),
        ([3, 2, 1], [4, 3], False, [4, 3, 2, 1]),
        ([4, 3, 2, 1], [4, 2], False, [4, 2, 1]),
        ([3, 2, 1], [], True, []),
        ([3, 2, 1], [3], True, [3]),
    ],
)
def test_a_list_that_is_read_again_keeps_its_later_pages(
    page: Page, before: list[int], fresh: list[int], *, is_all: bool, after: list[int]
) -> None:
    given = (sessions(*before), sessions(*fresh), is_all)

    assert call(page, "chat/listed.js", "refreshed", *given) == sessions(*after)


@pytest.mark.parametrize(
    ("text", "start", "said", "end"),
    [
        ("Hello", 0, "", 0),
        ("Hello! How", 0, "Hello!", 6),
        ("Hello! How are you? I", 6, "How are you?", 19),
        ("It costs 3.50", 0, "", 0),
        ("你好。有什么", 0, "你好。", 3),
        ("- one\n- two", 0, "- one", 6),
    ],
)
def test_whole_sentences_are_read_out(
    page: Page, text: str, start: int, said: str, end: int
) -> None:
    assert call(page, "chat/tree.js", "sentences", text, start) == {"text": said, "end": end}


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ("", ""),
        ("One line", ""),
        ("One.\n\nTwo", "One.\n\n"),
        ("```py\nprint(1)\n\nprint(2)\n", ""),
        ("```py\nprint(1)\n```\n\nAfter", "```py\nprint(1)\n```\n\n"),
        ("- a\n- b\n", ""),
        ("# Head\ntext", "# Head\n"),
    ],
)
def test_blocks_are_closed_when_nothing_can_change_them(page: Page, text: str, closed: str) -> None:
    assert call(page, "lib/markdown.js", "closedLength", text) == len(closed)


HOSTILE = """
<script>alert(1)</script> <img src=x onerror=alert(1)> <b style="position:fixed">b</b>

![a picture](https://example.org/a.png "x\\" onerror=alert(1)")
[link](javascript:alert(1)) [other](data:text/html,x) [good](https://example.org)

```html
<iframe src="https://example.org"></iframe>
```
| a | b |
|---|---|
| <svg onload=alert(1)> | 2 |
"""


def test_what_a_model_writes_is_not_trusted(page: Page) -> None:
    show = """
    async (text) => {
      const { load } = await import(document.querySelector("script[type=module]").src);
      const { elements, ready } = load("lib/markdown.js");
      await ready;
      const box = document.createElement("div");
      box.append(elements(text, { copy: "Copy" }));
      return {
        tags: [...new Set([...box.querySelectorAll("*")].map((each) => each.localName))].sort(),
        attributes: [...new Set([...box.querySelectorAll("*")].flatMap((each) => each.getAttributeNames()))].sort(),
        links: [...box.querySelectorAll("a")].map((each) => [each.getAttribute("href"), each.rel, each.target]),
        text: box.textContent,
      };
    }
    """  # noqa: E501 - one line each is easier to read
    seen = page.evaluate(show, HOSTILE)

    safe = ["noopener noreferrer nofollow", "_blank"]
    assert not set(seen["tags"]) & {"script", "img", "b", "iframe", "svg", "style"}
    assert not [name for name in seen["attributes"] if name.startswith("on") or name == "style"]
    assert ["https://example.org/a.png", *safe] in seen["links"]
    assert ["https://example.org", *safe] in seen["links"]
    assert not [href for href, *_ in seen["links"] if href and not href.startswith("https://")]
    assert "<script>alert(1)</script>" in seen["text"]
    assert '<iframe src="https://example.org"></iframe>' in seen["text"]


@pytest.mark.parametrize("key", ["", "fl_secret", "$FUNLAND_KEY"])
@pytest.mark.parametrize("language", ["curl", "python", "typescript", "openai", "cli"])
def test_snippets_have_a_key_only_where_one_is_needed(page: Page, language: str, key: str) -> None:
    given = {"origin": "http://127.0.0.1:8000", "model": "funland-tiny", "key": key}

    text = call(page, "keys/snippets.js", "snippet", language, given)

    assert "funland-tiny" in text
    assert ("fl_secret" in text) == (key == "fl_secret")
    if language != "cli":
        assert ("FUNLAND_KEY" in text) == (key == "$FUNLAND_KEY")


def test_calls_come_in_pieces(page: Page) -> None:
    first = [{"index": 0, "id": "a", "name": "f", "arguments": '{"x"'}]
    more = [{"arguments": ": 1}"}, {"index": 1, "id": "b", "name": "g"}]

    begun = call(page, "chat/entry.js", "joined", [], first)

    assert call(page, "chat/entry.js", "joined", begun, more) == [
        {"id": "a", "name": "f", "arguments": '{"x": 1}'},
        {"id": "b", "name": "g", "arguments": ""},
    ]


@pytest.mark.parametrize(
    ("low", "high", "bounds"),
    [
        (0, 100, (0, 100)),
        (0.2, 4.4, (0, 4.5)),
        (3, 3, (1.5, 4.5)),
        (0, 0, (-0.5, 0.5)),
        (-2, 7, (-2, 7)),
    ],
)
def test_a_charts_bounds_are_round(
    page: Page, low: float, high: float, bounds: tuple[float, float]
) -> None:
    assert call(page, "parts/chart.js", "roundBounds", low, high) == {
        "low": bounds[0], "high": bounds[1],
    }  # fmt: skip


@pytest.mark.parametrize(("count", "most", "kept"), [(3, 5, [0, 1, 2]), (10, 5, [1, 3, 5, 7, 9])])
def test_of_a_long_curve_every_so_many_points_are_drawn(
    page: Page, count: int, most: int, kept: list[int]
) -> None:
    assert call(page, "training/run.js", "thinned", list(range(count)), most) == kept


SESSION = {
    "model": "funland-tiny", "system_message": "Be brief.", "reasoning": False,
    "sampling": {"temperature": 0.20000000298, "max_tokens": 5, "top_k": 3}, "overflow": "FAIL",
}  # fmt: skip


def test_settings_of_a_chat_come_back_as_they_were(page: Page) -> None:
    ask = """
    async (session) => {
      const { load } = await import(document.querySelector("script[type=module]").src);
      const { choices, request } = load("chat/settings.js");
      return request(choices(session), session.sampling);
    }
    """

    assert page.evaluate(ask, SESSION) == {
        "model": "funland-tiny", "system_message": "Be brief.", "reasoning": False,
        "sampling": {"temperature": 0.2, "max_tokens": 5, "top_k": 3}, "overflow": "FAIL",
    }  # fmt: skip
