"""The fake hub runs in a test's loop, in a thread, beside another one and in a process."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import aiohttp

from tests.hubs import kinds, models
from tests.hubs.content import folder, seeded
from tests.hubs.server import FakeHub


def _read(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - the fake hub's
        return answer.read()


def test_a_blocking_test_sees_what_happens_meanwhile() -> None:
    with FakeHub() as hub:
        hub.huggingface.add("o/n", {"a.txt": "text"})
        hub.faults.add(kinds.stall(after=2))
        read: list[bytes] = []
        url = f"{hub.huggingface.url}/o/n/resolve/main/a.txt"
        reading = threading.Thread(target=lambda: read.append(_read(url)))
        reading.start()

        hub.wait(lambda: hub.stalled == 1)
        assert hub.bytes_sent("a.txt") == 2
        hub.release()
        reading.join()

        assert read == [b"text"]


async def test_a_hub_that_stops_lets_stalled_requests_go() -> None:
    async with FakeHub() as hub, aiohttp.ClientSession() as client:
        hub.huggingface.add("o/n", {"a.txt": "text"})
        hub.faults.add(kinds.stall(after=2))
        async with client.get(f"{hub.huggingface.url}/o/n/resolve/main/a.txt") as answer:
            await hub.until_stalled()
            await hub.close()
            assert await answer.read() == b"text"


async def test_two_hubs_have_different_hosts(tmp_path: Path) -> None:
    files = models.split_gguf_files(tmp_path / "split")
    async with FakeHub() as hub, FakeHub(network=1) as mirror, aiohttp.ClientSession() as client:
        for one in (hub, mirror):
            one.modelscope.add("o/n", folder(tmp_path / "split"))
        assert {one.cdn.url.split(":")[1] for one in (hub, mirror)} == {
            "//127.0.0.4", "//127.0.1.4",
        }  # fmt: skip

        for name, given in files.items():
            path = f"/api/v1/models/o/n/repo?FilePath={name}"
            async with client.get(mirror.modelscope.url + path) as answer:
                assert await answer.read() == given.bytes()

    assert sorted(files) == [f"tiny-{number:05}-of-00003.gguf" for number in (1, 2, 3)]


def test_a_process_serves_files_and_tells_what_it_sent(tmp_path: Path) -> None:
    body = seeded(3_000_000, "process").bytes()
    (tmp_path / "m.gguf").write_bytes(body)
    command = [sys.executable, "-m", "tests.hubs.main", str(tmp_path / "m.gguf")]

    with subprocess.Popen(
        [*command, "--delay", "0.001", "--rate", "1e9", "--drops", "1000000000000"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert _read(told["files"]["m.gguf"]) == body
        process.stdin.close()
        told = json.loads(process.stdout.readline())

    assert told == {"requests": 1, "sent": 3_000_000}
    assert process.returncode == 0
