"""Shows what the web page costs: its first load, and ten chats that are written at once in one
browser, each with thousands of messages: `make bench-page`. Needs Chromium.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final, cast

import orjson
from playwright.async_api import Browser, CDPSession, async_playwright

from tools.bench.paced_chats import paced_chats
from tools.bench.services import funland

_MOST_BYTES: Final = 200_000
_MOST_MS: Final = 300
_MOST_BUSY: Final = 0.30
_SETTLE_SECONDS: Final = 3


@dataclass(frozen=True, slots=True)
class Load:
    """A first load, with nothing kept, until one can write."""

    bytes_: int
    """What came over the line, heads included."""
    requests: int
    ms: list[float]
    """From the navigation until the field to write in is there, by round."""

    def text(self) -> str:
        """The lines for people."""
        typical = median(self.ms)
        return (
            f"first load: {self.bytes_ / 1000:.0f} kB in {self.requests} requests"
            f" (<= {_MOST_BYTES / 1000:.0f} kB  {_met(self.bytes_ <= _MOST_BYTES)})\n"
            f"  one can write after {typical:.0f} ms"
            f" (<= {_MOST_MS} ms  {_met(typical <= _MOST_MS)});"
            f" rounds {', '.join(f'{each:.0f}' for each in self.ms)}"
        )


@dataclass(frozen=True, slots=True)
class Busy:
    """What ten chats at once take of the main thread, as parts of the time."""

    chats: int
    messages: int
    tokens_a_second: float
    all_: float
    script: float
    layout: float
    frames_a_second: float
    in_document: int
    """Messages of the one that is shown."""

    def text(self) -> str:
        """The lines for people."""
        return (
            f"{self.chats} chats of {self.messages} messages,"
            f" {self.tokens_a_second:.0f} tokens/s each:"
            f" {self.all_:.0%} of the main thread"
            f" (< {_MOST_BUSY:.0%}  {_met(self.all_ < _MOST_BUSY)})\n"
            f"  script {self.script:.1%}, layout and style {self.layout:.1%},"
            f" {self.frames_a_second:.0f} frames/s, {self.in_document} messages in the document"
        )


def _met(is_met: bool) -> str:
    return "met" if is_met else "NOT MET"


async def first_load(browser: Browser, url: str, rounds: int) -> Load:
    """Measures first loads, each in a profile of its own."""
    took: list[float] = []
    came = requests = 0
    for _ in range(rounds):
        context = await browser.new_context()
        page = await context.new_page()
        session = await context.new_cdp_session(page)
        await _told(session, "Network.enable")
        sizes: list[float] = []

        def finished(event: dict[str, Any], into: list[float] = sizes) -> None:
            into.append(event["encodedDataLength"])

        session.on("Network.loadingFinished", finished)
        await page.add_init_script(
            "new MutationObserver((_, all) => {"
            " if (!document.querySelector('.composer textarea')) return;"
            " all.disconnect(); window.usable = performance.now();"
            "}).observe(document, { childList: true, subtree: true });"
        )
        await page.goto(url)
        await page.wait_for_function("() => window.usable")
        took.append(await page.evaluate("() => window.usable"))
        await page.wait_for_timeout(500)
        came, requests = int(sum(sizes)), len(sizes)
        await context.close()
    return Load(came, requests, took)


async def ten_chats(browser: Browser, url: str, asked: argparse.Namespace) -> Busy:
    """Opens chats one after the other, which all go on, and measures while the last is shown."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    page = await context.new_page()
    for number in range(asked.chats):
        await page.goto(f"{url}/#/chat/chat{number}")
        await page.wait_for_function(
            "(id) => document.querySelector('.message-row:last-child')?.dataset.id.startsWith(id)"
            " && document.querySelector('.message-row:last-child .open-block')",
            arg=f"chat{number}_",
        )
    await page.wait_for_timeout(_SETTLE_SECONDS * 1000)
    session = await context.new_cdp_session(page)
    await _told(session, "Performance.enable", {"timeDomain": "threadTicks"})
    before = await _metrics(session)
    frames: float = await page.evaluate(
        "(ms) => new Promise((done) => { let frames = 0; const end = performance.now() + ms;"
        " const step = (now) => { frames += 1;"
        " now < end ? requestAnimationFrame(step) : done(frames); };"
        " requestAnimationFrame(step); })",
        asked.seconds * 1000,
    )
    after = await _metrics(session)
    shown: int = await page.evaluate("() => document.querySelectorAll('.message-row').length")
    await context.close()
    passed = after["Timestamp"] - before["Timestamp"]

    def part(*names: str) -> float:
        return sum(after[name] - before[name] for name in names) / passed

    return Busy(
        asked.chats, asked.messages, asked.rate, part("TaskDuration"), part("ScriptDuration"),
        part("LayoutDuration", "RecalcStyleDuration"), frames / passed, shown,
    )  # fmt: skip


async def _metrics(session: CDPSession) -> dict[str, float]:
    found = await _told(session, "Performance.getMetrics")
    return {each["name"]: each["value"] for each in found["metrics"]}


async def _told(
    session: CDPSession, method: str, values: dict[str, Any] | None = None
) -> dict[str, Any]:
    # The package leaves the types of its dictionaries out.
    return cast("dict[str, Any]", await cast("Any", session).send(method, values))


async def measured(asked: argparse.Namespace, service_url: str) -> tuple[Load, Busy]:
    """Both, in one browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"))
        load = await first_load(browser, service_url, asked.rounds)
        async with paced_chats(asked.messages, asked.rate) as url:
            busy = await ten_chats(browser, url, asked)
        await browser.close()
    return load, busy


def main() -> None:
    """Measures and tells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--chats", type=int, default=10)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--rate", type=float, default=60.0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, funland(Path(home)) as service:
        load, busy = asyncio.run(measured(asked, service.http))
    if asked.json:
        print(orjson.dumps({"load": asdict(load), "busy": asdict(busy)}).decode())
        return
    print(load.text())
    print(busy.text())


if __name__ == "__main__":
    main()
