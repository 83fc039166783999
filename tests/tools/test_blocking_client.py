"""Blocking code is made of code for event loops."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.client.__main__ import differing
from tools.client.blocking import blocking


@pytest.mark.parametrize(
    ("asynchronous", "expected"),
    [
        ("async def get(self) -> Model:\n", "def get(self) -> Model:\n"),
        ("    return await  self.call(1)\n", "    return self.call(1)\n"),
        ("answers = [await call(one) for one in all]\n", "answers = [call(one) for one in all]\n"),
        ("async for event in events:\n", "for event in events:\n"),
        ("async with timeout(1):\n", "with timeout(1):\n"),
        ("async def __aenter__(self): ...\n", "def __enter__(self): ...\n"),
        ("raise StopAsyncIteration\n", "raise StopIteration\n"),
        ("await asyncio.sleep(seconds)\n", "time.sleep(seconds)\n"),
        ("a: AsyncIterator[AsyncModels]\n", "a: Iterator[Models]\n"),
        ("await async_next_message(call)\n", "next_message(call)\n"),
        ("call: grpc.aio.UnaryStreamCall\n", "call: grpc.UnaryStreamCall\n"),
        (
            "from funland_client.asynchronous.a import A\n",
            "from funland_client.blocking.a import A\n",
        ),
        ('"""As `AsyncModels`."""\n', '"""As `Models`."""\n'),
        (
            '"""A call. Cancelling the\n    task cancels it. It ends."""\n',
            '"""A call. It ends."""\n',
        ),
        ("Asynchronous = awaited = asyncs = 1\n", "Asynchronous = awaited = asyncs = 1\n"),
        ("# await nothing\n", "# await nothing\n"),
        (
            "if a:\n    b()\n\n\nc = '''\n d\n'''  # e\n",
            "if a:\n    b()\n\n\nc = '''\n d\n'''  # e\n",
        ),
    ],
)
def test_what_waits_for_the_loop_blocks(asynchronous: str, expected: str) -> None:
    assert blocking(asynchronous) == expected


def test_a_missing_a_strange_and_a_changed_module_are_found(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder, texts in (
        (ours, {"same.py": "1", "changed.py": "1", "missing.py": "1"}),
        (theirs, {"same.py": "1", "changed.py": "2", "strange.py": "1"}),
    ):
        folder.mkdir()
        for name, text in texts.items():
            (folder / name).write_text(text)

    assert differing(ours, theirs) == {"changed.py", "missing.py", "strange.py"}
