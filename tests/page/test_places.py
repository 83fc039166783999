"""Every page, in both languages and both themes, for everybody."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path
from typing import Any, Final

import axe_playwright_python
from playwright.sync_api import Browser, ViewportSize, expect

from tests.conftest import Stack
from tests.page.conftest import WAIT_MS, Tab, open_tab

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
WEB = resources.files("funland_gateway").joinpath("web")
PLACES = {
    "chat": ("What would you like to know?", "想聊点什么？"),
    "models": ("funland-tiny", "funland-tiny"),
    "downloads": ("Free on the disk", "磁盘可用空间"),
    "devices": ("Benchmark", "基准测试"),
    "tasks": ("Queues", "队列"),
    "pictures": ("No pictures yet", "还没有图片"),
    "speech": ("Write down", "转写"),
    "training": ("New run", "新建训练"),
    "projects": ("New project", "新建项目"),
    "logs": ("Health of the parts", "各部分状态"),
    "keys": ("Call it from a program", "从程序调用"),
    "users": ("New user", "新建用户"),
}
NARROW: Final[ViewportSize] = {"width": 360, "height": 740}
WIDE: Final[ViewportSize] = {"width": 1280, "height": 800}


def violations(tab: Tab, *rules: str) -> list[str]:
    """What axe-core finds wrong with the page as it is; by all its rules, if none are named."""
    if not tab.page.evaluate("() => 'axe' in window"):
        tab.page.evaluate(AXE)
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = list(rules)
    found: dict[str, Any] = tab.page.evaluate("(how) => axe.run(document, how)", options)
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


def test_every_page_is_for_everybody_and_fits_a_small_phone(tab: Tab) -> None:
    tab.page.emulate_media(reduced_motion="reduce")
    for place, texts in PLACES.items():
        tab.page.set_viewport_size(WIDE)
        tab.go(place)

        expect(tab.page.locator("main")).to_contain_text(texts[0])
        assert tab.page.locator("html").get_attribute("lang") == "en"
        assert violations(tab) == [], place
        tab.page.set_viewport_size(NARROW)
        wide = tab.page.evaluate("() => document.documentElement.scrollWidth")
        inside = tab.page.evaluate("() => document.querySelector('main').scrollWidth")
        assert max(wide, inside) <= NARROW["width"], place
    tab.page.get_by_role("button", name="Menu", exact=True).click()
    tab.page.get_by_role("link", name="Chat", exact=True).click()
    expect(tab.page.get_by_role("link", name="New chat", exact=True)).to_be_visible()


def test_every_page_is_there_in_chinese_and_its_dark_colours_can_be_read(
    browser: Browser, stack: Stack
) -> None:
    with browser.new_context(
        locale="zh-CN", color_scheme="dark", reduced_motion="reduce"
    ) as context:
        context.set_default_timeout(WAIT_MS)
        tab = open_tab(context, stack.http_url)
        for place, texts in PLACES.items():
            tab.go(place)

            expect(tab.page.locator("main")).to_contain_text(texts[1])
            assert tab.page.locator("html").get_attribute("lang") == "zh-CN"
            assert violations(tab, "color-contrast") == [], place
        assert tab.complaints == []


def test_a_dialog_keeps_the_keyboard_and_escape_closes_it(tab: Tab) -> None:
    tab.go("chat")
    tab.page.get_by_role("button", name="Chat settings").click()
    dialog = tab.page.get_by_role("dialog", name="Chat settings")
    expect(dialog).to_be_visible()
    assert violations(tab) == []

    for _ in range(15):
        tab.page.keyboard.press("Tab")
        assert tab.page.evaluate(
            "() => document.activeElement === document.body"
            " || document.querySelector('dialog').contains(document.activeElement)"
        )
    tab.page.keyboard.press("Escape")

    expect(dialog).to_be_hidden()
    expect(tab.page.get_by_role("button", name="Chat settings")).to_be_focused()


def test_language_and_theme_are_chosen_and_kept(tab: Tab) -> None:
    tab.go("models")
    tab.page.get_by_role("button", name="中文").click()
    tab.page.get_by_role("button", name="深色").click()
    expect(tab.page.get_by_role("heading", level=1)).to_have_text("模型")

    tab.page.reload()

    expect(tab.page.get_by_role("heading", level=1)).to_have_text("模型")
    assert tab.page.locator("html").get_attribute("data-theme") == "dark"
    assert tab.page.title() == "模型 · Funland"


def texts(language: str) -> dict[str, str]:
    """The texts of a language, which are a module of one object."""
    source = WEB.joinpath("i18n", f"{language}.js").read_text(encoding="utf-8")
    body = source[source.index("{") : source.rindex("}") + 1]
    return json.loads(re.sub(r",\s*}$", "}", body))


def test_both_languages_have_the_same_texts() -> None:
    english, chinese = texts("en"), texts("zh")

    assert list(english) == list(chinese)
    for key, text in english.items():
        gaps = sorted(re.findall(r"\{\w+\}", text))
        assert sorted(re.findall(r"\{\w+\}", chinese[key])) == gaps, key


def test_every_text_that_is_shown_is_there_and_none_is_left_over() -> None:
    sources = "".join(
        file.read_text(encoding="utf-8")
        for folder in WEB.iterdir()
        if folder.name not in ("docs", "i18n", "vendor")
        for file in (folder.iterdir() if folder.is_dir() else [folder])
        if file.name.endswith(".js")
    )
    known = set(texts("en"))
    shown = set(re.findall(r'\bt\("([^"]+)"', sources))
    strings = set(re.findall(r'"([\w.]+)"', sources))
    families = tuple(
        f"{name}."
        for name in (
            set(re.findall(r'\bnamed\("(\w+)"', sources))
            | set(re.findall(r"\bt\(`(\w+)\.\$", sources))
        )
    )

    assert shown <= known
    assert {key for key in known if not key.startswith(families)} <= strings
