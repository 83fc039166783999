"""Makes docs/screenshots, of a service of its own: `python -m tools.page_screenshots`."""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tools.bench.services import funland

_FOLDER = Path(__file__).parent.parent / "docs" / "screenshots"
_WIDE = (1200, 750)
_NARROW = (390, 780)
_COLOURS = 128
_WAIT_MS = 240_000
_ROWS = 32


def main() -> None:
    """Makes all of them."""
    _FOLDER.mkdir(exist_ok=True)
    expect.set_options(timeout=_WAIT_MS)
    with (
        tempfile.TemporaryDirectory() as home,
        funland(Path(home)) as service,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = _tab(browser, service.http, "en-US", "light")
        _talk(page, ["Tell me a story.", "How do I get a real model?"])
        _keep(page, "chat")
        _train(page, Path(home))
        _keep(page, "training")
        page.goto(f"{service.http}/#/models")
        page.get_by_role("button", name="More for funland-tiny").click()
        page.get_by_role("menuitem", name="Estimate").click()
        expect(page.get_by_role("dialog").get_by_role("meter")).to_be_visible()
        _keep(page, "models")
        dark = _tab(browser, service.http, "zh-CN", "dark")
        _talk(dark, ["你好", "给我讲个故事。"])
        _keep(dark, "chat-zh-dark")
        phone = _tab(browser, service.http, "zh-CN", "light", _NARROW)
        phone.goto(f"{service.http}/#/devices")
        expect(phone.locator(".chart")).to_be_visible()
        _keep(phone, "phone")
        browser.close()


def _tab(
    browser: Browser, url: str, language: str, theme: str, size: tuple[int, int] = _WIDE
) -> Page:
    dark = theme == "dark"
    page = browser.new_page(
        locale=language,
        color_scheme="dark" if dark else "light",
        viewport={"width": size[0], "height": size[1]},
        reduced_motion="reduce",
    )
    page.set_default_timeout(_WAIT_MS)
    page.goto(url)
    return page


def _talk(page: Page, said: list[str]) -> None:
    for number, text in enumerate(said, 1):
        page.locator(".composer textarea").fill(text)
        page.keyboard.press("Enter")
        expect(page.locator(".took")).to_have_count(number)


def _train(page: Page, folder: Path) -> None:
    rows = folder / "colours.jsonl"
    colours = ("red", "green", "blue", "white")
    lines = [
        {
            "prompt": f"Which colour is number {number}?",
            "completion": f"It is {colours[number % 4]}.",
        }
        for number in range(_ROWS)
    ]
    rows.write_text("\n".join(map(json.dumps, lines)))
    page.get_by_role("link", name="Training").click()
    page.get_by_role("button", name="New run").click()
    page.get_by_label("New dataset").set_input_files(rows)
    page.get_by_role("button", name="Add").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Dataset", exact=True)).to_contain_text("colours")
    dialog.get_by_label("Kept for evaluation").fill("0.2")
    dialog.get_by_label("Most steps").fill("16")
    dialog.get_by_role("button", name="Start").click()
    expect(page.locator(".state")).to_have_text("done")


def _keep(page: Page, name: str) -> None:
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    small = picture.quantize(_COLOURS, dither=Image.Dither.NONE)
    small.save(_FOLDER / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
